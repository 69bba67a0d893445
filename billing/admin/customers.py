"""Customers' accounts, sellers' facts, and agreements with hosts and drivers."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import NetworkAdmin, NetworkInline
from accounts.backends import organisations_allowing
from accounts.models import Organisation
from billing.invoicing.references import VAT_FORMS, is_organisation_number, is_vat_number, vat_letters
from billing.models import (
    BillingAccount,
    CostCentre,
    HomeChargingAgreement,
    RevenueShareAgreement,
    SellerProfile,
    VatNumberCheck,
)
from chargeportal.templatetags.chargeportal_formats import local, percent

_COMPANY = ("registration_number", "vat_number", "reference")
_BLOCKED = ("blocked_at", "blocked_reason")
_BANK = ("bankgiro", "plusgiro", "iban", "bic")


class BillingAccountForm(forms.ModelForm):
    """Refuses numbers whose check digits do not hold."""

    class Meta:
        model = BillingAccount
        fields = ("country", "registration_number", "vat_number", "organisation")

    def clean(self) -> dict[str, Any]:
        """Numbers have the form of their country."""
        data = super().clean() or {}
        country = data.get("country") or self.instance.country
        number = data.get("registration_number")
        is_company = data.get("organisation") is not None or self.instance.is_business
        if number and country == "SE" and is_company and not is_organisation_number(number):
            self.add_error("registration_number", _now("This is not a Swedish organisation number."))
        vat_number = data.get("vat_number")
        if (
            vat_number
            and vat_letters(country) in VAT_FORMS
            and not is_vat_number(vat_number, country=country)
        ):
            self.add_error("vat_number", _now("This does not have the form of the country's VAT numbers."))
        return data


class CostCentreInline(NetworkInline):
    """Parts of the organisation that want their own lines."""

    model = CostCentre
    hide_title = True
    fields = ("code", "name", "id_tokens", "users")
    autocomplete_fields = ("id_tokens", "users")


class VatNumberCheckInline(NetworkInline):
    """What the register answered."""

    model = VatNumberCheck
    hide_title = True
    fields = ("checked_at", "number", "result", "name", "reference")
    readonly_fields = fields
    can_delete = False
    max_num = 0


@admin.register(BillingAccount)
class BillingAccountAdmin(NetworkAdmin):
    """Who pays, where to send it, and how it is paid."""

    operator_path = "operator"
    form = BillingAccountForm
    list_display = ("number", "name", "email", "collection", "city", "blocked")
    list_filter = ("collection", "language", "operator")
    search_fields = ("number", "name", "email", "registration_number", "vat_number")
    search_help_text = _("Customer number, name, e-mail, organisation number")
    autocomplete_fields = ("user", "organisation")
    readonly_fields = ("blocked_at", "blocked_reason", "created_at")
    inlines = (CostCentreInline, VatNumberCheckInline)
    fieldsets = (
        (None, {"fields": ("number", "operator", "user", "organisation", "name", "email", "language")}),
        (_("Address"), {"fields": ("street", "postal_code", "city", "country")}),
        (_("Company"), {"fields": (*_COMPANY, "peppol_scheme", "peppol_id")}),
        (_("Payment"), {"fields": ("collection", "payment_terms_days", "currency", *_BLOCKED)}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose account it is stays as it is: documents were issued to it."""
        held = () if obj is None else ("number", "operator", "user", "organisation")
        return (*self.readonly_fields, *held)

    @display(description=_("blocked"))
    def blocked(self, account: BillingAccount) -> str:
        """Since when and why it cannot charge."""
        return f"{local(account.blocked_at)} {account.blocked_reason}" if account.blocked_at else "–"


@admin.register(SellerProfile)
class SellerProfileAdmin(NetworkAdmin):
    """What an organisation's invoices state about it."""

    operator_path = "organisation"
    list_display = ("legal_name", "organisation", "city", "bankgiro", "payment_terms_days")
    list_select_related = ("organisation",)
    search_fields = ("legal_name", "organisation__name")
    fieldsets = (
        (None, {"fields": ("organisation", "legal_name", "seat", "has_f_tax")}),
        (_("Address"), {"fields": ("street", "postal_code", "city", "country", "email", "phone")}),
        (_("Payment"), {"fields": (*_BANK, "payment_terms_days", "rounds_to_krona")}),
        (_("Electronic invoices"), {"fields": ("peppol_scheme", "peppol_id")}),
    )  # fmt: skip

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        return rows.filter(organisation__in=_sellers(organisation_ids))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "organisation" and not request.user.is_superuser:
            own = organisations_allowing(request.user, self.permission("add"))
            kwargs["queryset"] = _sellers(own)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose facts they are stays as it is."""
        return () if obj is None else ("organisation",)


def _sellers(operator_ids: list[int]) -> QuerySet[Organisation]:
    """The operators themselves, and their hosts as far as no other operator pays them."""
    others = BillingAccount.objects.exclude(operator__in=operator_ids).exclude(organisation=None)
    hosts = Q(kind=Organisation.Kind.HOST, billing_accounts__operator__in=operator_ids)
    found = Organisation.objects.filter(hosts).exclude(pk__in=others.values("organisation"))
    return Organisation.objects.filter(Q(pk__in=operator_ids) | Q(pk__in=found.values("pk")))


@admin.register(RevenueShareAgreement)
class RevenueShareAgreementAdmin(NetworkAdmin):
    """What hosts get of the charging at their locations."""

    operator_path = "operator"
    list_display = ("location", "account", "share", "per_kwh", "monthly_fee", "valid_from", "valid_until")
    list_select_related = ("location", "account")
    search_fields = ("location__name", "account__name")
    autocomplete_fields = ("account", "location")

    @display(description=_("share"), ordering="share_percent")
    def share(self, agreement: RevenueShareAgreement) -> str:
        """The share of the net revenue."""
        return percent(agreement.share_percent)


@admin.register(HomeChargingAgreement)
class HomeChargingAgreementAdmin(NetworkAdmin):
    """Drivers who get back what charging a company's car at home cost."""

    operator_path = "account__operator"
    list_display = ("user", "account", "station", "price_kind", "price_per_kwh", "valid_from", "valid_until")
    list_filter = ("price_kind",)
    list_select_related = ("user", "account", "station")
    search_fields = ("user__email", "account__name", "station__identity")
    autocomplete_fields = ("account", "user", "station")
