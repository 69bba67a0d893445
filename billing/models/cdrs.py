"""Charge detail records: what a session cost, never changed afterwards."""

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from billing.models.accounts import BillingAccount
from billing.models.tariffs import PriceGroup, Tariff
from sessions.models import ChargingSession


class CdrQuerySet(models.QuerySet["Cdr"]):
    """Charge detail records, by who may see them."""

    def visible_to(self, user: Any) -> "CdrQuerySet":
        """Those of the sessions the person may see."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(session__in=ChargingSession.objects.visible_to(user).values("pk"))

    def current(self) -> "CdrQuerySet":
        """Those that hold: neither credits nor credited."""
        return self.filter(credits__isnull=True, credited_by__isnull=True)


class PaymentKind(models.TextChoices):
    """How a session is paid for."""

    INVOICE = "invoice", _("invoice")
    CARD = "card", _("card")
    WALLET = "wallet", _("wallet")
    GUEST = "guest", _("guest, by card")
    NONE = "none", _("nobody pays")


class Cdr(models.Model):
    """The priced record of one ended session, or the credit of one.

    The last of a session's records holds; a credit has the negative amounts of the one it credits. The
    database refuses updates and deletes, and a total that is not the sum of its lines. The tariff, the
    time zone and the measured periods it was rated with are kept with it, so it can be explained and
    re-rated for ever.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey(
        ChargingSession, models.PROTECT, related_name="cdrs", verbose_name=_("charging session")
    )
    sequence = models.PositiveSmallIntegerField(
        _("sequence"), default=1, help_text=_("odd: a charge, even: the credit of the one before")
    )
    credits = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="credited_by",
        verbose_name=_("credits"),
    )
    remark = models.CharField(_("remark"), max_length=200, blank=True)
    operator = models.ForeignKey(
        Organisation, models.PROTECT, null=True, related_name="cdrs", verbose_name=_("operator")
    )
    account = models.ForeignKey(
        BillingAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="cdrs",
        verbose_name=_("customer account"),
        help_text=_("empty: a guest, or nobody is known to pay"),
    )
    payment_kind = models.CharField(
        _("paid by"), max_length=10, choices=PaymentKind.choices, default=PaymentKind.NONE
    )
    price_group = models.ForeignKey(
        PriceGroup,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="cdrs",
        verbose_name=_("price group"),
    )
    tariff = models.ForeignKey(
        Tariff,
        models.PROTECT,
        null=True,
        related_name="cdrs",
        verbose_name=_("tariff"),
        help_text=_("empty: no tariff held for the place, and the session was free"),
    )
    currency = models.CharField(_("currency"), max_length=3)
    total_excl_vat = models.DecimalField(_("total without VAT"), max_digits=12, decimal_places=2)
    total_vat = models.DecimalField(_("VAT"), max_digits=12, decimal_places=2)
    total_incl_vat = models.DecimalField(_("total"), max_digits=12, decimal_places=2)
    energy_wh = models.DecimalField(_("energy (Wh)"), max_digits=14, decimal_places=3)
    charging_s = models.IntegerField(_("charging time (s)"))
    parking_s = models.IntegerField(_("parking time (s)"))
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"))
    time_zone = models.CharField(_("time zone"), max_length=60)
    tariff_snapshot = models.JSONField(_("tariff as rated"), null=True)
    periods_snapshot = models.JSONField(_("measured periods as rated"))
    evidence = models.JSONField(
        _("evidence"),
        default=dict,
        help_text=_("day-ahead prices used, why this tariff, warnings of the rating"),
    )
    rated_at = models.DateTimeField(_("rated"))

    objects = CdrQuerySet.as_manager()

    class Meta:
        verbose_name = _("charge detail record")
        verbose_name_plural = _("charge detail records")
        ordering = ("-ended_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(total_incl_vat=models.F("total_excl_vat") + models.F("total_vat")),
                name="cdr_total_is_net_plus_vat",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__gte=models.F("started_at")), name="cdr_period_ordered"
            ),
            models.UniqueConstraint(fields=("session", "sequence"), name="cdr_sequence_unique"),
            models.CheckConstraint(
                condition=models.Q(energy_wh__gte=0) | models.Q(credits__isnull=False),
                name="cdr_energy_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(sequence__in=range(1, 200, 2), credits__isnull=True)
                | models.Q(sequence__in=range(2, 200, 2), credits__isnull=False),
                name="cdr_credit_follows_its_charge",
            ),
        )
        indexes = (
            models.Index(fields=("-ended_at",), name="cdr_by_end"),
            models.Index(fields=("account", "ended_at"), name="cdr_by_account"),
            # revenue is added up from this index alone; the rows are ten times as wide
            models.Index(
                fields=("operator", "ended_at"),
                include=(
                    "id",
                    "session",
                    "currency",
                    "tariff",
                    "price_group",
                    "payment_kind",
                    "credits",
                    "total_excl_vat",
                    "total_vat",
                    "total_incl_vat",
                    "energy_wh",
                ),
                name="cdr_for_revenue",
            ),
        )

    def __str__(self) -> str:
        return f"{self.total_incl_vat} {self.currency}"


class CdrLine(models.Model):
    """One line of the bill: a quantity at a price, rounded once to the currency's minor unit."""

    cdr = models.ForeignKey(Cdr, models.PROTECT, related_name="lines", verbose_name=_("charge detail record"))
    position = models.PositiveSmallIntegerField(_("position"))
    dimension = models.CharField(_("dimension"), max_length=20)
    quantity = models.DecimalField(_("quantity"), max_digits=18, decimal_places=6)
    unit = models.CharField(_("unit"), max_length=8)
    unit_price = models.DecimalField(_("unit price"), max_digits=12, decimal_places=4)
    price_includes_vat = models.BooleanField(_("price includes VAT"))
    vat_rate = models.DecimalField(
        _("VAT rate"), max_digits=6, decimal_places=4, null=True, help_text=_("as a fraction, 0.25 for 25 %")
    )
    amount_excl_vat = models.DecimalField(_("amount without VAT"), max_digits=12, decimal_places=2)
    amount_vat = models.DecimalField(_("VAT"), max_digits=12, decimal_places=2)
    amount_incl_vat = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    trace = models.JSONField(_("why this price"))

    class Meta:
        verbose_name = _("line of a charge detail record")
        verbose_name_plural = _("lines of charge detail records")
        ordering = ("cdr", "position")
        constraints = (
            models.UniqueConstraint(fields=("cdr", "position"), name="cdr_line_position_unique"),
            models.CheckConstraint(
                condition=models.Q(amount_incl_vat=models.F("amount_excl_vat") + models.F("amount_vat")),
                name="cdr_line_is_net_plus_vat",
            ),
        )

    def __str__(self) -> str:
        return f"{self.dimension} {self.amount_incl_vat}"
