"""That a document was mailed to its customer: once, when, where to, or why not."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import Invoice


class InvoiceDelivery(models.Model):
    """A document's way to its customer. What it says of whom and where never changes, only how far it is."""

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("could not be sent")
        UNKNOWN = "unknown", _("not known whether it was sent")
        NO_ADDRESS = "no_address", _("no e-mail address")
        WITHHELD = "withheld", _("not sent: issued before documents were mailed")

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="deliveries", verbose_name=_("invoice"))
    channel = models.CharField(_("channel"), max_length=8, choices=Channel.choices, default=Channel.EMAIL)
    address = models.EmailField(_("address"), blank=True)
    key = models.CharField(max_length=60, unique=True, help_text="natural key: it is sent once")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("asked for by"),
        help_text=_("empty: sent by itself"),
    )
    created_at = models.DateTimeField(_("created"))
    due_at = models.DateTimeField(_("next attempt"))
    handed_at = models.DateTimeField(_("given to a worker"), null=True, blank=True)
    claimed_at = models.DateTimeField(_("attempt began"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("delivery of an invoice")
        verbose_name_plural = _("deliveries of invoices")
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(state="sent") ^ Q(sent_at=None), name="invoice_delivery_sent_has_its_time"
            ),
        )
        indexes = (
            models.Index(
                fields=("due_at", "id"),
                condition=Q(state__in=("waiting", "sending")),
                name="invoice_delivery_unfinished",
            ),
        )

    def __str__(self) -> str:
        return f"{self.invoice} {self.get_state_display()}"
