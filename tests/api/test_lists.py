"""Pages, order, filters, and that a list costs the same however long it is."""

import datetime as dt
import itertools
from base64 import b64encode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.api.conftest import API, bill, client_of, ids, problem
from tests.factories import IdTokenFactory, LocationFactory, SessionFactory, meter_samples, online_evse

pytestmark = pytest.mark.django_db


def queries(client, address, *, rows):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert len(ids(client.get(address), "id" if "samples" not in address else "sampled_at")) == rows
    return len(captured)


@pytest.fixture
def add_row(network, make_session):
    """Adds one more of everything that lists show: a place, a station, a billed session and a card."""
    count = itertools.count(1)

    def add():
        number = next(count)
        location = LocationFactory(operator=network.operator, host=network.operator)
        evse = online_evse(identity=f"EXTRA-{number}", location=location)
        session = make_session(days_ago=number, evse=evse, ended=True)
        meter_samples(session, (session.started_at, 11_000.0, 1000.0))
        bill(session)
        running = make_session(days_ago=100 + number, evse=evse)
        meter_samples(running, (running.started_at + dt.timedelta(minutes=1), 11_000.0, 1000.0))
        IdTokenFactory(user=network.driver, organisation=network.operator)

    return add


@pytest.mark.parametrize("who", ["driver", "colleague"])
@pytest.mark.parametrize(
    ("resource", "base", "each"),
    [("locations", 1, 1), ("stations", 1, 1), ("sessions", 0, 2), ("cdrs", 0, 1), ("id-tokens", 1, 1)],
)
def test_a_list_of_three_costs_as_many_queries_as_a_list_of_one(resource, base, each, who, add_row, request):
    client = client_of(request.getfixturevalue(who))
    address = f"{API}/{resource}/"
    if resource == "id-tokens" and who == "colleague":
        base = 0
    add_row()
    client.get(address)  # the key's last use is written now
    first = queries(client, address, rows=base + each)
    add_row()
    add_row()
    assert queries(client, address, rows=base + 3 * each) == first
    assert first <= 14


def test_samples_cost_the_same_however_many(network, make_session, driver):
    session = make_session()
    client = client_of(driver)
    address = f"{API}/sessions/{session.public_id}/samples/"
    at = session.started_at
    meter_samples(session, (at, 1.0, 1000.0))
    client.get(address)
    first = queries(client, address, rows=1)
    meter_samples(session, *((at + dt.timedelta(minutes=n), 1.0, 1000.0 + n) for n in (1, 2)))
    assert queries(client, address, rows=3) == first


def walk(client, address):
    """Every row by following ``next``, and how many pages there were."""
    rows, pages = [], 0
    while address:
        page = client.get(address).json()
        rows += page["results"]
        pages += 1
        address = page["next"]
    return rows, pages


def test_pages_neither_repeat_nor_skip_even_where_all_rows_tie(network, make_session, driver):
    at = timezone.now() - dt.timedelta(hours=5)
    for n in range(7):
        make_session(started_at=at, connector_number=n + 1)
    rows, pages = walk(client_of(driver), f"{API}/sessions/?page_size=3")
    assert pages == 3
    assert len({row["id"] for row in rows}) == len(rows) == 7


def test_a_row_added_meanwhile_moves_nothing(network, make_session, driver):
    client = client_of(driver)
    for n in range(1, 5):
        make_session(days_ago=n)
    first = client.get(f"{API}/sessions/?page_size=2").json()
    make_session()
    second = client.get(first["next"]).json()
    back = client.get(second["previous"]).json()
    seen = [row["id"] for page in (first, second) for row in page["results"]]
    assert len(set(seen)) == 4
    assert back["results"] == first["results"]


MADE_UP = ("p=abc", "p=%00", "o=99999999999", "p=9999-99-99", "r=1&p=0001-01-01T00:00:00%2B23:00")


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "=", "p=", "å" * 500, *(b64encode(text.encode()).decode() for text in MADE_UP)]
)
@pytest.mark.parametrize("resource", ["sessions", "stations", "id-tokens"])
def test_a_made_up_cursor_is_refused_or_leads_nowhere(cursor, resource, session, driver):
    response = client_of(driver).get(f"{API}/{resource}/", {"cursor": cursor})
    assert response.status_code == 200 or problem(response) == (404, "not-found")


