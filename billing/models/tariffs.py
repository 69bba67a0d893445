"""Tariffs in the structure of OCPI: Tariff > TariffElement > PriceComponent + restrictions."""

import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import Organisation
from stations.models import Evse, Location


class TariffQuerySet(models.QuerySet["Tariff"]):
    """Tariffs, by who may see them."""

    def visible_to(self, user: Any) -> "TariffQuerySet":
        """Those of the operators on whose staff the person is."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(operator__in=access.organisations_with(user, access.NETWORK_ROLES))


class PriceGroupQuerySet(models.QuerySet["PriceGroup"]):
    """Price groups, by who may see them."""

    def visible_to(self, user: Any) -> "PriceGroupQuerySet":
        """Those of the operators on whose staff the person is."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(operator__in=access.organisations_with(user, access.NETWORK_ROLES))


class PriceGroup(models.Model):
    """Customers who get a price of their own: a contract, a fleet, a host's own staff."""

    class Kind(models.TextChoices):
        CONTRACT = "contract", _("contract customers")
        FLEET = "fleet", _("fleet")
        HOST_STAFF = "host_staff", _("host's own staff")
        SUBSCRIBERS = "subscribers", _("subscribers")

    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="price_groups", verbose_name=_("operator")
    )
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.CONTRACT)
    rank = models.PositiveSmallIntegerField(
        _("rank"), default=100, help_text=_("of several groups a driver is in, the lowest rank comes first")
    )
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="price_groups", verbose_name=_("people")
    )
    organisations = models.ManyToManyField(
        Organisation,
        blank=True,
        related_name="member_of_price_groups",
        verbose_name=_("organisations"),
        help_text=_("their members, and whoever charges with their id tokens"),
    )

    objects = PriceGroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("price group")
        verbose_name_plural = _("price groups")
        ordering = ("rank", "name")
        constraints = (models.UniqueConstraint(fields=("operator", "name"), name="price_group_name_unique"),)

    def __str__(self) -> str:
        return self.name


