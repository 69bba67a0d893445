"""Dunning: what is done about money that did not come."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import Organisation
from billing.models.accounts import BillingAccount
from billing.models.invoices import Invoice
from billing.models.ledger import OfOperatorQuerySet


def default_retry_days() -> list[int]:
    """A declined card is tried again after one, three and seven days."""
    return [1, 3, 7]


class DunningPolicy(models.Model):
    """How an operator goes about money that did not come. Days count from the due date.

    For a declined card they count from the day it was declined. An empty number leaves the step out.
    """

    operator = models.OneToOneField(
        Organisation, models.PROTECT, related_name="dunning_policy", verbose_name=_("operator")
    )
    is_active = models.BooleanField(_("active"), default=True)
    retry_days = models.JSONField(
        _("try a declined card again after (days)"), default=default_retry_days, blank=True
    )
    reminder_days = models.PositiveSmallIntegerField(
        _("first reminder (days)"), null=True, blank=True, default=5
    )
    second_reminder_days = models.PositiveSmallIntegerField(
        _("second reminder (days)"), null=True, blank=True, default=15
    )
    block_days = models.PositiveSmallIntegerField(
        _("block charging (days)"), null=True, blank=True, default=20
    )
    collection_days = models.PositiveSmallIntegerField(
        _("hand over to collection (days)"), null=True, blank=True, default=35
    )
    reminder_fee = models.DecimalField(
        _("reminder fee"),
        max_digits=8,
        decimal_places=2,
        default=0,
        help_text=_("asked for with the second reminder; 0: none. The law allows 60 kr if it was agreed on"),
    )

    objects = OfOperatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("dunning policy")
        verbose_name_plural = _("dunning policies")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(reminder_fee__gte=0), name="dunning_policy_fee_not_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{self.operator}"


class DunningCaseQuerySet(models.QuerySet["DunningCase"]):
    """Dunning cases, by who may see them."""

    def visible_to(self, user: Any) -> "DunningCaseQuerySet":
        """Those of the operators for whom the person does money."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(account__operator__in=access.organisations_with(user, access.MONEY_ROLES))


class DunningCase(models.Model):
    """One unpaid invoice on its way up the ladder: try again, remind, block, hand over to collection."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        PAUSED = "paused", _("paused")
        PAID = "paid", _("paid")
        COLLECTION = "collection", _("handed over to collection")
        CLOSED = "closed", _("closed")

    account = models.ForeignKey(
        BillingAccount, models.PROTECT, related_name="dunning_cases", verbose_name=_("customer account")
    )
    invoice = models.OneToOneField(
        Invoice, models.PROTECT, related_name="dunning_case", verbose_name=_("invoice")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    step = models.PositiveSmallIntegerField(_("step"), default=0)
    next_step_at = models.DateTimeField(_("next step"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects = DunningCaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("dunning case")
        verbose_name_plural = _("dunning cases")
        ordering = ("-opened_at",)
        indexes = (
            models.Index(fields=("next_step_at",), condition=models.Q(state="open"), name="dunning_due"),
        )

    def __str__(self) -> str:
        return f"{self.invoice.full_number} · {self.get_state_display()}"


class DunningAct(models.Model):
    """One thing done in a case. Append-only."""

    class Kind(models.TextChoices):
        RETRY = "retry", _("card tried again")
        REMINDER = "reminder", _("reminder sent")
        BLOCK = "block", _("charging blocked")
        UNBLOCK = "unblock", _("charging allowed again")
        COLLECTION = "collection", _("handed over to collection")
        NOTE = "note", _("note")

    case = models.ForeignKey(DunningCase, models.PROTECT, related_name="acts", verbose_name=_("dunning case"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    step = models.PositiveSmallIntegerField(_("step"))
    text = models.CharField(_("text"), max_length=300, blank=True)
    done_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("act of dunning")
        verbose_name_plural = _("acts of dunning")
        ordering = ("done_at", "id")

    def __str__(self) -> str:
        return f"{self.kind} {self.done_at}"
