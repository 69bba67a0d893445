"""The ledger: double entry, append-only. Debit is positive, credit negative."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import Organisation
from stations.models import Location


class OfOperatorQuerySet(models.QuerySet):
    """Rows with an ``operator``, by who may see its money."""

    def visible_to(self, user: Any) -> "OfOperatorQuerySet":
        """Those of the operators for whom the person does money."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(operator__in=access.organisations_with(user, access.MONEY_ROLES))


class LedgerAccount(models.Model):
    """One account of an operator's chart (BAS), and the part it plays in the postings."""

    class Kind(models.TextChoices):
        ASSET = "asset", _("asset")
        LIABILITY = "liability", _("liability")
        INCOME = "income", _("income")
        EXPENSE = "expense", _("expense")

    class Role(models.TextChoices):
        """What a posting is about; the chart says which account number that is."""

        RECEIVABLE = "receivable", _("customers' invoices")
        UNBILLED = "unbilled", _("charged, not invoiced yet")
        CARD_CLEARING = "card_clearing", _("card payments on their way")
        BANK = "bank", _("bank")
        WALLET = "wallet", _("prepaid by customers")
        DEFERRED = "deferred", _("subscription fees not earned yet")
        SALES = "sales", _("charging, Sweden, with VAT")
        SALES_REDUCED_12 = "sales_reduced_12", _("sales at 12 %")
        SALES_REDUCED_6 = "sales_reduced_6", _("sales at 6 %")
        SALES_NO_VAT = "sales_no_vat", _("charging without VAT")
        SALES_REVERSE = "sales_reverse", _("charging, reverse charge")
        FEES = "fees", _("subscriptions and fees")
        VAT_25 = "vat_25", _("output VAT 25 %")
        VAT_12 = "vat_12", _("output VAT 12 %")
        VAT_6 = "vat_6", _("output VAT 6 %")
        INPUT_VAT = "input_vat", _("input VAT")
        ROUNDING = "rounding", _("rounding of öre")
        CARD_FEES = "card_fees", _("card and bank fees")
        BAD_DEBT = "bad_debt", _("customer losses")
        DISPUTED = "disputed", _("disputed payments")
        PAYABLE = "payable", _("hosts and drivers to be paid")
        HOST_SHARE = "host_share", _("hosts' share of revenue")
        REIMBURSEMENT = "reimbursement", _("home charging paid back")
        ENERGY = "energy", _("purchased electricity")

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="ledger_accounts", verbose_name=_("operator")
    )
    number = models.CharField(_("number"), max_length=6)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    roles = models.JSONField(_("roles"), default=list, blank=True)

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger account")
        verbose_name_plural = _("ledger accounts")
        ordering = ("operator", "number")
        constraints = (
            models.UniqueConstraint(fields=("operator", "number"), name="ledger_account_number_unique"),
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^[0-9]{4,6}$"), name="ledger_account_number_is_digits"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class LedgerPeriod(models.Model):
    """A calendar month of an operator's books. No row or no ``locked_at``: open."""

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="ledger_periods", verbose_name=_("operator")
    )
    first_date = models.DateField(_("month"), help_text=_("its first day"))
    locked_at = models.DateTimeField(_("locked"), null=True, blank=True)
    locked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    checklist = models.JSONField(
        _("checklist"), default=dict, blank=True, help_text=_("what was ticked off, by whom and when")
    )

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("accounting month")
        verbose_name_plural = _("accounting months")
        ordering = ("operator", "-first_date")
        constraints = (
            models.UniqueConstraint(fields=("operator", "first_date"), name="ledger_period_unique"),
            models.CheckConstraint(
                condition=models.Q(first_date__day=1), name="ledger_period_begins_on_the_first"
            ),
        )

    def __str__(self) -> str:
        return f"{self.first_date:%Y-%m}"


class JournalEntry(models.Model):
    """One balanced voucher. The database refuses changes, an imbalance, and a date in a locked month."""

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="journal_entries", verbose_name=_("operator")
    )
    key = models.CharField(
        _("key"), max_length=120, help_text=_("natural key of the money event: it is posted once")
    )
    kind = models.CharField(_("kind"), max_length=30)
    entry_date = models.DateField(_("date"))
    text = models.CharField(_("text"), max_length=160)
    reference = models.CharField(_("reference"), max_length=80, blank=True)
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="corrections", verbose_name=_("corrects")
    )
    posted_at = models.DateTimeField(_("posted"))

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        ordering = ("-entry_date", "-id")
        constraints = (models.UniqueConstraint(fields=("operator", "key"), name="journal_entry_posted_once"),)
        indexes = (models.Index(fields=("operator", "entry_date"), name="journal_by_date"),)

    def __str__(self) -> str:
        return f"{self.entry_date} {self.text}"


class JournalLine(models.Model):
    """An amount on an account; the lines of an entry add up to nought in each currency."""

    entry = models.ForeignKey(
        JournalEntry, models.PROTECT, related_name="lines", verbose_name=_("journal entry")
    )
    account = models.ForeignKey(
        LedgerAccount, models.PROTECT, related_name="lines", verbose_name=_("ledger account")
    )
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("location")
    )
    text = models.CharField(_("text"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("journal line")
        verbose_name_plural = _("journal lines")
        ordering = ("entry", "id")
        constraints = (
            models.CheckConstraint(condition=~models.Q(amount=0), name="journal_line_says_something"),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount}"
