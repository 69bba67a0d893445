"""Writes vouchers as SIE 4I, which Swedish accounting systems import.

Source: SIE file format 4B (sie.se). Code page 437, CRLF, debit positive, every voucher sums to nought. The
vouchers carry a series and no number: the accounting system that receives them gives the numbers.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import BinaryIO

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from accounts.models import Organisation
from billing.exports.booked import entries
from billing.exports.period import Period
from billing.exports.refusals import ExportRefused
from billing.exports.sheets import Tick
from billing.models import JournalEntry, JournalLine, LedgerAccount, SellerProfile
from chargeportal import __version__
from stations.models import Location

PER_DAY, PER_ENTRY = "day", "entry"
COST_CENTRE = "1"
_ENCODING = "cp437"
_LAST_OF_YEAR = (12, 31)
#: Letters that stand for those code page 437 has not.
_NEAREST = str.maketrans({
    "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "ø": "o", "Ø": "O",
    "€": "EUR", "õ": "o", "ð": "d", "þ": "th", "ł": "l", "Ł": "L", "\u0131": "i", "š": "s", "ž": "z",
    "\u00a0": " ",
})  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class _Voucher:
    series: str
    date: dt.date
    text: str
    lines: tuple[tuple[str, int | None, Decimal], ...]


def write(period: Period, file: BinaryIO, *, tick: Tick, per: str = PER_DAY, currency: str = "") -> None:
    """The period's vouchers, one for each day and kind of event, or one for each entry of the books.

    Raises: ExportRefused where the books are in several currencies and none was chosen.
    """
    chosen = _currency(period, currency)
    lines = _lines(period, chosen)
    file.writelines(_encoded(record) for record in _head(period, chosen, lines))
    vouchers = _days(period, chosen) if per == PER_DAY else _entries(period, chosen)
    for count, voucher in enumerate(vouchers, start=1):
        file.writelines(_encoded(record) for record in _voucher(voucher, period.stamp_date))
        tick(count)


def quoted(text: str) -> str:
    """The text as a field of SIE: in quotes, with quotes and backslashes escaped."""
    clean = plain(_CONTROL.sub(" ", text)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{clean}"'


def plain(text: str) -> str:
    """The text in letters that code page 437 has; what has no likeness is `?`."""
    return "".join(_letter(letter) for letter in text.translate(_NEAREST))


def _letter(letter: str) -> str:
    if _fits(letter):
        return letter
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    return bare if bare and _fits(bare) else "?"


def _fits(text: str) -> bool:
    try:
        text.encode(_ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def _encoded(record: str) -> bytes:
    return f"{record}\r\n".encode(_ENCODING)


def _currency(period: Period, wanted: str) -> str:
    found = set(_all_lines(period).order_by().values_list("currency", flat=True).distinct())
    if wanted:
        return wanted
    if len(found) > 1:
        raise ExportRefused(
            _("The books of these days are in %(currencies)s, and a SIE file has one currency. Choose one.")
            % {"currencies": ", ".join(sorted(found))}
        )
    return found.pop() if found else "SEK"


def _all_lines(period: Period) -> QuerySet[JournalLine]:
    return JournalLine.objects.filter(entry__in=entries(period))


def _lines(period: Period, currency: str) -> QuerySet[JournalLine]:
    return _all_lines(period).filter(currency=currency)


def _head(period: Period, currency: str, lines: QuerySet[JournalLine]) -> Iterator[str]:
    operator = Organisation.objects.get(pk=period.operator_id)
    profile = SellerProfile.objects.filter(organisation=operator).first()
    yield "#FLAGGA 0"
    yield f"#PROGRAM {quoted('ChargePortal')} {quoted(__version__)}"
    yield "#FORMAT PC8"
    yield f"#GEN {_date(period.stamp_date)} {quoted('ChargePortal')}"
    yield "#SIETYP 4"
    if operator.registration_number:
        yield f"#ORGNR {_organisation_number(operator.registration_number)}"
    yield f"#FNAMN {quoted(profile.legal_name if profile else operator.name)}"
    for number, year in enumerate((period.last_date.year, period.last_date.year - 1)):
        first, last = dt.date(year, 1, 1), dt.date(year, *_LAST_OF_YEAR)
        yield f"#RAR {-number} {_date(first)} {_date(last)}"
    yield "#KPTYP EUBAS97"
    yield f"#VALUTA {currency}"
    used = LedgerAccount.objects.filter(pk__in=lines.order_by().values("account")).order_by("number")
    for account in used:
        yield f"#KONTO {account.number} {quoted(account.name)}"
    places = Location.objects.filter(pk__in=lines.order_by().values("location")).order_by("pk")
    yield f"#DIM {COST_CENTRE} {quoted('Kostnadsställe')}"
    for place in places:
        yield f"#OBJEKT {COST_CENTRE} {quoted(object_code(place.pk))} {quoted(place.name)}"


def object_code(location_id: int) -> str:
    """The cost centre of a location: `SITE7`."""
    return f"SITE{location_id}"


def _days(period: Period, currency: str) -> Iterator[_Voucher]:
    """Sums of a day's entries of one kind."""
    counts = {
        (row["entry_date"], row["kind"]): row["n"]
        for row in entries(period).order_by().values("entry_date", "kind").annotate(n=Count("pk"))
    }
    sums = (
        _lines(period, currency)
        .values("entry__entry_date", "entry__kind", "account__number", "location")
        .annotate(total=Sum("amount"))
        .order_by("entry__entry_date", "entry__kind", "account__number", "location")
    )
    by_day = groupby(sums.iterator(), key=lambda row: (row["entry__entry_date"], row["entry__kind"]))
    for (date, kind), rows in by_day:
        lines = tuple((r["account__number"], r["location"], r["total"]) for r in rows if r["total"])
        if lines:
            text = f"{_kind_name(kind)} {date} ({counts[date, kind]} st)"
            yield _Voucher(_series(kind), date, text, lines)


