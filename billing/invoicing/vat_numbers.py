"""Asks the register of VAT numbers (VIES) and keeps the answer as evidence."""

import datetime as dt
import json
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from django.conf import settings

from billing.invoicing import tax
from billing.invoicing.references import is_vat_number, plain_vat_number
from billing.models import BillingAccount, VatNumberCheck

Result = VatNumberCheck.Result
#: How long a register that did not answer is not asked again about the same number.
_PEACE = dt.timedelta(minutes=5)


class RegisterAway(RuntimeError):
    """The register did not answer, and no earlier answer is young enough; ask again later."""


def check(account: BillingAccount, *, now: dt.datetime) -> VatNumberCheck:
    """The register's answer for the account's VAT number, asked now and kept. Call it outside transactions.

    Without a register, and for a number of the wrong form, the form alone decides.
    """
    number = plain_vat_number(account.vat_number)
    answer: dict[str, Any] = {}
    if not is_vat_number(number, country=account.country):
        result = Result.INVALID
    elif not settings.VAT_CHECK_URL:
        result = Result.FORMAT_ONLY
    else:
        result, answer = _ask(number)
    return VatNumberCheck.objects.create(
        account=account,
        number=number,
        result=result,
        name=str(answer.get("name") or "")[:200],
        reference=str(answer.get("requestIdentifier") or "")[:60],
        answer=answer,
        checked_at=now,
    )


def checked(account: BillingAccount, *, seller_country: str, now: dt.datetime) -> VatNumberCheck | None:
    """An answer young enough to invoice by, asked for now where there is none; None where none is needed.

    Raises RegisterAway when the register does not answer, or did not some minutes ago.
    """
    if not tax.may_reverse(account, seller_country=seller_country):
        return None
    latest = known(account, now=now)
    if latest is not None:
        return latest
    answer = None if _was_away(account, now) else check(account, now=now)
    if answer is None or answer.result == Result.UNAVAILABLE:
        number = plain_vat_number(account.vat_number)
        raise RegisterAway(f"The register of VAT numbers has not answered about {number}")
    return answer


def known(account: BillingAccount, *, now: dt.datetime) -> VatNumberCheck | None:
    """The register's latest answer about the account's number, if it is young enough to invoice by."""
    latest = tax.latest_checks([account.pk]).get(account.pk)
    return latest if latest is not None and _is_young(latest, account, now) else None


def unanswered(*, most: int) -> list[int]:
    """Accounts about which the register was asked last without an answer."""
    latest = VatNumberCheck.objects.order_by("account_id", "-checked_at", "-pk").distinct("account_id")
    return [each.account_id for each in latest if each.result == Result.UNAVAILABLE][:most]


def _was_away(account: BillingAccount, now: dt.datetime) -> bool:
    """Whether the register was asked just now and did not answer: it is left in peace for a while."""
    return (
        bool(settings.VAT_CHECK_URL)
        and account.vat_checks.filter(result=Result.UNAVAILABLE, checked_at__gt=now - _PEACE).exists()
    )


def _is_young(latest: VatNumberCheck, account: BillingAccount, now: dt.datetime) -> bool:
    if latest.number != plain_vat_number(account.vat_number):
        return False
    if latest.result == Result.FORMAT_ONLY and settings.VAT_CHECK_URL:
        return False
    return now - latest.checked_at < dt.timedelta(days=settings.VAT_CHECK_DAYS)


def _ask(number: str) -> tuple[VatNumberCheck.Result, dict[str, Any]]:
    """The answer in the form of VIES' REST interface, `{"valid": true, "name": …}`."""
    url = settings.VAT_CHECK_URL
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("VAT_CHECK_URL is the address of a web service")
    body = json.dumps({"countryCode": number[:2], "vatNumber": number[2:]}).encode()
    request = Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310  (checked above)
    try:
        with urlopen(request, timeout=settings.VAT_CHECK_TIMEOUT_S) as response:  # noqa: S310
            answer = json.load(response)
    except (URLError, TimeoutError, OSError, ValueError) as failed:
        return Result.UNAVAILABLE, {"error": str(failed)[:200]}
    if not isinstance(answer, dict) or not isinstance(answer.get("valid"), bool):
        return Result.UNAVAILABLE, {"error": "not an answer", "answer": str(answer)[:500]}
    return (Result.VALID if answer["valid"] else Result.INVALID), answer
