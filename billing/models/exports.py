"""Exports: what was taken out of the books, by whom, and what is taken out by itself."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from billing.models.ledger import OfOperatorQuerySet


class ExportKind(models.TextChoices):
    """What can be exported."""

    INVOICES_CSV = "invoices_csv", _("invoices (CSV)")
    INVOICES_XLSX = "invoices_xlsx", _("invoices (Excel)")
    CDRS_CSV = "cdrs_csv", _("charge detail records (CSV)")
    CDRS_XLSX = "cdrs_xlsx", _("charge detail records (Excel)")
    LEDGER_CSV = "ledger_csv", _("journal (CSV)")
    TRIAL_BALANCE_CSV = "trial_balance_csv", _("trial balance (CSV)")
    PAYMENTS_CSV = "payments_csv", _("payments (CSV)")
    SIE = "sie", _("vouchers for the accounting system (SIE 4I)")
    PEPPOL_ZIP = "peppol_zip", _("e-invoices (Peppol, zip)")
    PDF_ZIP = "pdf_zip", _("invoices as PDF (zip)")
    SEPA = "sepa", _("payouts (SEPA pain.001)")
    COLLECTION_CSV = "collection_csv", _("unpaid for collection (CSV)")
    REVENUE_CSV = "revenue_csv", _("revenue (CSV)")


class ExportSchedule(models.Model):
    """An export that is made by itself and sent by e-mail or laid in the outbox folder."""

    class Frequency(models.TextChoices):
        DAILY = "daily", _("every day")
        WEEKLY = "weekly", _("every Monday")
        MONTHLY = "monthly", _("on the first of the month")

    class Delivery(models.TextChoices):
        EMAIL = "email", _("e-mail")
        FOLDER = "folder", _("outbox folder")

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="export_schedules", verbose_name=_("operator")
    )
    kind = models.CharField(_("what"), max_length=20, choices=ExportKind.choices)
    frequency = models.CharField(_("when"), max_length=8, choices=Frequency.choices)
    delivery = models.CharField(_("how"), max_length=8, choices=Delivery.choices)
    recipient = models.EmailField(_("e-mail address"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    next_at = models.DateTimeField(_("next"))
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("scheduled export")
        verbose_name_plural = _("scheduled exports")
        ordering = ("operator", "kind")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.get_frequency_display()}"


class Export(models.Model):
    """One export: asked for, made in the background, taken by people; the file stays as it was made."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("being made")
        DONE = "done", _("ready")
        FAILED = "failed", _("failed")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="exports", verbose_name=_("operator")
    )
    kind = models.CharField(_("what"), max_length=20, choices=ExportKind.choices)
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("to"), help_text=_("the day after the last"))
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    done_rows = models.PositiveIntegerField(_("rows done"), default=0)
    total_rows = models.PositiveIntegerField(_("rows"), null=True, blank=True)
    path = models.CharField(max_length=200, blank=True)
    file_name = models.CharField(_("file"), max_length=120, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size (bytes)"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    heartbeat_at = models.DateTimeField(_("worker last heard of"), null=True, blank=True)
    schedule = models.ForeignKey(
        ExportSchedule, models.SET_NULL, null=True, blank=True, related_name="exports"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("asked for by"),
    )
    requested_at = models.DateTimeField(_("asked for"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ("-requested_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="export_period_ordered"
            ),
        )
        indexes = (
            models.Index(
                fields=("state",), condition=~models.Q(state__in=("done", "failed")), name="export_unfinished"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.period_start}"


class ExportDownload(models.Model):
    """Somebody took an export. Append-only."""

    export = models.ForeignKey(Export, models.PROTECT, related_name="downloads", verbose_name=_("export"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    taken_at = models.DateTimeField(_("taken"))

    class Meta:
        verbose_name = _("download of an export")
        verbose_name_plural = _("downloads of exports")
        ordering = ("-taken_at",)

    def __str__(self) -> str:
        return f"{self.export_id} {self.taken_at}"
