"""Payments in the admin: what was asked, what came, what went back; disputes and the processor's messages."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from accounts import access, audit
from accounts.admin.base import NetworkInline, ReadOnlyAdmin, person
from accounts.backends import organisations_allowing
from billing.invoicing.credits import NothingToCredit, credit_invoice
from billing.invoicing.drafts import CannotIssue
from billing.models import Dispute, Payment, Refund, WebhookEvent
from billing.payments import refunds
from billing.payments.event_words import EVENT_WORDS
from billing.tasks import handle_webhook
from chargeportal.templatetags.chargeportal_formats import local, money

TONES = {
    Payment.State.SUCCEEDED: "success",
    Payment.State.AUTHORISED: "info",
    Payment.State.PROCESSING: "info",
    Payment.State.REQUIRES_ACTION: "warning",
    Payment.State.FAILED: "danger",
}
_REFUND = "billing.add_refund"


class RefundForm(forms.Form):
    """How much goes back, why, and whether the document is credited."""

    amount = forms.DecimalField(
        label=_("Amount"),
        min_value=Decimal("0.01"),
        max_digits=12,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    reason = forms.CharField(label=_("Reason"), max_length=160, widget=UnfoldAdminTextInputWidget)
    credit = forms.BooleanField(
        label=_("Credit the whole document"),
        required=False,
        help_text=_("Issues a credit note and pays back what was paid. Without it the amount is goodwill."),
    )
    attempt = forms.UUIDField(widget=forms.HiddenInput)


class RefundInline(NetworkInline):
    """What went back."""

    model = Refund
    hide_title = True
    fields = ("amount", "reason", "state", "credit_note", "created_at", "stripe_id")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("credit_note__series")


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Money asked of cards."""

    operator_path = "operator"
    list_display = ("begun", "payer", "about", "asked", "came", "went_back", "shown_state")
    list_filter = ("state", "purpose", ("created_at", RangeDateTimeFilter))
    list_select_related = ("account", "invoice__series", "card")
    search_fields = ("stripe_payment_intent", "account__name", "account__number", "public_id")
    search_help_text = _("Customer, customer number, payment")
    inlines = (RefundInline,)
    actions_detail = ("pay_back",)
    fields = (
        "public_id",
        "state_word",
        "purpose",
        "account",
        "document",
        "charged_session",
        "card",
        "asked",
        "held",
        "came",
        "went_back",
        "failure_code",
        "attempts",
        "created_at",
        "settled_at",
        "stripe_payment_intent",
        "timeline",
    )
    readonly_fields = fields

    @display(description=_("started"), ordering="created_at")
    def begun(self, payment: Payment) -> str:
        """When it was asked for."""
        return local(payment.created_at)

    @display(description=_("customer"), ordering="account__name")
    def payer(self, payment: Payment) -> str:
        """Who pays."""
        return payment.account.name if payment.account else _now("Guest")

    @display(description=_("for"))
    def about(self, payment: Payment) -> str:
        """What for."""
        number = f" {payment.invoice.full_number}" if payment.invoice else ""
        return f"{payment.get_purpose_display()}{number}"

    @display(description=_("document"))
    def document(self, payment: Payment) -> SafeString:
        """Leads to the document that it pays."""
        if payment.invoice is None:
            return format_html("–")
        return format_html(
            '<a class="cp-link" href="{}">{}</a>',
            reverse("admin:billing_invoice_change", args=[payment.invoice_id]),
            payment.invoice.full_number,
        )

    @display(description=_("state"))
    def state_word(self, payment: Payment) -> str:
        """The state in a word."""
        return payment.get_state_display()

    @display(description=_("charging session"))
    def charged_session(self, payment: Payment) -> SafeString:
        """Leads to the session it pays for."""
        if payment.session_id is None:
            return format_html("–")
        return format_html(
            '<a class="cp-link" href="{}">{}</a>',
            reverse("dashboards:session", args=[payment.session_id]),
            payment.session,
        )

    @display(description=_("asked for"), ordering="requested")
    def asked(self, payment: Payment) -> str:
        """The amount asked for."""
        return money(payment.requested, payment.currency)

    @display(description=_("reserved"))
    def held(self, payment: Payment) -> str:
        """The amount reserved."""
        return money(payment.authorised, payment.currency)

    @display(description=_("paid"), ordering="captured")
    def came(self, payment: Payment) -> str:
        """The amount that came."""
        return money(payment.captured, payment.currency)

    @display(description=_("paid back"), ordering="refunded")
    def went_back(self, payment: Payment) -> str:
        """The amount that went back."""
        return money(payment.refunded, payment.currency) if payment.refunded else "–"

    @display(
        description=_("state"), ordering="state", label={str(state): tone for state, tone in TONES.items()}
    )
    def shown_state(self, payment: Payment) -> tuple[str, str]:
        """The state in a word and a colour."""
        word = payment.get_state_display()
        return payment.state, f"{word} ({payment.failure_code})" if payment.failure_code else word

    @display(description=_("what the card processor told"))
    def timeline(self, payment: Payment) -> SafeString:
        """Its messages about the payment, oldest first."""
        rows = [
            (local(event.created_at), EVENT_WORDS.get(event.type, event.type), event.error)
            for event in events_of(payment)
        ]
        if not rows:
            return format_html("{}", _now("Nothing yet."))
        lines = '<tr><td class="cp-number">{}</td><td>{}</td><td class="cp-quiet">{}</td></tr>'
        return format_html(
            '<table class="cp-table"><tbody>{}</tbody></table>', format_html_join("", lines, rows)
        )

    def has_pay_back_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance pays back, in its own operator, what there is to pay back."""
        if not request.user.has_perm(_REFUND):
            return False
        return object_id is None or self._refundable(request, object_id) is not None

    @action(description=_("Pay back"), url_path="pay-back", permissions=("pay_back",))
    def pay_back(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The form, which says what will happen; and then it happens."""
        payment = self._refundable(request, object_id)
        if payment is None:
            raise Http404
        left = refunds.left(payment)
        initial = {
            "amount": left,
            "attempt": uuid.uuid4(),
            "credit": payment.invoice is not None and left == payment.captured,
        }
        form = RefundForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid() and self._paid_back(request, payment, form):
            return redirect(reverse("admin:billing_payment_change", args=[payment.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _now("Pay back"),
            "payment": payment,
            "left": left,
            "form": form,
        }
        return TemplateResponse(request, "admin/payments/refund.html", context)

    def _refundable(self, request: HttpRequest, object_id: Any) -> Payment | None:
        mine = self.in_scope(Payment.objects.all(), request.user, verb="view")
        if not request.user.is_superuser:
            mine = mine.filter(operator__in=organisations_allowing(request.user, _REFUND))
        found = mine.select_related("account", "invoice__series", "card").filter(pk=object_id)
        payment = found.filter(state=Payment.State.SUCCEEDED).first()
        return payment if payment is not None and refunds.left(payment) > 0 else None

    def _paid_back(self, request: HttpRequest, payment: Payment, form: RefundForm) -> bool:
        """Whether it was done; what stands against it is on the form."""
        facts, now, who = form.cleaned_data, timezone.now(), person(request)
        try:
            if facts["credit"] and payment.invoice is not None:
                note = credit_invoice(payment.invoice, reason=facts["reason"], now=now, by=who)
                refunds.pay_back(note, now=now, by=who)
            else:
                refunds.refund(
                    payment,
                    amount=facts["amount"],
                    reason=facts["reason"],
                    by=who,
                    now=now,
                    key=str(facts["attempt"]),
                )
        except refunds.CannotRefund:
            form.add_error("amount", _now("There is not so much left to pay back."))
            return False
        except (NothingToCredit, CannotIssue) as error:
            form.add_error("credit", str(error))
            return False
        messages.success(request, _now("The money is on its way back."))
        return True


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    """Payments that cardholders contest at their bank."""

    operator_path = "payment__operator"
    list_display = (
        "opened_at",
        "payment",
        "shown_amount",
        "reason",
        "status",
        "evidence_due_at",
        "closed_at",
    )
    list_filter = ("status", ("opened_at", RangeDateTimeFilter))
    list_select_related = ("payment",)
    search_fields = ("stripe_id", "payment__stripe_payment_intent", "payment__account__name")
    fields = (
        "payment",
        "shown_amount",
        "reason",
        "status",
        "evidence_due_at",
        "opened_at",
        "closed_at",
        "stripe_id",
    )
    readonly_fields = fields

    @display(description=_("amount"), ordering="amount")
    def shown_amount(self, dispute: Dispute) -> str:
        """The contested amount."""
        return money(dispute.amount, dispute.payment.currency)


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """What the card processor told us, and whether it was dealt with."""

    list_display = ("received_at", "type", "is_handled", "attempts", "error", "stripe_id")
    list_filter = ("type", ("received_at", RangeDateTimeFilter), ("handled_at", admin.EmptyFieldListFilter))
    search_fields = ("stripe_id", "type")
    actions_detail = ("try_again",)
    fields = ("stripe_id", "type", "created_at", "received_at", "handled_at", "attempts", "error", "payload")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows.defer("payload") if not request.resolver_match or self._is_list(request) else rows

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        """The messages are the installation's: shown to its only operator, else to superusers alone."""
        return rows if access.sole_operator_id() in organisation_ids else rows.none()

    @display(description=_("handled"), boolean=True, ordering="handled_at")
    def is_handled(self, event: WebhookEvent) -> bool:
        """Whether it was dealt with."""
        return event.handled_at is not None

    def has_try_again_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Those who keep the reconciliation may have a message handled again."""
        if not request.user.has_perm("billing.change_reconciliation"):
            return False
        return object_id is None or self.get_queryset(request).filter(pk=object_id, handled_at=None).exists()

    @action(description=_("Try again"), url_path="try-again", permissions=("try_again",))
    def try_again(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The message is handled once more, by a worker."""
        event = self.get_queryset(request).filter(pk=object_id, handled_at=None).first()
        if event is None:
            raise Http404
        handle_webhook.delay_on_commit(event_id=event.pk)
        audit.record(request.user, act="webhook.retried", subject=f"{event.type} {event.stripe_id}")
        messages.info(request, _now("The message is being handled again."))
        return redirect(reverse("admin:billing_webhookevent_change", args=[event.pk]))

    def _is_list(self, request: HttpRequest) -> bool:
        return bool(request.resolver_match and str(request.resolver_match.url_name).endswith("_changelist"))


def events_of(payment: Payment) -> QuerySet[WebhookEvent]:
    """The processor's messages about the payment, oldest first."""
    intent = payment.stripe_payment_intent
    if not intent:
        return WebhookEvent.objects.none()
    about = Q(payload__contains={"data": {"object": {"id": intent}}}) | Q(
        payload__contains={"data": {"object": {"payment_intent": intent}}}
    )
    return WebhookEvent.objects.filter(about).order_by("created_at", "pk").defer("payload")