class Tariff(models.Model):
    """One version of a price list; which EVSE and whom it holds for is told by ``TariffAssignment``.

    A published version is never edited: a change is a new version that replaces it from a given time.
    """

    class Type(models.TextChoices):
        """TariffType of OCPI, those that we use."""

        AD_HOC_PAYMENT = "AD_HOC_PAYMENT", _("public, without contract (ad hoc)")
        REGULAR = "REGULAR", _("with an account")

    class TaxIncluded(models.TextChoices):
        YES = "YES", _("prices include VAT")
        NO = "NO", _("prices are without VAT")
        NOT_APPLICABLE = "N/A", _("no VAT")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operator = models.ForeignKey(
        Organisation,
        models.PROTECT,
        related_name="tariffs",
        verbose_name=_("operator"),
        limit_choices_to={"kind": Organisation.Kind.OPERATOR},
    )
    name = models.CharField(_("name"), max_length=80)
    version = models.PositiveIntegerField(_("version"), default=1)
    replaces = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="replaced_by",
        verbose_name=_("replaces"),
    )
    published_at = models.DateTimeField(
        _("published"), null=True, blank=True, help_text=_("from then on it is never edited")
    )
    type = models.CharField(_("type"), max_length=16, choices=Type.choices, default=Type.REGULAR)
    idle_grace_minutes = models.PositiveSmallIntegerField(
        _("idle minutes free of charge"),
        default=0,
        help_text=_("after charging, before the parking fee begins"),
    )
    day_cap = models.DecimalField(
        _("highest price per driver and day, including VAT"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )
    currency = models.CharField(_("currency"), max_length=3, default="SEK")
    tax_included = models.CharField(
        _("VAT"), max_length=3, choices=TaxIncluded.choices, default=TaxIncluded.YES
    )
    min_price = models.JSONField(_("lowest price"), null=True, blank=True)
    max_price = models.JSONField(_("highest price"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = TariffQuerySet.as_manager()

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        ordering = ("name", "-version")
        constraints = (
            models.UniqueConstraint(
                fields=("operator", "name", "version"), name="tariff_version_unique_per_operator"
            ),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="tariff_currency_iso_4217"
            ),
            models.CheckConstraint(
                condition=models.Q(tax_included__in=["YES", "NO", "N/A"]), name="tariff_tax_included_known"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def as_ocpi(self) -> dict[str, Any]:
        """The tariff as an OCPI 2.3.0 Tariff object with exact decimal strings; the rating engine's input."""
        tariff: dict[str, Any] = {
            "id": str(self.public_id),
            "currency": self.currency,
            "tax_included": self.tax_included,
            "elements": [element.as_ocpi() for element in self.elements.all()],
            "last_updated": self.updated_at.isoformat(),
        }
        for bound in ("min_price", "max_price"):
            if getattr(self, bound) is not None:
                tariff[bound] = getattr(self, bound)
        return tariff | self._beyond_ocpi()

    def _beyond_ocpi(self) -> dict[str, Any]:
        """What ours have more, under keys of our own; see ``billing.rating.extensions``."""
        extensions: dict[str, Any] = {}
        if self.idle_grace_minutes:
            extensions["x_idle_grace_s"] = self.idle_grace_minutes * 60
        if self.day_cap is not None:
            extensions["x_day_cap"] = {"incl": str(self.day_cap)}
        dynamic = getattr(self, "dynamic_price", None) if self.pk else None
        if dynamic is not None:
            extensions["x_dynamic"] = dynamic.as_ocpi()
        incentives = [incentive.as_ocpi() for incentive in self.incentives.all()] if self.pk else []
        if incentives:
            extensions["x_incentives"] = incentives
        return extensions


class TariffElement(models.Model):
    """Price components that hold together under one set of restrictions; order decides."""

    tariff = models.ForeignKey(Tariff, models.CASCADE, related_name="elements", verbose_name=_("tariff"))
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    restrictions = models.JSONField(
        _("restrictions"), default=dict, blank=True, help_text=_("OCPI TariffRestrictions")
    )

    class Meta:
        verbose_name = _("tariff element")
        verbose_name_plural = _("tariff elements")
        ordering = ("tariff", "position")
        constraints = (
            models.UniqueConstraint(
                fields=("tariff", "position"),
                name="tariff_element_position_unique",
                deferrable=models.Deferrable.DEFERRED,
            ),
        )

    def __str__(self) -> str:
        return f"{self.tariff} · {self.position}"

    def as_ocpi(self) -> dict[str, Any]:
        """The element as an OCPI TariffElement object."""
        element: dict[str, Any] = {
            "price_components": [component.as_ocpi() for component in self.price_components.all()]
        }
        if self.restrictions:
            element["restrictions"] = self.restrictions
        return element


class PriceComponent(models.Model):
    """A price for one dimension: per kWh, per hour or once."""

    class Type(models.TextChoices):
        ENERGY = "ENERGY", _("energy (per kWh)")
        TIME = "TIME", _("charging time (per hour)")
        PARKING_TIME = "PARKING_TIME", _("parking time (per hour)")
        FLAT = "FLAT", _("start fee")

    element = models.ForeignKey(
        TariffElement, models.CASCADE, related_name="price_components", verbose_name=_("tariff element")
    )
    type = models.CharField(_("type"), max_length=12, choices=Type.choices)
    price = models.DecimalField(
        _("price"), max_digits=12, decimal_places=4, validators=[MinValueValidator(Decimal(0))]
    )
    vat_percent = models.DecimalField(
        _("VAT (%)"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        default=Decimal(25),
        help_text=_("empty: VAT does not apply"),
    )
    step_size = models.PositiveIntegerField(
        _("step"), default=1, help_text=_("Wh or seconds that are billed at a time; 1 for exact billing")
    )

    class Meta:
        verbose_name = _("price component")
        verbose_name_plural = _("price components")
        ordering = ("element", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("element", "type"), name="price_component_type_unique_per_element"
            ),
            models.CheckConstraint(condition=models.Q(price__gte=0), name="price_component_not_negative"),
            models.CheckConstraint(
                condition=models.Q(vat_percent__isnull=True)
                | models.Q(vat_percent__gte=0, vat_percent__lt=100),
                name="price_component_vat_sane",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_type_display()}: {self.price}"

    def as_ocpi(self) -> dict[str, Any]:
        """The component as an OCPI PriceComponent object."""
        component: dict[str, Any] = {"type": self.type, "price": str(self.price), "step_size": self.step_size}
        if self.vat_percent is not None:
            component["vat"] = str(self.vat_percent)
        return component


class TariffAssignment(models.Model):
    """From when to when a tariff holds at an EVSE, at a location, or (neither named) everywhere else."""

    tariff = models.ForeignKey(Tariff, models.PROTECT, related_name="assignments", verbose_name=_("tariff"))
    location = models.ForeignKey(
        Location,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="tariff_assignments",
        verbose_name=_("location"),
    )
    evse = models.ForeignKey(
        Evse, models.CASCADE, null=True, blank=True, related_name="tariff_assignments", verbose_name=_("EVSE")
    )
    price_group = models.ForeignKey(
        PriceGroup,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tariff_assignments",
        verbose_name=_("price group"),
        help_text=_("empty: everybody"),
    )
    valid_from = models.DateTimeField(_("valid from"))
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("tariff assignment")
        verbose_name_plural = _("tariff assignments")
        ordering = ("-valid_from", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(valid_until__isnull=True)
                | models.Q(valid_until__gt=models.F("valid_from")),
                name="tariff_assignment_ordered",
            ),
            models.CheckConstraint(
                condition=models.Q(location__isnull=True) | models.Q(evse__isnull=True),
                name="tariff_assignment_one_place",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tariff} · {self.evse or self.location or _('everywhere else')}"
