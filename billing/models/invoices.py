"""Invoices, credit notes, receipts and self-billing: issued once, never changed."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import Organisation
from billing.models.accounts import BillingAccount
from billing.models.cdrs import Cdr
from billing.models.ledger import OfOperatorQuerySet
from stations.models import Location


class InvoiceSeries(models.Model):
    """A gap-free series of numbers; the next one is drawn inside the transaction that issues."""

    issuer = models.ForeignKey(
        Organisation, models.PROTECT, related_name="invoice_series", verbose_name=_("issuer")
    )
    code = models.CharField(_("series"), max_length=8, help_text=_("stands before the number"))
    next_number = models.PositiveIntegerField(_("next number"), default=1)

    class Meta:
        verbose_name = _("invoice series")
        verbose_name_plural = _("invoice series")
        ordering = ("issuer", "code")
        constraints = (
            models.UniqueConstraint(fields=("issuer", "code"), name="invoice_series_unique"),
            models.CheckConstraint(condition=models.Q(next_number__gte=1), name="invoice_series_from_one"),
        )

    def __str__(self) -> str:
        return self.code


class InvoiceRun(models.Model):
    """The making of one month's invoices for all accounts of an operator; restartable at any time."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("done with errors")

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="invoice_runs", verbose_name=_("operator")
    )
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("to"), help_text=_("the day after the last"))
    invoice_date = models.DateField(_("invoice date"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.RUNNING)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice run")
        verbose_name_plural = _("invoice runs")
        ordering = ("-period_start", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("operator", "period_start", "period_end"), name="invoice_run_once_per_period"
            ),
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="invoice_run_period_ordered"
            ),
        )

    def __str__(self) -> str:
        return f"{self.period_start:%Y-%m}"


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Invoices, by who may see them."""

    def visible_to(self, user: Any) -> "InvoiceQuerySet":
        """Those of the accounts the person may see, and of the operators for whom the person does money."""
        if getattr(user, "is_superuser", False):
            return self
        if not getattr(user, "is_authenticated", False):
            return self.none()
        return self.filter(
            models.Q(account__in=BillingAccount.objects.visible_to(user).values("pk"))
            | models.Q(operator__in=access.organisations_with(user, access.MONEY_ROLES))
        )


class Invoice(models.Model):
    """A document as it was issued: there are no drafts in this table, and the database refuses changes.

    ``payable`` = ``total_net`` + ``total_vat`` + ``rounding``. Credit notes carry negative amounts and
    point to what they credit. In self-billing the operator writes the host's invoice to itself: ``issuer``
    is the host, ``account`` the host's account with the operator.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("invoice")
        CREDIT_NOTE = "credit_note", _("credit note")
        RECEIPT = "receipt", _("receipt")
        SELF_BILLING = "self_billing", _("self-billed settlement")
        REIMBURSEMENT = "reimbursement", _("reimbursement statement")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="invoices", verbose_name=_("operator")
    )
    account = models.ForeignKey(
        BillingAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
        verbose_name=_("customer account"),
        help_text=_("empty: a guest"),
    )
    kind = models.CharField(_("kind"), max_length=14, choices=Kind.choices)
    series = models.ForeignKey(
        InvoiceSeries, models.PROTECT, related_name="invoices", verbose_name=_("series")
    )
    number = models.PositiveIntegerField(_("number"))
    invoice_date = models.DateField(_("invoice date"))
    due_date = models.DateField(_("due date"))
    period_start = models.DateField(_("from"), null=True, blank=True)
    period_end = models.DateField(_("to"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    language = models.CharField(_("language"), max_length=2)
    seller = models.JSONField(_("seller as of then"))
    buyer = models.JSONField(_("buyer as of then"))
    ocr = models.CharField(_("payment reference"), max_length=25, blank=True)
    total_net = models.DecimalField(_("total without VAT"), max_digits=14, decimal_places=2)
    total_vat = models.DecimalField(_("VAT"), max_digits=14, decimal_places=2)
    rounding = models.DecimalField(_("rounding"), max_digits=6, decimal_places=2, default=0)
    payable = models.DecimalField(_("to pay"), max_digits=14, decimal_places=2)
    is_reverse_charge = models.BooleanField(_("reverse charge"), default=False)
    vat_check = models.JSONField(_("check of the VAT number"), null=True, blank=True)
    credits = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="credit_notes",
        verbose_name=_("credits"),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    run = models.ForeignKey(
        InvoiceRun, models.PROTECT, null=True, blank=True, related_name="invoices", verbose_name=_("run")
    )
    issued_at = models.DateTimeField(_("issued"))
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ("-invoice_date", "-id")
        constraints = (
            models.UniqueConstraint(fields=("series", "number"), name="invoice_number_unique"),
            models.CheckConstraint(
                condition=models.Q(
                    payable=models.F("total_net") + models.F("total_vat") + models.F("rounding")
                ),
                name="invoice_payable_is_net_plus_vat_plus_rounding",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="credit_note") | models.Q(credits__isnull=False),
                name="credit_note_points_to_its_original",
            ),
            models.UniqueConstraint(
                fields=("run", "account", "kind"),
                condition=models.Q(run__isnull=False),
                name="invoice_once_per_run_and_account",
            ),
        )
        indexes = (
            models.Index(fields=("account", "-invoice_date"), name="invoice_by_account"),
            models.Index(fields=("operator", "-invoice_date"), name="invoice_by_operator"),
            models.Index(fields=("issued_at",), name="invoice_by_issued"),
        )

    def __str__(self) -> str:
        return self.full_number

    @property
    def full_number(self) -> str:
        """The number as it stands on the document, `F-1001`."""
        return f"{self.series.code}-{self.number}"


class InvoiceLine(models.Model):
    """One line of an invoice, rounded; its net is quantity x unit price without VAT, to the öre."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines", verbose_name=_("invoice"))
    position = models.PositiveIntegerField(_("position"))
    cdr = models.ForeignKey(
        Cdr, models.PROTECT, null=True, blank=True, related_name="invoice_lines", verbose_name=_("CDR")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("location")
    )
    cost_centre = models.CharField(_("cost centre"), max_length=120, blank=True)
    dimension = models.CharField(_("dimension"), max_length=20)
    description = models.CharField(_("description"), max_length=200)
    started_at = models.DateTimeField(_("from"), null=True, blank=True)
    ended_at = models.DateTimeField(_("to"), null=True, blank=True)
    quantity = models.DecimalField(_("quantity"), max_digits=18, decimal_places=6)
    unit = models.CharField(_("unit"), max_length=8)
    unit_price_net = models.DecimalField(_("unit price without VAT"), max_digits=16, decimal_places=6)
    vat_rate = models.DecimalField(_("VAT rate"), max_digits=6, decimal_places=4, null=True)
    net = models.DecimalField(_("net"), max_digits=14, decimal_places=2)
    vat = models.DecimalField(_("VAT"), max_digits=14, decimal_places=2)
    gross = models.DecimalField(_("gross"), max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        ordering = ("invoice", "position")
        constraints = (
            models.UniqueConstraint(fields=("invoice", "position"), name="invoice_line_position_unique"),
            models.CheckConstraint(
                condition=models.Q(gross=models.F("net") + models.F("vat")), name="invoice_line_adds_up"
            ),
        )

    def __str__(self) -> str:
        return self.description


class InvoiceVat(models.Model):
    """The VAT of one rate on an invoice."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="vat_totals", verbose_name=_("invoice"))
    category = models.CharField(_("category"), max_length=2, help_text="UNCL5305: S, AE, Z, E, O")
    rate = models.DecimalField(_("rate"), max_digits=6, decimal_places=4)
    net = models.DecimalField(_("net"), max_digits=14, decimal_places=2)
    vat = models.DecimalField(_("VAT"), max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = _("VAT of an invoice")
        verbose_name_plural = _("VAT of invoices")
        constraints = (
            models.UniqueConstraint(fields=("invoice", "category", "rate"), name="invoice_vat_rate_unique"),
        )

    def __str__(self) -> str:
        return f"{self.category} {self.rate}"


class BilledCdr(models.Model):
    """Says that a CDR stands on an invoice or a receipt: the primary key keeps it from standing on two."""

    cdr = models.OneToOneField(Cdr, models.PROTECT, primary_key=True, related_name="billed")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="billed_cdrs")

    def __str__(self) -> str:
        return f"{self.cdr_id}"


class InvoiceDocument(models.Model):
    """The file of an invoice as first rendered; rendering again gives the same bytes."""

    class Kind(models.TextChoices):
        PDF = "pdf", "PDF/A-3"
        UBL = "ubl", "UBL"

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="documents", verbose_name=_("invoice"))
    kind = models.CharField(_("kind"), max_length=4, choices=Kind.choices)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField(_("size (bytes)"))
    path = models.CharField(max_length=200, blank=True, help_text="in the default storage")
    rendered_at = models.DateTimeField(_("rendered"))

    class Meta:
        verbose_name = _("document of an invoice")
        verbose_name_plural = _("documents of invoices")
        constraints = (models.UniqueConstraint(fields=("invoice", "kind"), name="invoice_document_unique"),)

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.kind}"


