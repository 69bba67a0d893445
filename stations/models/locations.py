"""A place where cars charge."""

import uuid
import zoneinfo
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import Organisation


def validate_time_zone(value: str) -> None:
    """The value names a time zone of the IANA database.

    Raises: ValidationError.
    """
    if value not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(value)s is not a time zone, such as Europe/Stockholm."), params={"value": value}
        )


class LocationQuerySet(models.QuerySet["Location"]):
    """Locations, by who may see them."""

    def visible_to(self, user: Any) -> "LocationQuerySet":
        """Published ones for everybody; all of an operator's or host's own for its people."""
        if getattr(user, "is_superuser", False):
            return self
        operators = access.organisations_with(user, access.NETWORK_ROLES)
        hosts = access.organisations_with(user, (access.Role.HOST,))
        return self.filter(
            models.Q(is_published=True) | models.Q(operator__in=operators) | models.Q(host__in=hosts)
        )

    def managed_by(self, user: Any) -> "LocationQuerySet":
        """Those of the operators on whose staff the person is."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(operator__in=access.organisations_with(user, access.NETWORK_ROLES))


class Location(models.Model):
    """An address with charging stations; its time zone is the one tariffs and charts are read in."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operator = models.ForeignKey(
        Organisation,
        models.PROTECT,
        related_name="operated_locations",
        verbose_name=_("operator"),
        limit_choices_to={"kind": Organisation.Kind.OPERATOR},
    )
    host = models.ForeignKey(
        Organisation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="hosted_locations",
        verbose_name=_("site host"),
        limit_choices_to={"kind": Organisation.Kind.HOST},
    )
    name = models.CharField(_("name"), max_length=120)
    address = models.CharField(_("address"), max_length=120)
    postal_code = models.CharField(_("postal code"), max_length=12, blank=True)
    city = models.CharField(_("city"), max_length=60)
    country = models.CharField(_("country"), max_length=2, default="SE", help_text=_("ISO 3166-1 alpha-2"))
    latitude = models.DecimalField(_("latitude"), max_digits=9, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(_("longitude"), max_digits=9, decimal_places=6, null=True, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=60, default="Europe/Stockholm", validators=[validate_time_zone]
    )
    opening_hours = models.JSONField(
        _("opening hours"),
        default=dict,
        blank=True,
        help_text=_('OCPI Hours; {"twentyfourseven": true} for a place that never closes'),
    )
    is_published = models.BooleanField(_("shown to drivers"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = LocationQuerySet.as_manager()

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("operator", "name"), name="location_name_unique_per_operator"),
            models.CheckConstraint(
                condition=models.Q(latitude__isnull=True) | models.Q(latitude__range=(-90, 90)),
                name="location_latitude_on_earth",
            ),
            models.CheckConstraint(
                condition=models.Q(longitude__isnull=True) | models.Q(longitude__range=(-180, 180)),
                name="location_longitude_on_earth",
            ),
            models.CheckConstraint(
                condition=models.Q(latitude__isnull=True, longitude__isnull=True)
                | models.Q(latitude__isnull=False, longitude__isnull=False),
                name="location_coordinates_both_or_none",
            ),
        )

    def __str__(self) -> str:
        return self.name
