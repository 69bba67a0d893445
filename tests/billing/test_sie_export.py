"""Vouchers for the accounting system: accepted by a strict reader, and equal to the ledger to the öre."""

import datetime as dt
import io
from collections import defaultdict
from decimal import Decimal

import pytest

from billing.exports import sie
from billing.exports.period import Period
from billing.exports.refusals import ExportRefused
from billing.exports.sheets import no_tick
from billing.ledger import periods
from billing.ledger.posting import Event, Posting, post
from billing.models import JournalLine, LedgerAccount, SellerProfile
from tests.billing.sie_reader import NotSie, read
from tests.factories import LocationFactory, OrganisationFactory

pytestmark = pytest.mark.django_db
Role = LedgerAccount.Role
OCTOBER, NOVEMBER = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@pytest.fixture
def operator():
    made = OrganisationFactory(name="Norrsken", registration_number="556000-4615")
    SellerProfile.objects.create(organisation=made, legal_name='Laddbolaget "Åäö" AB')
    return made


@pytest.fixture
def place(operator):
    return LocationFactory(operator=operator, name="Laddplats Väst – Łódź 漢")


def entry(operator, place, *, number: int, day: int = 3, kind: str = "cdr", amount: str = "80.10") -> None:
    value = Decimal(amount)
    post(
        Event(operator.pk, f"{kind}:{number}", kind, dt.date(2026, 10, day), f"Händelse {number}", "SEK"),
        [Posting(Role.UNBILLED, value, place.pk), Posting(Role.SALES, -value, place.pk)],
    )


def days(operator, **facts) -> Period:
    return Period(operator.pk, OCTOBER, NOVEMBER, facts.get("locked_at"), facts.get("made_at", NOW))


def written(operator, **options) -> bytes:
    file = io.BytesIO()
    sie.write(days(operator), file, tick=no_tick, **options)
    return file.getvalue()


def ledger_sums(operator) -> dict[tuple[str, int | None], Decimal]:
    sums: dict[tuple[str, int | None], Decimal] = defaultdict(Decimal)
    for line in JournalLine.objects.filter(entry__operator=operator, entry__entry_date__lt=NOVEMBER):
        sums[line.account.number, line.location_id] += line.amount
    return {key: value for key, value in sums.items() if value}


def file_sums(content: bytes) -> dict[tuple[str, int | None], Decimal]:
    sums: dict[tuple[str, int | None], Decimal] = defaultdict(Decimal)
    for voucher in read(content).vouchers:
        for line in voucher.transactions:
            code = line.objects.get("1")
            sums[line.account, None if code is None else int(code.removeprefix("SITE"))] += line.amount
    return {key: value for key, value in sums.items() if value}


@pytest.mark.parametrize("per", [sie.PER_DAY, sie.PER_ENTRY])
def test_the_file_equals_the_ledger_to_the_ore(operator, place, per) -> None:
    other = LocationFactory(operator=operator)
    for number in range(1, 31):
        spot = place if number % 3 else other
        entry(operator, spot, number=number, day=number, amount=f"{number * 37 % 91}.{number:02}")
    entry(operator, place, number=77, kind="refund", amount="-12.34")
    assert file_sums(written(operator, per=per)) == ledger_sums(operator)
    assert len(ledger_sums(operator)) == 4


def test_the_head_says_who_made_it_for_whom(operator, place) -> None:
    entry(operator, place, number=1)
    content = written(operator)
    assert content.startswith(b'#FLAGGA 0\r\n#PROGRAM "ChargePortal"')
    found = read(content)
    assert found.facts["#ORGNR"] == [["556000-4615"]]
    assert found.facts["#FNAMN"] == [['Laddbolaget "Åäö" AB']]
    assert found.facts["#RAR"] == [["0", "20260101", "20261231"], ["-1", "20250101", "20251231"]]
    assert found.facts["#GEN"][0][0] == "20261120"
    assert found.accounts == {
        "1790": "Upplupna intäkter, laddning",
        "3001": "Försäljning varor inom Sverige, 25 % moms",
    }
    assert found.objects == {f"SITE{place.pk}": "Laddplats Väst - Lódz ?"}


def test_a_days_entries_of_a_kind_are_one_voucher(operator, place) -> None:
    for number, day in ((1, 3), (2, 3), (3, 4)):
        entry(operator, place, number=number, day=day)
    entry(operator, place, number=4, kind="payment")
    vouchers = read(written(operator)).vouchers
    assert [(v.series, v.number, f"{v.date}", v.text) for v in vouchers] == [
        ("L", "", "2026-10-03", "Laddsessioner 2026-10-03 (2 st)"),
        ("S", "", "2026-10-03", "Kortbetalningar 2026-10-03 (1 st)"),
        ("L", "", "2026-10-04", "Laddsessioner 2026-10-04 (1 st)"),
    ]
    assert [t.amount for t in vouchers[0].transactions] == [Decimal("160.20"), Decimal("-160.20")]


