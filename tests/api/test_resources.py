"""What each resource says."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.utils import timezone

from stations.models import ChargingStation, ConnectorStatus, StatusInterval
from tests.api.conftest import API, client_of, ids
from tests.factories import meter_samples

pytestmark = pytest.mark.django_db


def get(user, address):
    response = client_of(user).get(f"{API}/{address}")
    assert response.status_code == 200, response.content
    return response.json()


def test_a_location(network, driver):
    network.location.opening_hours = {"twentyfourseven": True}
    network.location.latitude, network.location.longitude = Decimal("63.8258"), Decimal("20.2630")
    network.location.save()
    place = get(driver, f"locations/{network.location.public_id}/")
    assert place == {
        "id": str(network.location.public_id), "name": "Stortorget", "address": "Storgatan 1",
        "postal_code": "", "city": "Umeå", "country": "SE", "latitude": "63.825800", "longitude": "20.263000",
        "time_zone": "Europe/Stockholm", "opening_hours": {"twentyfourseven": True},
        "operator": {"id": str(network.operator.public_id), "name": "Norrkraft"}, "host": None,
        "is_published": True, "stations": ["UMEA-1"],
    }  # fmt: skip


def test_a_station_with_its_evses_connectors_and_live_status(network, driver):
    station = get(driver, "stations/umea-1/")
    assert station["identity"] == "UMEA-1"
    assert station["is_online"] is True
    assert station["location"] == {"id": str(network.location.public_id), "name": "Stortorget"}
    [evse] = station["evses"]
    since = StatusInterval.objects.get().started_at
    assert (evse["number"], evse["status"], evse["max_power_kw"]) == (1, "charging", "22.000")
    assert dt.datetime.fromisoformat(evse["status_since"]) == since
    assert [connector["standard"] for connector in evse["connectors"]] == ["IEC_62196_T2"]


def test_a_station_that_lost_its_connection_says_so_and_what_it_said_last(network, driver):
    network.station.connections.update(last_seen_at=timezone.now() - dt.timedelta(minutes=5))
    station = get(driver, "stations/UMEA-1/")
    assert station["is_online"] is False
    assert station["evses"][0]["status"] == ConnectorStatus.CHARGING


def test_only_the_staff_sees_the_equipment(network, driver, colleague, competitor):
    ChargingStation.objects.update(serial_number="SN-1", password_digest="a digest")
    assert get(driver, "stations/UMEA-1/")["equipment"] is None
    assert get(competitor, "stations/UMEA-1/")["equipment"] is None
    equipment = get(colleague, "stations/UMEA-1/")["equipment"]
    assert (equipment["serial_number"], equipment["registration"]) == ("SN-1", "accepted")
    assert "password_digest" not in equipment


@pytest.mark.parametrize("identity", ["ÅÄÖ 1", "RDAM|123", "a.b.c", "50%", "a:b", "+46"])
def test_a_station_is_found_by_any_identity_it_may_have(identity, network, driver):
    from urllib.parse import quote

    ChargingStation.objects.update(identity=identity)
    assert get(driver, f"stations/{quote(identity, safe='')}/")["identity"] == identity


def test_a_session_in_progress_tells_what_the_meter_last_said(network, make_session, driver):
    session = make_session()
    at = timezone.now() - dt.timedelta(minutes=1)
    meter_samples(session, (session.started_at, 0.0, 1000.0), (at, 10_980.0, 4500.5))
    told = get(driver, f"sessions/{session.public_id}/")
    assert (told["state"], told["ended_at"], told["total"]) == ("active", None, None)
    assert (told["energy_wh"], told["power_w"]) == ("3500.500", 10980.0)
    assert told["station"] == "UMEA-1"
    assert told["driver"] == {"id": str(driver.public_id), "name": "Anna Lind"}
    assert told["started_at"].endswith("Z")


def test_an_ended_session_tells_what_it_cost(cdr, session, driver):
    told = get(driver, f"sessions/{session.public_id}/")
    assert (told["state"], told["energy_wh"], told["power_w"]) == ("ended", "11000.000", None)
    assert told["total"] == {"amount": "64.45", "currency": "SEK"}


def test_why_a_session_is_held_is_for_the_staff(make_session, driver, colleague):
    session = make_session(ended=True, held_reason="energy_implausible", flags=["clock_ahead"])
    address = f"sessions/{session.public_id}/"
    own, theirs = get(driver, address), get(colleague, address)
    assert (own["held_reason"], own["flags"]) == (None, None)
    assert (theirs["held_reason"], theirs["flags"]) == ("energy_implausible", ["clock_ahead"])
    client = client_of(colleague)
    assert ids(client.get(f"{API}/sessions/?held=true")) == [str(session.public_id)]
    assert ids(client.get(f"{API}/sessions/?held=false")) == []


def test_a_session_without_card_driver_and_evse(make_session, colleague, network):
    session = make_session(id_token=None, user=None, evse=None, station=network.station)
    told = get(colleague, f"sessions/{session.public_id}/")
    assert (told["driver"], told["evse_number"], told["id_token"]) == (None, None, "")


def test_samples_come_in_the_order_of_time_in_pages(make_session, driver):
    session, other = make_session(), make_session(days_ago=1)
    start = session.started_at
    readings = [(start + dt.timedelta(minutes=n), 11_000.0, 1000.0 + n) for n in range(5)]
    meter_samples(session, *reversed(readings))
    meter_samples(other, (other.started_at, 1.0, 1.0))
    client = client_of(driver)
    rows, address = [], f"{API}/sessions/{session.public_id}/samples/?page_size=2"
    while address:
        page = client.get(address).json()
        assert len(page["results"]) <= 2
        rows += page["results"]
        address = page["next"]
    assert [row["energy_wh"] for row in rows] == [f"{1000 + n}.000" for n in range(5)]
    assert [dt.datetime.fromisoformat(row["sampled_at"]) for row in rows] == [at for at, _, _ in readings]
    assert client.get(f"{API}/sessions/{uuid.uuid4()}/samples/").status_code == 404


def test_a_cdr_is_explained_line_by_line(cdr, session, driver):
    told = get(driver, f"cdrs/{cdr.public_id}/")
    assert (told["total_excl_vat"], told["total_vat"], told["total_incl_vat"]) == ("51.56", "12.89", "64.45")
    assert (told["session"], told["station"]) == (str(session.public_id), "UMEA-1")
    assert (told["energy_wh"], told["charging_s"], told["currency"]) == ("11000.000", 3600, "SEK")
    lines = {line["dimension"]: line for line in told["lines"]}
    assert set(lines) == {"ENERGY", "FLAT"}
    assert (lines["ENERGY"]["quantity"], lines["ENERGY"]["unit_price"]) == ("11.000000", "4.9500")
    assert lines["ENERGY"]["amount_incl_vat"] == "54.45"
    for line in cdr.lines.all():
        assert lines[line.dimension]["trace"] == line.trace
        assert line.trace
    assert sum(Decimal(line["amount_incl_vat"]) for line in told["lines"]) == Decimal(told["total_incl_vat"])


def test_cdrs_by_period_session_and_station(cdr, session, driver):
    client = client_of(driver)

    def found(**query):
        return ids(client.get(f"{API}/cdrs/", query))

    end = cdr.ended_at
    assert found(ended_from=end.isoformat()) == [str(cdr.public_id)]
    assert found(ended_before=end.isoformat()) == []
    assert found(session=str(session.public_id)) == [str(cdr.public_id)]
    assert found(session=str(uuid.uuid4())) == []
    assert found(station="umea-1") == [str(cdr.public_id)]
    assert found(station="other") == []
