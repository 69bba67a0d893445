"""Dunning: what is done about money that did not come."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from billing.models.accounts import BillingAccount
from billing.models.invoices import Invoice


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
        return f"{self.invoice_id} {self.state}"


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
