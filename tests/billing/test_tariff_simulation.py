"""The simulator: what past sessions would have cost by a tariff that is not published yet."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import Membership, Organisation, User
from billing import cdrs, tasks
from billing.models import (
    Cdr,
    DynamicPrice,
    PriceComponent,
    PriceGroup,
    SpotPrice,
    Tariff,
    TariffAssignment,
    TariffElement,
    TariffSimulation,
)
from billing.tariffs import simulation
from billing.tariffs.changes import histogram
from sessions.models import ChargingSession
from stations.models import Evse, Location
from tests.factories import (
    EvseFactory,
    IdTokenFactory,
    LocationFactory,
    SessionFactory,
    StationFactory,
    UserFactory,
)
from tests.sessions.conftest import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("old")]

LATER = NOON + dt.timedelta(days=1)
DAY = NOON.date()


@pytest.fixture
def operator(db) -> Organisation:
    return Organisation.objects.create(kind="operator", name="Norrsken")


@pytest.fixture
def evse(operator) -> Evse:
    return EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))


def tariff(operator, name: str = "Day", *, version: int = 1, **prices: str) -> Tariff:
    made = Tariff.objects.create(operator=operator, name=name, version=version)
    element = TariffElement.objects.create(tariff=made)
    for kind, price in prices.items():
        PriceComponent.objects.create(element=element, type=kind, price=Decimal(price))
    return made


@pytest.fixture
def old(operator) -> Tariff:
    made = tariff(operator, ENERGY="5", FLAT="10")
    TariffAssignment.objects.create(tariff=made, valid_from=NOON - dt.timedelta(days=30))
    return made


@pytest.fixture
def anna(db) -> User:
    return UserFactory(name="Anna")


def charged(evse: Evse, kwh: str, *, by: User | None = None, at: dt.datetime = NOON) -> ChargingSession:
    token = IdTokenFactory(user=by) if by else IdTokenFactory()
    session = SessionFactory(evse=evse, ended=True, started_at=at, id_token=token)
    ChargingSession.objects.filter(pk=session.pk).update(
        energy_wh=Decimal(kwh) * 1000, meter_stop_wh=1000 + Decimal(kwh) * 1000
    )
    assert cdrs.rate_session(session.pk, now=LATER) is not None
    return session


def simulate(draft: Tariff, **narrowed) -> TariffSimulation:
    given = {
        "location": None,
        "price_group": None,
        "from_date": DAY,
        "until_date": DAY + dt.timedelta(days=1),
    }
    asked = simulation.ask(draft, by=None, now=LATER, **(given | narrowed))
    simulation.run(asked.pk, now=LATER)
    asked.refresh_from_db()
    return asked


def test_tells_who_pays_more_and_who_less_to_the_oere(operator, evse, old, anna) -> None:
    """By 5 a kWh and 10 to start: 10 kWh 60.00, 2 kWh 20.00. By 6 a kWh: 60.00 and 12.00."""
    charged(evse, "10", by=anna)
    small = charged(evse, "2", by=anna)
    other = charged(evse, "20")  # 110.00 before, 120.00 after
    result = simulate(tariff(operator, "New", ENERGY="6")).result
    assert result is not None
    assert {name: result[name] for name in ("sessions", "failed", "less", "same", "more")} == {
        "sessions": 3, "failed": 0, "less": 1, "same": 1, "more": 1,
    }  # fmt: skip
    assert (result["before_incl"], result["after_incl"], result["change_incl"]) == (
        "190.00", "192.00", "2.00",
    )  # fmt: skip
    # without VAT: 48.00 + 16.00 + 88.00 before; 48.00 + 9.60 + 96.00 after
    assert (result["before_excl"], result["after_excl"], result["change_excl"]) == (
        "152.00", "153.60", "1.60",
    )  # fmt: skip
    assert [(row["session"], row["change"]) for row in result["largest"][:2]] == [
        (other.pk, "10.00"), (small.pk, "-8.00"),
    ]  # fmt: skip
    assert [(row["user"], row["sessions"], row["change"]) for row in result["drivers"]] == [
        (other.user_id, 1, "10.00"), (anna.pk, 2, "-8.00"),
    ]  # fmt: skip
    assert Cdr.objects.count() == 3


def test_hours_are_priced_from_the_meter_readings(operator, evse, old) -> None:
    """13:00 to 14:00 local time, 11 kWh; half of it before 13:30 at 2, half after it at 4."""
    from tests.factories import meter_samples

    session = charged(evse, "11")
    meter_samples(
        session,
        (NOON, 11_000.0, 1000),
        (NOON + dt.timedelta(minutes=30), 11_000.0, 9000),
        (NOON + dt.timedelta(minutes=60), 11_000.0, 12_000),
    )
    draft = tariff(operator, "Hours", ENERGY="4")
    TariffElement.objects.update(position=2)
    early = TariffElement.objects.create(
        tariff=draft, position=1, restrictions={"start_time": "12:00", "end_time": "13:30"}
    )
    PriceComponent.objects.create(element=early, type="ENERGY", price=Decimal(2))
    result = simulate(draft).result
    assert result is not None
    assert result["after_incl"] == "28.00"  # 8 kWh at 2 and 3 kWh at 4


def test_a_price_that_follows_the_market_takes_the_prices_of_the_time(operator, evse, old) -> None:
    charged(evse, "10")
    draft = tariff(operator, "Spot", ENERGY="9")
    DynamicPrice.objects.create(tariff=draft, area="SE3", fallback_per_kwh=8)
    SpotPrice.objects.create(
        area="SE3", starts_at=NOON, ends_at=NOON + dt.timedelta(hours=1), price_per_kwh=2, source="test",
        imported_at=NOON,
    )  # fmt: skip
    result = simulate(draft).result
    assert result is not None
    assert result["after_incl"] == "25.00"  # 10 kWh at 2 without VAT


def test_a_cap_for_the_day_counts_the_sessions_of_the_driver(operator, evse, old, anna) -> None:
    charged(evse, "10", by=anna)
    charged(evse, "10", by=anna, at=NOON + dt.timedelta(hours=2))
    charged(evse, "10")
    draft = tariff(operator, "Capped", ENERGY="5")
    Tariff.objects.filter(pk=draft.pk).update(day_cap=Decimal(70))
    tokens = ChargingSession.objects.values_list("id_token", flat=True)
    assert len(set(tokens)) == 3
    result = simulate(Tariff.objects.get(pk=draft.pk)).result
    assert result is not None
    assert result["after_incl"] == "120.00"  # 50.00 + 20.00 for Anna, 50.00 for the other


class TestWhichSessions:
    def test_of_the_period_the_place_and_the_group(self, operator, evse, anna) -> None:
        elsewhere = EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))
        group = PriceGroup.objects.create(operator=operator, name="Staff")
        group.users.add(anna)
        theirs = tariff(operator, "Staff", ENERGY="1")
        TariffAssignment.objects.create(
            tariff=theirs, valid_from=NOON - dt.timedelta(days=9), price_group=group
        )
        charged(evse, "10", by=anna)
        charged(evse, "10")
        charged(elsewhere, "10")
        charged(evse, "10", at=NOON - dt.timedelta(days=2))
        draft = tariff(operator, "New", ENERGY="6")
        location = Location.objects.get(pk=evse.station.location_id)
        assert simulate(draft).sessions_total == 3
        assert simulate(draft, location=location).sessions_total == 2
        assert simulate(draft, price_group=group).sessions_total == 1
        assert simulate(draft, from_date=DAY - dt.timedelta(days=5)).sessions_total == 4

    def test_of_a_new_version_those_of_its_forerunners(self, operator, evse) -> None:
        charged(evse, "10")
        other = tariff(operator, "Other", ENERGY="1")
        TariffAssignment.objects.create(tariff=other, evse=evse, valid_from=NOON - dt.timedelta(days=1))
        charged(evse, "10")
        draft = tariff(operator, "Day", version=2, ENERGY="6")
        assert simulate(draft).sessions_total == 1

    def test_never_of_another_operator(self, evse) -> None:
        charged(evse, "10")
        stranger = Organisation.objects.create(kind="operator", name="Elsewhere")
        assert simulate(tariff(stranger, "New", ENERGY="6")).sessions_total == 0


def test_the_histogram_counts_every_session_once() -> None:
    changes = [Decimal(n) for n in ("-120", "-5", "-0.01", "0", "0.01", "5", "5.01", "300")]
    bars = {(bar["from"], bar["to"]): bar["count"] for bar in histogram(changes) if bar["count"]}
    assert bars == {
        (None, "-100"): 1, ("-5", "0"): 2, ("0", "0"): 1, ("0", "5"): 2, ("5", "10"): 1, ("100", None): 1,
    }  # fmt: skip


def test_run_in_the_background_twice_it_stays_as_it_was(operator, evse, old) -> None:
    charged(evse, "10")
    asked = simulation.ask(
        tariff(operator, "New", ENERGY="6"), from_date=DAY, until_date=LATER.date(), location=None,
        price_group=None, by=None, now=LATER,
    )  # fmt: skip
    tasks.run_tariff_simulation(simulation_id=asked.pk)
    first = TariffSimulation.objects.get()
    tasks.run_tariff_simulation(simulation_id=asked.pk)
    assert TariffSimulation.objects.get().finished_at == first.finished_at
    assert (first.sessions_done, first.result and first.result["sessions"]) == (1, 1)


def test_a_tariff_that_cannot_be_priced_says_so(operator, evse, old) -> None:
    draft = Tariff.objects.create(operator=operator, name="Empty")
    asked = simulate(draft)
    assert (asked.result, "elements" in asked.failure) == (None, True)


class TestThePages:
    @pytest.fixture
    def finance(self, operator) -> User:
        user = UserFactory(is_staff=True)
        Membership.objects.create(user=user, organisation=operator, role="finance")
        return user

    def test_are_asked_for_shown_and_taken_as_csv(self, operator, evse, anna, finance, client) -> None:
        session = charged(evse, "10", by=anna)
        draft = tariff(operator, "New", ENERGY="6.10")
        client.force_login(finance, backend="django.contrib.auth.backends.ModelBackend")
        given = {"from_date": DAY.isoformat(), "last_date": DAY.isoformat()}
        asked = client.post(reverse("dashboards:tariff_simulate", args=[draft.pk]), given)
        page = client.get(asked["Location"])
        words = page.content.decode()
        assert "SEK\u00a061.00" in words
        assert "0 cheaper, 0 the same, 1 dearer" in words
        assert "Anna" in words
        file = client.get(f"{asked['Location']}sessions.csv")
        assert b"".join(file.streaming_content).decode().splitlines() == [
            "session,station,started_at,energy_kwh,before,after,change,currency",
            f"{session.public_id},{evse.station.identity},2026-03-10T12:00:00+00:00,10.000,60.00,61.00,1.00,SEK",
        ]

    def test_strangers_find_none(self, old, client) -> None:
        asked = simulate(old)
        stranger = UserFactory(is_staff=True)
        elsewhere = Organisation.objects.create(kind="operator", name="Elsewhere")
        Membership.objects.create(user=stranger, organisation=elsewhere, role="finance")
        client.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
        for name in ("tariff_simulation", "tariff_simulation_csv"):
            address = reverse(f"dashboards:{name}", args=[old.pk, asked.public_id])
            assert client.get(address).status_code == 404
        assert client.post(reverse("dashboards:tariff_simulate", args=[old.pk])).status_code == 404
