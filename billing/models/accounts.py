"""Who sells and who pays: the operator's invoicing facts, and the accounts of its customers."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import IdToken, Organisation


class SellerProfile(models.Model):
    """What an organisation's invoices must say about it, and how it wants them made."""

    organisation = models.OneToOneField(
        Organisation, models.PROTECT, related_name="seller_profile", verbose_name=_("organisation")
    )
    legal_name = models.CharField(_("legal name"), max_length=160)
    street = models.CharField(_("street"), max_length=120, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=12, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    country = models.CharField(_("country"), max_length=2, default="SE", help_text=_("ISO 3166-1 alpha-2"))
    seat = models.CharField(_("registered seat"), max_length=80, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    has_f_tax = models.BooleanField(_("approved for F-tax"), default=True)
    bankgiro = models.CharField(_("bankgiro"), max_length=9, blank=True)
    plusgiro = models.CharField(_("plusgiro"), max_length=9, blank=True)
    iban = models.CharField(_("IBAN"), max_length=34, blank=True)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    peppol_scheme = models.CharField(_("Peppol scheme"), max_length=4, default="0007", blank=True)
    peppol_id = models.CharField(_("Peppol id"), max_length=50, blank=True)
    payment_terms_days = models.PositiveSmallIntegerField(_("payment terms (days)"), default=30)
    rounds_to_krona = models.BooleanField(
        _("round to whole kronor"), default=False, help_text=_("the amount to pay, not the VAT")
    )
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("seller's facts")
        verbose_name_plural = _("sellers' facts")

    def __str__(self) -> str:
        return self.legal_name


class BillingAccountQuerySet(models.QuerySet["BillingAccount"]):
    """Customer accounts, by who may see them."""

    def visible_to(self, user: Any) -> "BillingAccountQuerySet":
        """One's own, those of fleets and hosts one manages, those of operators whose money one does."""
        if getattr(user, "is_superuser", False):
            return self
        if not getattr(user, "is_authenticated", False):
            return self.none()
        managed = access.organisations_with(user, (access.Role.FLEET_MANAGER, access.Role.HOST))
        operators = access.organisations_with(user, access.MONEY_ROLES)
        return self.filter(
            models.Q(user=user) | models.Q(organisation__in=managed) | models.Q(operator__in=operators)
        )


class BillingAccount(models.Model):
    """A customer of one operator: a person or an organisation, how it is billed and how it pays."""

    class Collection(models.TextChoices):
        CARD = "card", _("card, after every session")
        INVOICE = "invoice", _("monthly invoice")
        WALLET = "wallet", _("prepaid wallet")

    class Language(models.TextChoices):
        SWEDISH = "sv", _("Swedish")
        ENGLISH = "en", _("English")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operator = models.ForeignKey(
        Organisation, models.PROTECT, related_name="customer_accounts", verbose_name=_("operator")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="billing_accounts",
        verbose_name=_("person"),
    )
    organisation = models.ForeignKey(
        Organisation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="billing_accounts",
        verbose_name=_("organisation"),
    )
    number = models.CharField(_("customer number"), max_length=20)
    name = models.CharField(_("name"), max_length=160)
    email = models.EmailField(_("invoice e-mail"), blank=True)
    language = models.CharField(
        _("language"), max_length=2, choices=Language.choices, default=Language.SWEDISH
    )
    street = models.CharField(_("street"), max_length=120, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=12, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    country = models.CharField(_("country"), max_length=2, default="SE", help_text=_("ISO 3166-1 alpha-2"))
    registration_number = models.CharField(_("registration number"), max_length=20, blank=True)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    reference = models.CharField(_("buyer's reference"), max_length=60, blank=True)
    peppol_scheme = models.CharField(_("Peppol scheme"), max_length=4, blank=True)
    peppol_id = models.CharField(_("Peppol id"), max_length=50, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="SEK")
    collection = models.CharField(
        _("pays by"), max_length=8, choices=Collection.choices, default=Collection.INVOICE
    )
    payment_terms_days = models.PositiveSmallIntegerField(
        _("payment terms (days)"), null=True, blank=True, help_text=_("empty: the seller's")
    )
    blocked_at = models.DateTimeField(_("blocked"), null=True, blank=True)
    blocked_reason = models.CharField(_("why blocked"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = BillingAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer account")
        verbose_name_plural = _("customer accounts")
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("operator", "number"), name="billing_account_number_unique"),
            models.UniqueConstraint(
                fields=("operator", "user"),
                condition=models.Q(user__isnull=False),
                name="billing_account_one_per_person",
            ),
            models.UniqueConstraint(
                fields=("operator", "organisation"),
                condition=models.Q(organisation__isnull=False),
                name="billing_account_one_per_organisation",
            ),
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, organisation__isnull=True)
                | models.Q(user__isnull=True, organisation__isnull=False),
                name="billing_account_has_one_holder",
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @property
    def is_business(self) -> bool:
        """Whether an organisation pays."""
        return self.organisation_id is not None


class CostCentre(models.Model):
    """A part of an organisation that wants its own lines on the invoice."""

    account = models.ForeignKey(
        BillingAccount, models.CASCADE, related_name="cost_centres", verbose_name=_("customer account")
    )
    code = models.CharField(_("code"), max_length=30)
    name = models.CharField(_("name"), max_length=80, blank=True)
    id_tokens = models.ManyToManyField(
        IdToken, blank=True, related_name="cost_centres", verbose_name=_("id tokens")
    )
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="cost_centres", verbose_name=_("people")
    )

    class Meta:
        verbose_name = _("cost centre")
        verbose_name_plural = _("cost centres")
        ordering = ("account", "code")
        constraints = (models.UniqueConstraint(fields=("account", "code"), name="cost_centre_code_unique"),)

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


class VatNumberCheck(models.Model):
    """What the register of VAT numbers answered, kept as evidence for invoices without VAT."""

    class Result(models.TextChoices):
        VALID = "valid", _("valid")
        INVALID = "invalid", _("not valid")
        UNAVAILABLE = "unavailable", _("register could not be reached")
        FORMAT_ONLY = "format_only", _("form checked only")

    account = models.ForeignKey(
        BillingAccount, models.PROTECT, related_name="vat_checks", verbose_name=_("customer account")
    )
    number = models.CharField(_("VAT number"), max_length=20)
    result = models.CharField(_("result"), max_length=12, choices=Result.choices)
    name = models.CharField(_("name in the register"), max_length=200, blank=True)
    reference = models.CharField(_("reference of the request"), max_length=60, blank=True)
    answer = models.JSONField(_("answer"), default=dict)
    checked_at = models.DateTimeField(_("checked"))

    class Meta:
        verbose_name = _("check of a VAT number")
        verbose_name_plural = _("checks of VAT numbers")
        ordering = ("-checked_at",)

    def __str__(self) -> str:
        return f"{self.number} {self.result}"
