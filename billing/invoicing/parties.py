"""Seller and buyer as they stand on a document: taken down when it is issued, never looked up again."""

from typing import Any

from django.utils.translation import gettext as _

from billing.invoicing.drafts import MissingSellerFacts
from billing.models import BillingAccount, SellerProfile


def seller_facts(profile: SellerProfile) -> dict[str, Any]:
    """What a document says about who issues it. Raises MissingSellerFacts, saying what to fill in."""
    organisation = profile.organisation
    wanted = {"street": _("street"), "postal_code": _("postal code"), "city": _("city")}
    missing = [word for name, word in wanted.items() if not getattr(profile, name)]
    if not organisation.registration_number:
        missing.append(_("registration number"))
    if missing:
        raise MissingSellerFacts(
            _("%(seller)s cannot issue documents yet. Fill in under Seller's facts: %(fields)s.")
            % {"seller": organisation, "fields": ", ".join(missing)}
        )
    return {
        "name": profile.legal_name,
        "registration_number": organisation.registration_number,
        "vat_number": organisation.vat_number,
        "street": profile.street,
        "postal_code": profile.postal_code,
        "city": profile.city,
        "country": profile.country,
        "seat": profile.seat,
        "email": profile.email,
        "phone": profile.phone,
        "has_f_tax": profile.has_f_tax,
        "bankgiro": profile.bankgiro,
        "plusgiro": profile.plusgiro,
        "iban": profile.iban,
        "bic": profile.bic,
        "peppol_scheme": profile.peppol_scheme,
        "peppol_id": profile.peppol_id,
    }


def buyer_facts(account: BillingAccount) -> dict[str, Any]:
    """What a document says about who pays."""
    return {
        "name": account.name,
        "number": account.number,
        "email": account.email,
        "street": account.street,
        "postal_code": account.postal_code,
        "city": account.city,
        "country": account.country,
        "registration_number": account.registration_number,
        "vat_number": account.vat_number,
        "reference": account.reference,
        "peppol_scheme": account.peppol_scheme,
        "peppol_id": account.peppol_id,
        "is_business": account.is_business,
    }


def guest_facts(email: str) -> dict[str, Any]:
    """What a receipt says about a guest: no more than where it was sent."""
    return {"name": _("Guest"), "number": "", "email": email, "is_business": False}


def profile_of(organisation_id: int) -> SellerProfile:
    """The seller's facts of an organisation. Raises MissingSellerFacts when it has none."""
    profile = (
        SellerProfile.objects.select_related("organisation").filter(organisation=organisation_id).first()
    )
    if profile is None:
        raise MissingSellerFacts(
            _("The operator has not said what its invoices must state. Add it under Finance, Seller's facts.")
        )
    return profile
