"""Whether a customer pays VAT to the seller, or accounts for it itself (reverse charge).

Electricity to a taxable person in another member state is taxed there (VAT Directive, articles 38 and 195):
no VAT on the document, and the answer of the register of VAT numbers is kept with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from billing.invoicing.references import VAT_FORMS, plain_vat_number, vat_letters
from billing.models import BillingAccount, VatNumberCheck

Result = VatNumberCheck.Result


@dataclass(frozen=True, slots=True)
class Treatment:
    """How VAT is dealt with on a document, and the evidence for it."""

    is_reverse_charge: bool
    vat_check: dict[str, Any] | None = None


WITH_VAT = Treatment(is_reverse_charge=False)


def may_reverse(account: BillingAccount, *, seller_country: str) -> bool:
    """Whether the customer is a business in another member state that has given a VAT number."""
    letters = vat_letters(account.country)
    return (
        account.is_business
        and bool(account.vat_number)
        and letters in VAT_FORMS
        and letters != vat_letters(seller_country)
    )


def treatment_of(
    account: BillingAccount | None, *, seller_country: str, check: VatNumberCheck | None
) -> Treatment:
    """Reverse charge for a business abroad whose number holds; VAT for everybody else."""
    if account is None or check is None or not may_reverse(account, seller_country=seller_country):
        return WITH_VAT
    if check.number != plain_vat_number(account.vat_number) or not holds(check):
        return WITH_VAT
    return Treatment(is_reverse_charge=True, vat_check=_evidence(check))


def holds(check: VatNumberCheck) -> bool:
    """Whether the answer is enough for a document without VAT."""
    if check.result == Result.FORMAT_ONLY:
        return bool(settings.VAT_CHECK_ACCEPTS_FORM)
    return check.result == Result.VALID


def latest_checks(account_ids: Iterable[int]) -> dict[int, VatNumberCheck]:
    """The latest answer of the register for each of the accounts that has one."""
    checks = VatNumberCheck.objects.filter(account__in=list(account_ids)).exclude(result=Result.UNAVAILABLE)
    return {check.account_id: check for check in checks.order_by("checked_at", "pk")}


def _evidence(check: VatNumberCheck) -> dict[str, Any]:
    return {
        "number": check.number,
        "result": check.result,
        "name": check.name,
        "reference": check.reference,
        "checked_at": check.checked_at.isoformat(),
    }
