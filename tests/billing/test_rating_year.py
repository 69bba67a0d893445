"""A year of real sessions, priced by six tariffs; and a share of them all the way into the ledger.

`-s` prints the figures. `CHARGEPORTAL_ARCHIVES` says where the archives are; without them this is skipped.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import islice

import pytest
from django.db.models import Sum

from billing import cdrs
from billing.ledger.reports import trial_balance
from billing.models import (
    Cdr,
    CdrLine,
    DynamicPrice,
    JournalLine,
    LedgerAccount,
    PriceComponent,
    SpotPrice,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from billing.pricing import lines_again
from billing.rating import RatedSession, parse_tariff, rate
from sessions.models import ChargingSession
from stations.models import Connector
from tests.billing import archives
from tests.billing.rating_builders import component, element, tariff
from tests.factories import (
    EvseFactory,
    IdTokenFactory,
    LocationFactory,
    SessionFactory,
    StationFactory,
    UserFactory,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(archives.why_not()), reason=archives.why_not() or "archives are there"),
]
YEAR = 2018
THROUGH_THE_LEDGER = 1500
ENERGY = component("ENERGY", "4.95", "25")
PARKING = component("PARKING_TIME", "60", "25", 60)
SWEDISH = {"currency": "SEK", "country_code": "SE", "tax_included": "YES"}


def dynamic(prices: list) -> dict:
    return {
        "area": "SE3",
        "add_percent": "5",
        "add_per_kwh": "0.35",
        "fallback_per_kwh": "2",
        "prices": prices,
    }


TARIFFS = {
    "energy": tariff(element(ENERGY), **SWEDISH),
    "energy and idle time after a quarter": tariff(element(ENERGY, PARKING), **SWEDISH, x_idle_grace_s=900),
    "hours of the day": tariff(
        element(component("ENERGY", "5.95", "25"), start_time="07:00", end_time="19:00",
                day_of_week=["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]),
        element(component("ENERGY", "3.95", "25"), PARKING),
        **SWEDISH,
        x_incentives=[
            {"name": "Natt", "percent": 20, "restrictions": {"start_time": "22:00", "end_time": "06:00"}}
        ],
    ),
    "day-ahead prices": tariff(element(ENERGY), **SWEDISH),
    "least, most and steps": tariff(
        element(component("FLAT", "5", "25"), component("ENERGY", "4.95", "25", 500),
                component("TIME", "6", "25", 300), component("PARKING_TIME", "30", "25", 900)),
        **SWEDISH,
        min_price={"before_taxes": "8", "after_taxes": "10"},
        max_price={"before_taxes": "200", "after_taxes": "250"},
    ),
    "free": tariff(element(component("FLAT", "0", "25", 0)), **SWEDISH),
}  # fmt: skip


def adds_up(rated: RatedSession) -> None:
    """Nothing is negative, lines are net and VAT, and totals their sums: exactly and on paper."""
    for side in ("excl", "incl"):
        exact, paid = getattr(rated, side), getattr(rated.rounded, side).amount
        assert exact >= 0
        assert paid >= 0
        assert exact == sum((getattr(line, side) for line in rated.lines), Fraction(0))
        assert paid == sum((getattr(line.rounded, side).amount for line in rated.lines), Decimal(0))
    for line in rated.lines:
        assert line.rounded.excl + line.rounded.vat == line.rounded.incl


@pytest.mark.parametrize("name", TARIFFS)
def test_a_year_of_real_sessions_is_priced_and_adds_up(name):
    ocpi, market = TARIFFS[name], archives.DayAhead(year=YEAR)
    parsed, count, net, gross, by_source = parse_tariff(ocpi), 0, Decimal(0), Decimal(0), Counter()
    begun = time.process_time()
    for session in archives.recorded(year=YEAR):
        if name == "day-ahead prices":
            prices = market.between(session.start, session.end)
            parsed = parse_tariff(ocpi | {"x_dynamic": dynamic(prices)})
        rated = rate(session.measured(), tariff=parsed)
        adds_up(rated)
        assert rated.measured.energy_wh == session.energy_wh
        if name == "least, most and steps":
            assert 10 <= rated.rounded.incl.amount <= 250
        count, by_source[session.source] = count + 1, by_source[session.source] + 1
        net, gross = net + rated.rounded.excl.amount, gross + rated.rounded.incl.amount
    took_s = time.process_time() - begun
    said = {"tariff": name, "sessions": count, "net": str(net), "gross": str(gross), "s": round(took_s, 1)}
    sys.stdout.write(json.dumps(said | {"sources": by_source}) + "\n")
    assert count > 10_000
    assert (gross == 0) == (name == "free")


def stored(session: archives.Recorded, *, evse, token) -> ChargingSession:
    """The session as rows: registers, a reading where charging ended, and the state of the car after it."""
    row = SessionFactory(
        ended=True, evse=evse, id_token=token, started_at=session.start, ended_at=session.end,
        start_received_at=session.start, end_received_at=session.end, meter_start_wh=Decimal(0),
        meter_stop_wh=session.energy_wh, energy_wh=session.energy_wh,
    )  # fmt: skip
    if session.charged_until < session.end:
        row.events.create(
            type="updated", occurred_at=session.charged_until, received_at=session.charged_until,
            seq_no=1, charging_state=ChargingSession.ChargingState.IDLE, payload={},
        )  # fmt: skip
    return row


def kept(location, name: str, ocpi: dict) -> Tariff:
    """The tariff as rows, holding at the location."""
    grace = ocpi.get("x_idle_grace_s", 0) // 60
    row = Tariff.objects.create(
        operator=location.operator, name=name, idle_grace_minutes=grace,
        min_price=ocpi.get("min_price"), max_price=ocpi.get("max_price"),
    )  # fmt: skip
    for position, part in enumerate(ocpi["elements"], start=1):
        at = TariffElement.objects.create(
            tariff=row, position=position, restrictions=part.get("restrictions", {})
        )
        for each in part["price_components"]:
            PriceComponent.objects.create(
                element=at, type=each["type"], price=each["price"], vat_percent=each["vat"],
                step_size=each["step_size"],
            )  # fmt: skip
    if name == "day-ahead prices":
        DynamicPrice.objects.create(
            tariff=row, add_percent=5, add_per_kwh=Decimal("0.35"), fallback_per_kwh=2
        )
    since = dt.datetime(YEAR - 1, 1, 1, tzinfo=dt.UTC)
    TariffAssignment.objects.create(tariff=row, location=location, valid_from=since)
    return row


@pytest.mark.django_db
def test_real_sessions_reconcile_from_the_engine_to_the_ledger():
    market = archives.DayAhead(year=YEAR)
    SpotPrice.objects.bulk_create(
        SpotPrice(area="SE3", starts_at=at, ends_at=at + archives.HOUR, source="archive", imported_at=at,
                  price_per_kwh=Decimal(price["price"]))
        for at, price in zip(market.starts, market.prices, strict=True)
    )  # fmt: skip
    first = LocationFactory()
    evses = []
    for name, ocpi in TARIFFS.items():
        location = LocationFactory(operator=first.operator, time_zone="Europe/Oslo")
        kept(location, name, ocpi)
        evse = EvseFactory(station=StationFactory(location=location), max_power_kw=Decimal(350))
        Connector.objects.get_or_create(evse=evse, number=1)
        evses.append(evse)
    tokens = [IdTokenFactory(user=UserFactory()) for _ in range(20)]
    every = (session for session in archives.recorded(year=YEAR) if session.source == "trondheim")
    rest = (session for session in archives.recorded(year=YEAR) if session.source != "trondheim")
    sample = [*islice(every, THROUGH_THE_LEDGER // 3), *islice(rest, 0, None, 37)][:THROUGH_THE_LEDGER]
    for number, session in enumerate(sample):
        row = stored(session, evse=evses[number % len(evses)], token=tokens[number % len(tokens)])
        cdr = cdrs.rate_session(row.pk, now=session.end)
        assert cdr is not None
        if number % 10 == 0:
            again = lines_again(cdr)
            assert [line.amount_incl_vat for line in again] == [
                line.amount_incl_vat for line in cdr.lines.all()
            ]
    totals = Cdr.objects.aggregate(net=Sum("total_excl_vat"), gross=Sum("total_incl_vat"))
    lines = CdrLine.objects.aggregate(net=Sum("amount_excl_vat"), gross=Sum("amount_incl_vat"))
    assert Cdr.objects.count() == len(sample)
    assert lines == totals
    unbilled = JournalLine.objects.filter(account__roles__contains=[LedgerAccount.Role.UNBILLED])
    assert unbilled.aggregate(booked=Sum("amount"))["booked"] == totals["net"]
    assert JournalLine.objects.aggregate(sum=Sum("amount"))["sum"] == 0
    day = dt.date(YEAR, 1, 1) - dt.timedelta(days=2)
    balance = trial_balance(first.operator_id, start=day, end=dt.date(YEAR + 1, 4, 1))
    assert balance.is_balanced
    said = {"cdrs": len(sample), "net": str(totals["net"]), "gross": str(totals["gross"])}
    sys.stdout.write(json.dumps(said | {"ledger": "balanced"}) + "\n")