@pytest.mark.parametrize("size", ["0", "-1", "201", "x", "", "1e3", "٣", "9" * 400])
def test_a_page_has_1_to_200_rows(size, driver):
    assert problem(client_of(driver).get(f"{API}/stations/?page_size={size}")) == (400, "invalid-input")


@pytest.mark.parametrize(
    "ordering", ["user__password", "pk;", "-", "?", "station__password_digest", "energy_wh"]
)
def test_lists_are_ordered_only_by_what_they_offer(ordering, driver):
    assert problem(client_of(driver).get(f"{API}/sessions/", {"ordering": ordering})) == (
        400,
        "invalid-input",
    )


def test_order_turns_round(make_session, driver):
    oldest, newest = make_session(days_ago=2), make_session(days_ago=1)
    client = client_of(driver)
    wanted = [str(newest.public_id), str(oldest.public_id)]
    assert ids(client.get(f"{API}/sessions/")) == wanted
    assert ids(client.get(f"{API}/sessions/?ordering=started_at")) == wanted[::-1]


def test_periods_are_half_open(make_session, driver):
    at = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    sessions = [make_session(started_at=at + dt.timedelta(hours=n)) for n in range(3)]
    response = client_of(driver).get(
        f"{API}/sessions/",
        {"started_from": "2026-03-01T12:00:00Z", "started_before": "2026-03-01T15:00:00+01:00"},
    )
    assert ids(response) == [str(session.public_id) for session in reversed(sessions[:2])]


@pytest.mark.parametrize(
    "instant", ["yesterday", "2026-13-01T00:00Z", "\x00", "0001-01-01T00:00:00+23:00", "9" * 99]
)
def test_an_instant_that_is_none_is_refused(instant, driver):
    response = client_of(driver).get(f"{API}/sessions/", {"started_from": instant})
    assert problem(response) == (400, "invalid-input")
    assert response.json()["errors"][0]["field"] == "started_from"


@pytest.mark.parametrize("address", ["stations/?location=x", "sessions/?location=1", "cdrs/?session=%00"])
def test_an_id_that_is_none_is_refused(address, driver):
    assert problem(client_of(driver).get(f"{API}/{address}")) == (400, "invalid-input")


@pytest.mark.parametrize(
    "query", ["active=", "active=x", "active=null", "held=2", "started_from=", "location=", "id_token=%00"]
)
def test_a_filter_that_says_nothing_is_refused_not_ignored(query, driver):
    response = client_of(driver).get(f"{API}/sessions/?{query}")
    assert problem(response) == (400, "invalid-input")
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


def test_sessions_by_state_station_and_token(network, make_session, driver, colleague):
    running, ended = make_session(), make_session(days_ago=1, ended=True)
    elsewhere = SessionFactory(
        evse=online_evse(identity="UMEA-2", location=network.location), started_at=ended.started_at
    )
    client = client_of(colleague)

    def found(**query):
        return set(ids(client.get(f"{API}/sessions/", query)))

    of = {str(session.public_id): session for session in (running, ended, elsewhere)}
    assert found(active="true") == {str(running.public_id), str(elsewhere.public_id)}
    assert found(active="false") == {str(ended.public_id)}
    assert found(station="umea-2") == {str(elsewhere.public_id)}
    assert found(id_token="04a2b3c4") == {str(running.public_id), str(ended.public_id)}
    assert found(location=str(network.location.public_id)) == set(of)


def test_stations_by_place_and_connection(network, driver):
    other = online_evse(identity="OTHER")
    other.station.connections.all().delete()
    client = client_of(driver)

    def found(**query):
        return ids(client.get(f"{API}/stations/", query), "identity")

    assert found() == ["OTHER", "UMEA-1"]
    assert found(location=str(network.location.public_id)) == ["UMEA-1"]
    assert found(online="true") == ["UMEA-1"]
    assert found(online="false") == ["OTHER"]
    assert found(identity="umea-1") == ["UMEA-1"]


def test_locations_by_city(network, driver):
    LocationFactory(operator=network.operator, city="Luleå")
    assert ids(client_of(driver).get(f"{API}/locations/?city=ume%C3%A5"), "name") == ["Stortorget"]
