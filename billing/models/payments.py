"""Payments: what was asked of a card, what came, and what the card processor told us."""

import uuid
from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import Organisation
from billing.models.accounts import BillingAccount
from billing.models.ledger import OfOperatorQuerySet
from billing.models.tariffs import Tariff
from sessions.models import ChargingSession, StartRequest
from stations.models import Evse


class StripeCustomer(models.Model):
    """The account as the card processor knows it."""

    account = models.OneToOneField(
        BillingAccount, models.PROTECT, related_name="stripe_customer", verbose_name=_("customer account")
    )
    stripe_id = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.stripe_id


class Card(models.Model):
    """A saved way to pay: never more of the card than brand, last four digits and expiry."""

    account = models.ForeignKey(
        BillingAccount, models.PROTECT, related_name="cards", verbose_name=_("customer account")
    )
    stripe_id = models.CharField(max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=30, default="card")
    brand = models.CharField(_("brand"), max_length=30, blank=True)
    last4 = models.CharField(_("last four digits"), max_length=4, blank=True)
    exp_month = models.PositiveSmallIntegerField(_("expiry month"), null=True)
    exp_year = models.PositiveSmallIntegerField(_("expiry year"), null=True)
    is_default = models.BooleanField(_("used first"), default=False)
    added_at = models.DateTimeField(_("added"), auto_now_add=True)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("saved card")
        verbose_name_plural = _("saved cards")
        ordering = ("-is_default", "-added_at")
        constraints = (
            models.UniqueConstraint(
                fields=("account",),
                condition=models.Q(is_default=True, removed_at__isnull=True),
                name="card_one_default_per_account",
            ),
        )

    def __str__(self) -> str:
        return f"{self.brand} •••• {self.last4}"


class PaymentQuerySet(models.QuerySet["Payment"]):
    """Payments, by who may see them."""

    def visible_to(self, user: Any) -> "PaymentQuerySet":
        """Those of the accounts the person may see, and of the operators for whom the person does money."""
        if getattr(user, "is_superuser", False):
            return self
        if not getattr(user, "is_authenticated", False):
            return self.none()
        return self.filter(
            models.Q(account__in=BillingAccount.objects.visible_to(user).values("pk"))
            | models.Q(operator__in=access.organisations_with(user, access.MONEY_ROLES))
        )


class Payment(models.Model):
    """Money asked of a card or another way to pay, from the first request to the last refund.

    State moves by compare-and-set only. ``captured`` never exceeds ``authorised``, ``refunded`` never
    exceeds ``captured``: the database sees to it.
    """

    class Purpose(models.TextChoices):
        GUEST = "guest", _("guest charging")
        SESSION = "session", _("charging session")
        INVOICE = "invoice", _("invoice")
        TOP_UP = "top_up", _("wallet top-up")

    class State(models.TextChoices):
        CREATED = "created", _("started")
        REQUIRES_ACTION = "requires_action", _("waits for the customer's approval")
        AUTHORISED = "authorised", _("amount reserved")
        PROCESSING = "processing", _("on its way")
        SUCCEEDED = "succeeded", _("paid")
        FAILED = "failed", _("declined")
        CANCELLED = "cancelled", _("released")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="payments", verbose_name=_("operator")
    )
    account = models.ForeignKey(
        BillingAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name=_("customer account"),
    )
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    session = models.ForeignKey(
        ChargingSession,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name=_("charging session"),
    )
    invoice = models.ForeignKey(
        "billing.Invoice",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name=_("invoice"),
    )
    card = models.ForeignKey(
        Card, models.PROTECT, null=True, blank=True, related_name="payments", verbose_name=_("card")
    )
    currency = models.CharField(_("currency"), max_length=3)
    requested = models.DecimalField(_("asked for"), max_digits=12, decimal_places=2)
    authorised = models.DecimalField(_("reserved"), max_digits=12, decimal_places=2, default=0)
    captured = models.DecimalField(_("paid"), max_digits=12, decimal_places=2, default=0)
    refunded = models.DecimalField(_("paid back"), max_digits=12, decimal_places=2, default=0)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.CREATED)
    stripe_payment_intent = models.CharField(max_length=80, blank=True)
    idempotency_key = models.CharField(max_length=120, unique=True)
    failure_code = models.CharField(_("why declined"), max_length=60, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("started"), auto_now_add=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("stripe_payment_intent",),
                condition=~models.Q(stripe_payment_intent=""),
                name="payment_intent_unique",
            ),
            models.CheckConstraint(
                condition=models.Q(requested__gte=0, authorised__gte=0, captured__gte=0, refunded__gte=0),
                name="payment_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(captured__lte=models.F("authorised")),
                name="payment_captured_within_authorised",
            ),
            models.CheckConstraint(
                condition=models.Q(refunded__lte=models.F("captured")),
                name="payment_refunded_within_captured",
            ),
        )
        indexes = (models.Index(fields=("state", "created_at"), name="payment_by_state"),)

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {self.requested} {self.currency}"


