"""The wallet's page: what is in it, what moved it, filling it by hand or by itself, and its way back."""

from __future__ import annotations

import logging
import secrets
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from accounts.web.people import person
from billing.models import BillingAccount, Wallet
from billing.payments import charging, handlers, stripe_api, wallets
from billing.web.accounts import account_or_404
from billing.web.payment_section import page_of
from chargeportal.common.formats import format_money
from chargeportal.common.money import Money

logger = logging.getLogger(__name__)

ENTRIES_PER_PAGE = 25


class TopUpForm(forms.Form):
    """How much; and which attempt this is: two clicks are one."""

    amount = forms.DecimalField(label=gettext_lazy("Amount"), max_digits=8, decimal_places=2, localize=True)
    attempt = forms.RegexField(r"^[0-9a-f]{24}$")


class AutomaticForm(forms.Form):
    """When the wallet fills itself, and with how much."""

    top_up_below = forms.DecimalField(
        label=gettext_lazy("When there is less than"),
        min_value=0,
        max_value=2000,
        max_digits=8,
        decimal_places=2,
    )
    top_up_amount = forms.DecimalField(label=gettext_lazy("fill up with"), max_digits=8, decimal_places=2)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_top_up_amount(self) -> Any:
        """An amount within the limits of a top-up."""
        amount = self.cleaned_data["top_up_amount"]
        try:
            wallets.check_limits(amount, currency=self.currency)
        except wallets.NotThisAmount as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return amount


@login_required
@never_cache
@require_GET
def page(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What is in the wallet and what moved it."""
    account = account_or_404(request, public_id)
    if request.GET.get("paid"):
        return _back_from_payment(request, account, request.GET["paid"])
    return render(request, "billing/wallet.html", _page(request, account))


@login_required
@require_POST
def top_up(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Leads to the payment page."""
    account = account_or_404(request, public_id)
    form = TopUpForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Write an amount, such as 200."))
        return redirect("wallet", public_id=account.public_id)
    own_page = request.build_absolute_uri(reverse("wallet", args=[account.public_id]))
    try:
        return redirect(
            wallets.start_top_up(
                account,
                **form.cleaned_data,
                language=(get_language() or "sv")[:2],
                success_url=f"{own_page}?paid={{CHECKOUT_SESSION_ID}}",
                cancel_url=own_page,
            )
        )
    except wallets.NotThisAmount as refusal:
        messages.error(request, str(refusal))
    except stripe_api.PaymentsError:
        logger.warning("The payment page for a wallet could not be opened", exc_info=True)
        messages.error(request, _("The payment page cannot be reached right now. Try again in a moment."))
    return redirect("wallet", public_id=account.public_id)


@login_required
@require_POST
def automatic(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The wallet fills itself from now on, or does not any more."""
    account = account_or_404(request, public_id)
    form = AutomaticForm(request.POST, currency=account.currency)
    if "off" in request.POST:
        _set_automatic(request, account, None, None)
        messages.success(request, _("The wallet does not fill itself any more."))
    elif not form.is_valid():
        return render(request, "billing/wallet.html", _page(request, account, form=form))
    elif charging.default_card(account.pk) is None:
        messages.error(request, _("Save a card first: the wallet fills itself from it."))
    else:
        _set_automatic(request, account, **form.cleaned_data)
        messages.success(request, _("The wallet fills itself from now on."))
    return redirect("wallet", public_id=account.public_id)


@login_required
@require_POST
def pay_back(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What is in the wallet goes back to the cards it came from."""
    account = account_or_404(request, public_id)
    returned = wallets.refund_balance(account, by=person(request), now=timezone.now())
    if returned:
        amount = format_money(Money(returned, account.currency), get_language() or "sv")
        text = _("%(amount)s is on its way back to your card. Your bank may need some days.")
        messages.success(request, text % {"amount": amount})
    else:
        messages.info(request, _("There is nothing in the wallet that came from a card."))
    return redirect("wallet", public_id=account.public_id)


def _page(
    request: HttpRequest, account: BillingAccount, *, form: AutomaticForm | None = None
) -> dict[str, Any]:
    wallet = wallets.wallet_of(account)
    entries = wallet.entries.select_related("cdr__session").order_by("-created_at", "-pk")
    automatic = {"top_up_below": wallet.top_up_below or 100, "top_up_amount": wallet.top_up_amount or 200}
    return page_of(account) | {
        "wallet": wallet,
        "page": Paginator(entries, ENTRIES_PER_PAGE).get_page(request.GET.get("page", "1")),
        "choices": settings.WALLET_TOP_UPS,
        "limits": settings.WALLET_TOP_UP_LIMITS,
        "attempt": secrets.token_hex(12),
        "form": form or AutomaticForm(initial=automatic, currency=account.currency),
        "card": charging.default_card(account.pk),
        "is_used": account.collection == BillingAccount.Collection.WALLET,
        "is_on": stripe_api.is_on(),
    }


def _set_automatic(
    request: HttpRequest, account: BillingAccount, top_up_below: Any, top_up_amount: Any
) -> None:
    wallet = wallets.wallet_of(account)
    Wallet.objects.filter(pk=wallet.pk).update(top_up_below=top_up_below, top_up_amount=top_up_amount)
    audit.record(
        request.user,
        act="wallet.automatic",
        subject=f"account {account.number}",
        details={"below": str(top_up_below), "amount": str(top_up_amount)},
    )


def _back_from_payment(request: HttpRequest, account: BillingAccount, session_id: str) -> HttpResponse:
    try:
        payment = handlers.follow_page(session_id[:200], now=timezone.now())
        if payment is not None and payment.account_id == account.pk and payment.state == "succeeded":
            messages.success(request, _("Thank you. The money is in your wallet."))
    except stripe_api.PaymentsError:
        logger.warning("A top-up could not be looked up", exc_info=True)
        messages.info(request, _("Your payment will be listed here in a moment."))
    return redirect("wallet", public_id=account.public_id)