class InvoiceSettlement(models.Model):
    """Something that lessens what is open on an invoice: a payment, a credit note, a loss. Append-only."""

    class Kind(models.TextChoices):
        PAYMENT = "payment", _("payment")
        BANK = "bank", _("bank transfer")
        WALLET = "wallet", _("wallet")
        CREDIT = "credit", _("credit note")
        REFUND = "refund", _("paid back")
        WRITE_OFF = "write_off", _("written off")

    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="settlements", verbose_name=_("invoice")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    key = models.CharField(max_length=120, unique=True, help_text="natural key: the event counts once")
    reference = models.CharField(_("reference"), max_length=80, blank=True)
    settled_at = models.DateTimeField(_("settled"))

    class Meta:
        verbose_name = _("settlement of an invoice")
        verbose_name_plural = _("settlements of invoices")
        ordering = ("settled_at", "id")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"


class InvoiceRunItem(models.Model):
    """One account in a run."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        ISSUED = "issued", _("issued")
        EMPTY = "empty", _("nothing to bill")
        FAILED = "failed", _("failed")

    run = models.ForeignKey(InvoiceRun, models.PROTECT, related_name="items", verbose_name=_("run"))
    account = models.ForeignKey(
        BillingAccount, models.PROTECT, related_name="+", verbose_name=_("customer account")
    )
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.PENDING)
    invoice = models.OneToOneField(
        Invoice, models.PROTECT, null=True, blank=True, related_name="run_item", verbose_name=_("invoice")
    )
    is_rendered = models.BooleanField(_("documents made"), default=False)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("account in an invoice run")
        verbose_name_plural = _("accounts in invoice runs")
        constraints = (models.UniqueConstraint(fields=("run", "account"), name="invoice_run_item_unique"),)
        indexes = (models.Index(fields=("run", "state"), name="invoice_run_item_by_state"),)

    def __str__(self) -> str:
        return f"{self.run_id} {self.account_id} {self.state}"
