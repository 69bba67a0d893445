"""Wallets and what moved them, and guests' checkouts."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from accounts import audit
from accounts.admin.base import NetworkInline, ReadOnlyAdmin, person
from billing.models import GuestCheckout, Wallet, WalletEntry
from billing.payments import wallets
from chargeportal.templatetags.chargeportal_formats import money

TONES = {
    "checkout": "info",
    "paid": "info",
    "starting": "info",
    "charging": "success",
    "done": "success",
    "failed": "danger",
    "expired": "warning",
}


class AdjustForm(forms.Form):
    """How much, and why."""

    amount = forms.DecimalField(
        label=_("Amount"),
        help_text=_("negative takes out"),
        max_digits=8,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget(),
    )
    text = forms.CharField(label=_("Reason"), max_length=80, widget=UnfoldAdminTextInputWidget())
    attempt = forms.UUIDField(widget=forms.HiddenInput())

    def clean_amount(self) -> Any:
        """Some amount."""
        if not self.cleaned_data["amount"]:
            raise forms.ValidationError(_now("Nought moves nothing."))
        return self.cleaned_data["amount"]


class WalletEntryInline(NetworkInline):
    """What moved the wallet, newest first."""

    model = WalletEntry
    hide_title = True
    fields = ("created_at", "kind", "amount", "balance_after", "text", "payment", "cdr")
    readonly_fields = fields
    ordering = ("-created_at", "-pk")
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    """What customers have paid in advance."""

    operator_path = "account__operator"
    list_display = ("account", "holds", "automatic")
    list_select_related = ("account",)
    search_fields = ("account__number", "account__name", "account__email")
    inlines = (WalletEntryInline,)
    fields = ("account", "balance", "currency", "top_up_below", "top_up_amount")
    readonly_fields = fields
    actions_detail = ["adjust"]

    @display(description=_("balance"), ordering="balance")
    def holds(self, wallet: Wallet) -> str:
        """What is in it."""
        return money(wallet.balance, wallet.currency)

    @display(description=_("fills itself"))
    def automatic(self, wallet: Wallet) -> str:
        """When it fills itself, and with how much."""
        if wallet.top_up_amount is None or wallet.top_up_below is None:
            return "–"
        below = money(wallet.top_up_below, wallet.currency)
        return f"< {below} → +{money(wallet.top_up_amount, wallet.currency)}"

    def has_adjust_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether the person may put something in or take something out."""
        if not request.user.has_perm("billing.change_wallet"):
            return False
        rows = self.in_scope(Wallet.objects.all(), request.user, verb="change")
        return object_id is None or rows.filter(pk=object_id).exists()

    @action(description=_("Adjust the balance"), url_path="adjust", permissions=["adjust"])
    def adjust(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """An amount is put in or taken out with its reason, in the audit trail and in the books."""
        wallet = self.in_scope(Wallet.objects.all(), request.user, verb="change").get(pk=object_id)
        form = AdjustForm(request.POST or None, initial={"attempt": uuid.uuid4()})
        if request.method == "POST" and form.is_valid() and self._adjusted(request, wallet, form):
            return redirect(reverse("admin:billing_wallet_change", args=[wallet.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Adjust the balance"),
            "form": form,
            "wallet": wallet,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/billing/adjust_wallet.html", context)

    def _adjusted(self, request: HttpRequest, wallet: Wallet, form: AdjustForm) -> bool:
        facts = form.cleaned_data
        try:
            wallets.adjust(
                wallet,
                amount=facts["amount"],
                text=facts["text"],
                attempt=str(facts["attempt"]),
                by=person(request),
                now=timezone.now(),
            )
        except wallets.NotThisAmount as refusal:
            form.add_error("amount", str(refusal))
            return False
        details = {"amount": str(facts["amount"]), "reason": facts["text"]}
        audit.record(
            request.user, act="wallet.adjusted", subject=f"account {wallet.account.number}", details=details
        )
        messages.success(request, _now("Done, and in the books."))
        return True


@admin.register(GuestCheckout)
class GuestCheckoutAdmin(ReadOnlyAdmin):
    """What guests paid for, and how it went on."""

    operator_path = "payment__operator"
    list_display = ("created_at", "outlet", "outcome", "reserved", "paid", "email")
    list_filter = ("state", ("created_at", RangeDateTimeFilter))
    list_select_related = ("evse__station", "payment")
    search_fields = ("email", "evse__evse_id", "evse__station__identity", "payment__stripe_payment_intent")
    date_hierarchy = "created_at"
    fields = (
        "created_at", "evse", "state", "email", "language", "tariff", "payment", "start_request", "session",
        "receipt_sent_at", "expires_at",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("outlet"), ordering="evse__station__identity")
    def outlet(self, checkout: GuestCheckout) -> str:
        """The EVSE."""
        return str(checkout.evse)

    @display(description=_("state"), ordering="state", label=TONES)
    def outcome(self, checkout: GuestCheckout) -> tuple[str, Any]:
        """How far it has come."""
        return checkout.state, checkout.get_state_display()

    @display(description=_("reserved"), ordering="payment__authorised")
    def reserved(self, checkout: GuestCheckout) -> str:
        """The hold."""
        return money(checkout.payment.authorised, checkout.payment.currency)

    @display(description=_("paid"), ordering="payment__captured")
    def paid(self, checkout: GuestCheckout) -> str:
        """What was captured."""
        return money(checkout.payment.captured, checkout.payment.currency)
