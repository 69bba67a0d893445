"""The home page: every EVSE as it is now, and the totals."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargeportal.dashboards import network, snapshots
from chargeportal.live.pages import Changes, topic_named
from tests.factories import (
    EvseFactory,
    LocationFactory,
    SessionFactory,
    StationFactory,
    StatusFactory,
    meter_samples,
    online_evse,
)


@pytest.fixture
def place(operator):
    return LocationFactory(operator=operator, name="Square")


def charging(place, *, power_w=11_000, register_wh=4_200):
    evse = online_evse(location=place, status="charging")
    session = SessionFactory(evse=evse, charging_state="charging")
    meter_samples(session, (timezone.now() - dt.timedelta(minutes=1), power_w, register_wh))
    return session


def test_the_totals_count_each_evse_once_and_add_power_and_energy(place, colleague):
    charging(place)
    charging(place, power_w=7_400, register_wh=2_000)
    online_evse(location=place)
    online_evse(location=place, status="faulted")
    online_evse(location=place, status="reserved")
    EvseFactory(station=StationFactory(location=place))
    SessionFactory(
        evse=EvseFactory(station=StationFactory(location=place)), ended=True,
        started_at=timezone.now() - dt.timedelta(hours=1, minutes=1),
    )  # fmt: skip
    _, totals = snapshots.update(colleague("operator"), Changes(everything=True), now=timezone.now())
    assert totals.groups == {"free": 1, "charging": 2, "other": 1, "faulted": 1, "offline": 2}
    assert totals.power_w == pytest.approx(18_400)
    assert totals.running == 2
    assert totals.energy_today_wh == pytest.approx(3_200 + 1_000 + ended_today_wh())


def ended_today_wh() -> float:
    """The ended session of 11 kWh counts when its end is after midnight on the clock here."""
    ended_at = timezone.now() - dt.timedelta(minutes=1)
    return 11_000 if timezone.localtime(ended_at).date() == timezone.localdate() else 0


def test_a_tile_tells_state_power_energy_and_who(place, colleague, browser):
    session = charging(place)
    page = browser(colleague("operator")).get(reverse("admin:index")).content.decode()
    for words in (session.station.identity, "Charging", "11.0", "3.2", str(session.user), place.name):
        assert words in page
    assert reverse("dashboards:session", args=[session.pk]) in page


def test_the_power_of_an_offline_charger_is_not_counted(place, colleague):
    session = charging(place)
    session.station.connections.update(closed_at=timezone.now())
    shown, totals = snapshots.update(colleague("operator"), Changes(everything=True), now=timezone.now())
    assert [tile.group for tile in shown] == ["offline"]
    assert totals.power_w == 0


def test_a_colleague_sees_the_network_and_a_stranger_none_of_it(place, colleague, stranger):
    online_evse(location=place)
    now = timezone.now()
    for role in ("operator", "technician", "finance", "support"):
        shown, _ = snapshots.update(colleague(role), Changes(everything=True), now=now)
        assert len(shown) == 1
    assert snapshots.update(stranger, Changes(everything=True), now=now)[0] == []
    assert snapshots.update(colleague("host"), Changes(everything=True), now=now)[0] == []


def test_the_page_costs_the_same_number_of_queries_at_one_evse_and_at_three(place, colleague, browser):
    client = browser(colleague("operator"))

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse("admin:index")).status_code == 200
        return len(captured)

    charging(place)
    cost()
    at_one = cost()
    charging(place)
    charging(LocationFactory(operator=place.operator))
    assert cost() == at_one


def test_an_empty_network_says_how_to_begin(operator, colleague, browser):
    page = browser(colleague("operator")).get(reverse("admin:index")).content.decode()
    assert "Add your first location" in page
    assert "ws://testserver/ocpp/CP-1" in page


def test_a_station_that_wants_approval_stands_on_the_home_page(place, colleague, browser):
    StationFactory(location=None, identity="WANTS-IN", registration="pending")
    page = browser(colleague("technician")).get(reverse("admin:index")).content.decode()
    assert "WANTS-IN" in page
    assert "Wants approval" in page


class TestPushed:
    """What goes over the socket after a hint."""

    def fragments(self, user, changes):
        return list(topic_named("network").fragments(user, "", changes))

    def test_only_the_changed_tile_and_the_totals_are_rendered(self, place, colleague):
        user, evse, other = colleague("operator"), online_evse(location=place), online_evse(location=place)
        self.fragments(user, Changes(everything=True))
        interval = evse.connectors.get().status_intervals.get()
        interval.ended_at = timezone.now()
        interval.save()
        StatusFactory(connector=evse.connectors.get(), status="faulted", started_at=interval.ended_at)
        sent = "".join(self.fragments(user, Changes(evse_ids=frozenset({evse.pk}))))
        assert f'id="evse-{evse.pk}"' in sent
        assert f'id="evse-{other.pk}"' not in sent
        assert 'id="count-faulted">1<' in sent
        assert 'id="count-free">1<' in sent

    def test_a_meter_value_reaches_the_tile_by_its_session(self, place, colleague):
        user, session = colleague("operator"), charging(place)
        self.fragments(user, Changes(everything=True))
        meter_samples(session, (timezone.now(), 22_000, 9_000))
        sent = "".join(self.fragments(user, Changes(session_ids=frozenset({session.pk}))))
        assert "22.0" in sent

    def test_a_hint_about_others_evses_sends_nothing(self, place, colleague):
        user, theirs = colleague("operator"), online_evse()
        self.fragments(user, Changes(everything=True))
        assert self.fragments(user, Changes(evse_ids=frozenset({theirs.pk}))) == []

    def test_a_new_evse_finds_its_place(self, place, colleague):
        user = colleague("operator")
        self.fragments(user, Changes(everything=True))
        evse = online_evse(location=place)
        sent = "".join(self.fragments(user, Changes(station_ids=frozenset({evse.station_id}))))
        assert f'data-live-parent="evses-of-{place.pk}"' in sent

    @pytest.mark.parametrize(("role", "allowed"), [("operator", True), ("finance", True), ("host", False)])
    def test_who_may_listen(self, role, allowed, colleague):
        assert topic_named("network").allows(colleague(role), "") is allowed

    def test_nobody_listens_without_entering_the_admin(self, colleague):
        user = colleague("operator")
        user.is_staff = False
        assert topic_named("network").allows(user, "") is False


def test_since_when_an_offline_station_is_so(place, colleague):
    seen_at = timezone.now() - dt.timedelta(hours=5)
    EvseFactory(station=StationFactory(location=place, last_seen_at=seen_at), max_power_kw=Decimal(11))
    (tile,) = network.tiles(
        network.evses_of(colleague("operator")).values_list("pk", flat=True), now=timezone.now()
    )
    assert tile.group == "offline"
    assert tile.since == seen_at
