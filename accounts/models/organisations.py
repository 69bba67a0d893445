"""Companies of the charging business and the roles people have in them."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Organisation(models.Model):
    """A charge-point operator, a site host or a fleet."""

    class Kind(models.TextChoices):
        OPERATOR = "operator", _("charge-point operator")
        HOST = "host", _("site host")
        FLEET = "fleet", _("fleet")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=120)
    registration_number = models.CharField(_("registration number"), max_length=20, blank=True)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    country = models.CharField(_("country"), max_length=2, default="SE", help_text=_("ISO 3166-1 alpha-2"))
    party_id = models.CharField(
        _("party id"), max_length=3, blank=True, help_text=_("Three letters that name the party in OCPI")
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("kind", "name"), name="organisation_name_unique_per_kind"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["operator", "host", "fleet"]), name="organisation_kind_known"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One role of one person in one organisation."""

    class Role(models.TextChoices):
        OPERATOR = "operator", _("operator")
        TECHNICIAN = "technician", _("technician")
        FINANCE = "finance", _("finance")
        SUPPORT = "support", _("support")
        HOST = "host", _("host")
        FLEET_MANAGER = "fleet_manager", _("fleet manager")
        DRIVER = "driver", _("driver")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, related_name="memberships", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("organisation", "user", "role")
        constraints = (
            models.UniqueConstraint(fields=("user", "organisation", "role"), name="membership_unique"),
            models.CheckConstraint(
                condition=models.Q(
                    role__in=[
                        "operator",
                        "technician",
                        "finance",
                        "support",
                        "host",
                        "fleet_manager",
                        "driver",
                    ]
                ),
                name="membership_role_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.organisation}"