class GuestCheckout(models.Model):
    """A guest at an outlet: from the QR code to the receipt, without an account."""

    class State(models.TextChoices):
        CHECKOUT = "checkout", _("at the payment page")
        PAID = "paid", _("amount reserved")
        STARTING = "starting", _("starting")
        CHARGING = "charging", _("charging")
        DONE = "done", _("done")
        FAILED = "failed", _("could not start; nothing is charged")
        EXPIRED = "expired", _("expired")

    token = models.CharField(max_length=43, unique=True, help_text="unguessable; names the guest's page")
    evse = models.ForeignKey(Evse, models.PROTECT, related_name="guest_checkouts", verbose_name=_("EVSE"))
    tariff = models.ForeignKey(
        Tariff, models.PROTECT, null=True, related_name="+", verbose_name=_("tariff shown")
    )
    email = models.EmailField(_("e-mail for the receipt"), blank=True)
    language = models.CharField(_("language"), max_length=2, default="sv")
    payment = models.OneToOneField(
        Payment, models.PROTECT, related_name="guest_checkout", verbose_name=_("payment")
    )
    stripe_checkout_session = models.CharField(max_length=120, blank=True)
    start_request = models.OneToOneField(
        StartRequest, models.PROTECT, null=True, blank=True, related_name="guest_checkout"
    )
    session = models.OneToOneField(
        ChargingSession, models.PROTECT, null=True, blank=True, related_name="guest_checkout"
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.CHECKOUT)
    receipt_sent_at = models.DateTimeField(_("receipt sent"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("guest checkout")
        verbose_name_plural = _("guest checkouts")
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("stripe_checkout_session",),
                condition=~models.Q(stripe_checkout_session=""),
                name="guest_checkout_session_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.evse_id} {self.state}"


class Refund(models.Model):
    """Money given back of a payment."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("asked for")
        SUCCEEDED = "succeeded", _("paid back")
        FAILED = "failed", _("failed")

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    reason = models.CharField(_("reason"), max_length=160, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.REQUESTED)
    stripe_id = models.CharField(max_length=80, blank=True)
    idempotency_key = models.CharField(max_length=120, unique=True)
    credit_note = models.ForeignKey(
        "billing.Invoice", models.PROTECT, null=True, blank=True, related_name="refunds"
    )
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("stripe_id",), condition=~models.Q(stripe_id=""), name="refund_stripe_id_unique"
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="refund_amount_positive"),
        )

    def __str__(self) -> str:
        return f"{self.amount}"


class Dispute(models.Model):
    """A cardholder contests a payment at the bank."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes", verbose_name=_("payment"))
    stripe_id = models.CharField(max_length=80, unique=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    reason = models.CharField(_("reason"), max_length=60)
    status = models.CharField(_("status"), max_length=40)
    evidence_due_at = models.DateTimeField(_("answer before"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ("-opened_at",)

    def __str__(self) -> str:
        return f"{self.reason} {self.amount}"


class WebhookEvent(models.Model):
    """A message of the card processor whose signature held: stored by its id, handled once."""

    stripe_id = models.CharField(max_length=80, unique=True)
    type = models.CharField(_("type"), max_length=80)
    payload = models.JSONField(_("payload"))
    created_at = models.DateTimeField(_("created"))
    received_at = models.DateTimeField(_("received"))
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("message of the card processor")
        verbose_name_plural = _("messages of the card processor")
        ordering = ("-received_at",)
        indexes = (
            models.Index(
                fields=("received_at",),
                condition=models.Q(handled_at__isnull=True),
                name="webhook_not_handled_yet",
            ),
            # "what came about this payment": the ids stand inside the payload
            GinIndex(fields=("payload",), opclasses=("jsonb_path_ops",), name="webhook_by_payload"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.stripe_id}"


class BalanceTransaction(models.Model):
    """One movement on the card processor's balance, as its daily report tells it."""

    stripe_id = models.CharField(max_length=80, unique=True)
    operator = models.ForeignKey(Organisation, models.PROTECT, related_name="+", verbose_name=_("operator"))
    type = models.CharField(_("type"), max_length=40)
    source = models.CharField(_("about"), max_length=80, blank=True)
    payment_intent = models.CharField(max_length=80, blank=True)
    payout = models.CharField(_("payout"), max_length=80, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    fee = models.DecimalField(_("fee"), max_digits=12, decimal_places=2)
    net = models.DecimalField(_("net"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    created_at = models.DateTimeField(_("created"))
    available_at = models.DateTimeField(_("available"))

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("balance transaction")
        verbose_name_plural = _("balance transactions")
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("payment_intent",), name="balance_by_payment"),)

    def __str__(self) -> str:
        return f"{self.type} {self.amount}"


class Reconciliation(models.Model):
    """One day of our payments held against the card processor's; differences wait for a person."""

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="reconciliations", verbose_name=_("operator")
    )
    day = models.DateField(_("day"))
    ours = models.DecimalField(_("our books"), max_digits=14, decimal_places=2)
    theirs = models.DecimalField(_("card processor"), max_digits=14, decimal_places=2)
    fees = models.DecimalField(_("fees"), max_digits=14, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    differences = models.JSONField(_("differences"), default=list)
    checked_at = models.DateTimeField(_("checked"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    accepted_note = models.CharField(_("note"), max_length=300, blank=True)

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        ordering = ("-day",)
        constraints = (
            models.UniqueConstraint(fields=("operator", "day", "currency"), name="reconciliation_unique"),
        )

    def __str__(self) -> str:
        return f"{self.day}"