def _entries(period: Period, currency: str) -> Iterator[_Voucher]:
    """Each entry by itself."""
    rows = (
        _lines(period, currency)
        .select_related("entry", "account")
        .order_by("entry__entry_date", "entry_id", "pk")
        .iterator(chunk_size=2_000)
    )
    for _entry_id, group in groupby(rows, key=lambda line: line.entry_id):
        lines = list(group)
        entry: JournalEntry = lines[0].entry
        amounts = tuple((line.account.number, line.location_id, line.amount) for line in lines)
        yield _Voucher(_series(entry.kind), entry.entry_date, entry.text, amounts)


def _voucher(voucher: _Voucher, stamp: dt.date) -> Iterator[str]:
    head = f"#VER {quoted(voucher.series)} {quoted('')} {_date(voucher.date)}"
    yield f"{head} {quoted(voucher.text)} {_date(stamp)}"
    yield "{"
    for account, location_id, amount in voucher.lines:
        place = (
            "{}" if location_id is None else f"{{{quoted(COST_CENTRE)} {quoted(object_code(location_id))}}}"
        )
        yield f"#TRANS {account} {place} {amount:.2f}"
    yield "}"


_KIND_NAMES = {
    "cdr": "Laddsessioner", "invoice": "Fakturor", "credit_note": "Kreditfakturor", "receipt": "Kvitton",
    "self_billing": "Självfakturor", "reimbursement": "Ersättningar", "payment": "Kortbetalningar",
    "bank": "Bankbetalningar", "wallet": "Betalt med förskott", "refund": "Återbetalningar",
    "write_off": "Kundförluster", "wallet_top_up": "Påfyllda förskott",
    "wallet_refund": "Återbetalda förskott", "dispute": "Omtvistade betalningar",
}  # fmt: skip


def _kind_name(kind: str) -> str:
    return _KIND_NAMES.get(kind, kind)


def _series(kind: str) -> str:
    """L for what was charged, K for documents, S for payments, W for wallets, V for the rest."""
    if kind == "cdr":
        return "L"
    if kind in {"invoice", "credit_note", "receipt", "self_billing", "reimbursement"}:
        return "K"
    if kind.startswith("wallet_"):
        return "W"
    return "S" if kind in {"payment", "bank", "wallet", "refund", "write_off", "dispute"} else "V"


def _date(date: dt.date) -> str:
    return f"{date:%Y%m%d}"


def _organisation_number(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return f"{digits[:6]}-{digits[6:]}" if len(digits) == 10 else quoted(text)  # noqa: PLR2004
