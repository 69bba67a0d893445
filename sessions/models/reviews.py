"""Sessions that wait for a person before they are billed."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sessions.models.sessions import ChargingSession


class SessionReviewQuerySet(models.QuerySet["SessionReview"]):
    """Reviews, by who may see their session."""

    def visible_to(self, user: Any) -> "SessionReviewQuerySet":
        """Those of the sessions the person may see."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(session__in=ChargingSession.objects.visible_to(user).values("pk"))


class SessionReview(models.Model):
    """A hold on a session's bill: why, with the evidence, and what a person decided about it."""

    class Decision(models.TextChoices):
        APPROVE = "approve", _("billed as measured")
        ADJUST = "adjust", _("billed with corrected values")
        WAIVE = "waive", _("not billed")

    session = models.ForeignKey(
        ChargingSession, models.PROTECT, related_name="reviews", verbose_name=_("charging session")
    )
    reason = models.CharField(_("reason"), max_length=60)
    evidence = models.JSONField(_("evidence"), default=dict)
    opened_at = models.DateTimeField(_("held"))
    decision = models.CharField(_("decision"), max_length=8, choices=Decision.choices, blank=True)
    adjustment = models.JSONField(
        _("adjustment"), default=dict, blank=True, help_text=_("values before and after")
    )
    note = models.CharField(_("note"), max_length=500, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    objects = SessionReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("held session")
        verbose_name_plural = _("held sessions")
        ordering = ("-opened_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("session",),
                condition=models.Q(decision=""),
                name="session_review_one_open_per_session",
            ),
            models.CheckConstraint(
                condition=models.Q(decision="", decided_at__isnull=True)
                | (~models.Q(decision="") & models.Q(decided_at__isnull=False)),
                name="session_review_decided_when_it_is",
            ),
        )

    def __str__(self) -> str:
        return f"{self.session_id} {self.reason}"
