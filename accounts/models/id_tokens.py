"""What a driver shows to a charger: RFID card, app token, contract certificate."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from accounts.models.organisations import Organisation


class IdTokenGroup(models.Model):
    """Tokens of one group may stop each other's transactions (parentIdTag, groupIdToken)."""

    uid = models.CharField(_("group token"), max_length=36)
    name = models.CharField(_("name"), max_length=80)
    organisation = models.ForeignKey(
        Organisation,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="id_token_groups",
        verbose_name=_("organisation"),
    )

    class Meta:
        verbose_name = _("token group")
        verbose_name_plural = _("token groups")
        ordering = ("name",)
        constraints = (models.UniqueConstraint(Upper("uid"), name="id_token_group_uid_unique"),)

    def __str__(self) -> str:
        return self.name


class IdTokenQuerySet(models.QuerySet["IdToken"]):
    """Id tokens, by who may see them."""

    def visible_to(self, user: Any) -> "IdTokenQuerySet":
        """One's own tokens, and those of organisations whose staff, host or fleet manager one is."""
        from accounts import access  # noqa: PLC0415  (access reads the models of this package)

        if getattr(user, "is_superuser", False):
            return self
        if not getattr(user, "is_authenticated", False):
            return self.none()
        managed = access.organisations_with(user, (*access.NETWORK_ROLES, access.Role.FLEET_MANAGER))
        return self.filter(models.Q(user=user) | models.Q(organisation__in=managed))


class IdToken(models.Model):
    """One token; compared without regard to case, as OCPP wants it (1.6 §4.1, 2.0.1 C01)."""

    class Type(models.TextChoices):
        RFID = "ISO14443", _("RFID card (ISO 14443)")
        RFID_15693 = "ISO15693", _("RFID card (ISO 15693)")
        CENTRAL = "Central", _("app or portal")
        E_MAID = "eMAID", _("contract certificate (eMAID)")
        KEY_CODE = "KeyCode", _("key code")
        LOCAL = "Local", _("local")
        MAC_ADDRESS = "MacAddress", _("car (Autocharge)")

    uid = models.CharField(_("token"), max_length=255)
    type = models.CharField(_("type"), max_length=20, choices=Type.choices, default=Type.RFID)
    label = models.CharField(_("label"), max_length=80, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="id_tokens",
        verbose_name=_("driver"),
    )
    organisation = models.ForeignKey(
        Organisation,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="id_tokens",
        verbose_name=_("organisation"),
    )
    group = models.ForeignKey(
        IdTokenGroup,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="id_tokens",
        verbose_name=_("group"),
    )
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    blocked_at = models.DateTimeField(_("blocked"), null=True, blank=True)
    block_reason = models.CharField(_("reason for the block"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = IdTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("id token")
        verbose_name_plural = _("id tokens")
        ordering = ("uid",)
        constraints = (
            models.UniqueConstraint(Upper("uid"), name="id_token_uid_unique_whatever_case"),
            models.CheckConstraint(condition=~models.Q(uid=""), name="id_token_uid_not_empty"),
            models.CheckConstraint(
                condition=models.Q(valid_from__isnull=True)
                | models.Q(valid_until__isnull=True)
                | models.Q(valid_from__lt=models.F("valid_until")),
                name="id_token_validity_ordered",
            ),
        )

    def __str__(self) -> str:
        return self.label or self.uid
