"""Who did what to what, and when."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """One act of a person; written once, never changed (the database refuses updates and deletes)."""

    at = models.DateTimeField(_("at"), auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("who")
    )
    act = models.CharField(_("act"), max_length=60, help_text="e.g. station.reset")
    subject = models.CharField(_("subject"), max_length=160, help_text="e.g. station DEMO-AC-1")
    details = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ("-at", "-id")
        indexes = (models.Index(fields=("subject", "-at"), name="audit_by_subject"),)

    def __str__(self) -> str:
        return f"{self.act}: {self.subject}"