def test_entries_that_cancel_out_in_a_day_leave_no_voucher(operator, place) -> None:
    entry(operator, place, number=1, amount="5.00")
    entry(operator, place, number=2, amount="-5.00")
    assert read(written(operator)).vouchers == []
    assert len(read(written(operator, per=sie.PER_ENTRY)).vouchers) == 2


def test_only_the_days_of_the_period_are_written(operator, place) -> None:
    entry(operator, place, number=1, day=31)
    post(
        Event(operator.pk, "cdr:2", "cdr", NOVEMBER, "november", "SEK"),
        [Posting(Role.UNBILLED, Decimal(1)), Posting(Role.SALES, Decimal(-1))],
    )
    assert len(read(written(operator)).vouchers) == 1


def test_another_operators_books_stay_out(operator, place) -> None:
    other = OrganisationFactory()
    entry(other, LocationFactory(operator=other), number=9)
    assert read(written(operator)).vouchers == []


def test_letters_that_the_code_page_lacks_are_replaced(operator, place) -> None:
    post(
        Event(operator.pk, "cdr:1", "cdr", OCTOBER, 'Faktura “7” – 5 € "x" \\ 漢字\r\nšž\t', "SEK"),
        [Posting(Role.UNBILLED, Decimal(1)), Posting(Role.SALES, Decimal(-1))],
    )
    (voucher,) = read(written(operator, per=sie.PER_ENTRY)).vouchers
    assert voucher.text == 'Faktura "7" - 5 EUR "x" \\ ?? sz '


def test_two_currencies_are_refused_until_one_is_chosen(operator, place) -> None:
    entry(operator, place, number=1)
    post(
        Event(operator.pk, "cdr:2", "cdr", OCTOBER, "euro", "EUR"),
        [Posting(Role.UNBILLED, Decimal(3)), Posting(Role.SALES, Decimal(-3))],
    )
    with pytest.raises(ExportRefused, match="EUR, SEK"):
        written(operator)
    found = read(written(operator, currency="EUR"))
    assert found.facts["#VALUTA"] == [["EUR"]]
    assert [t.amount for t in found.vouchers[0].transactions] == [Decimal("3.00"), Decimal("-3.00")]


def test_a_locked_month_carries_the_date_of_its_lock(operator, place) -> None:
    entry(operator, place, number=1)
    locked_at = dt.datetime(2026, 11, 4, 9, tzinfo=dt.UTC)
    periods.lock_month(operator.pk, month=OCTOBER, by=None, now=locked_at)
    first, later = io.BytesIO(), io.BytesIO()
    sie.write(days(operator, locked_at=locked_at), first, tick=no_tick)
    sie.write(days(operator, locked_at=locked_at, made_at=NOW + dt.timedelta(days=90)), later, tick=no_tick)
    assert first.getvalue() == later.getvalue()
    assert read(first.getvalue()).facts["#GEN"][0][0] == "20261104"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\n", b"\n"),
        (b"#FLAGGA 0", b"#FLAGGA 1"),
        (b"80.10", b"80.1"),
        (b"-80.10", b"-80.11"),
        (b"#KONTO 1790", b"#KONTO 1791"),
        (b"#SIETYP 4\r\n", b""),
        (b"\r\n}", b""),
    ],
)
def test_the_reader_refuses_what_the_format_does_not_allow(operator, place, old, new) -> None:
    entry(operator, place, number=1)
    content = written(operator)
    assert old in content
    with pytest.raises(NotSie):
        read(content.replace(old, new))


def test_the_reader_takes_the_published_form_of_a_file() -> None:
    example = (
        '#FLAGGA 0\r\n#PROGRAM "CPMS" "1.0"\r\n#FORMAT PC8\r\n#GEN 20261120 "system"\r\n#SIETYP 4\r\n'
        '#FNAMN "Laddbolaget Åäö AB"\r\n#KONTO 1930 "Företagskonto"\r\n#KONTO 6570 "Bankkostnader"\r\n'
        '#DIM 1 "Kostnadsställe"\r\n#OBJEKT 1 "SITE7" "Laddplats Väst"\r\n'
        '#VER "S" "43" 20261120 "Stripe-utbetalning" 20261120\r\n{\r\n#TRANS 1930 {} 12.20\r\n'
        '#TRANS 6570 {"1" "SITE7"} -12.20\r\n}\r\n'
    )
    (voucher,) = read(example.encode("cp437")).vouchers
    assert [(t.account, t.objects, t.amount) for t in voucher.transactions] == [
        ("1930", {}, Decimal("12.20")),
        ("6570", {"1": "SITE7"}, Decimal("-12.20")),
    ]
