"""The page of a place: its outlets, live, and the way to a start."""

import datetime as dt
import re
import uuid

import pytest
from django.test import Client
from django.urls import reverse

from chargeportal.live.pages import Changes, topic_named
from stations.models import ConnectorStatus, Evse, Location
from stations.templatetags.outlets import opening_lines
from tests.portal.conftest import disconnect, logged_in, set_status


def page_of(place, client):
    return client.get(reverse("location", args=[place.location.public_id]))


def outlet(page, evse) -> str:
    """The text of one outlet's card."""
    html = page.content.decode().split(f'id="outlet-{evse.public_id}"')[1].split("</li>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_each_outlet_shows_its_plug_power_and_state(place, driver_client):
    page = page_of(place, driver_client)
    assert outlet(page, place.evse).endswith(
        "Outlet 1 Type 2 · 22 kW Available Start charging : Laddare Stortorget, Outlet 1"
    )
    assert "Charging · 25 min" in outlet(page, place.second)
    assert "Start charging" not in outlet(page, place.second)


def test_an_offline_outlet_shows_its_age_and_no_start(place, driver_client):
    disconnect(place.station, ago=dt.timedelta(hours=5))
    page = page_of(place, driver_client)
    assert "Offline · 5 h" in outlet(page, place.evse)
    assert "Start charging" not in page.content.decode()
    assert "status--offline" in page.content.decode()


def test_visitors_are_sent_to_log_in_and_come_back(place):
    page = page_of(place, Client(headers={"accept-language": "en"}))
    assert "Log in to start" in outlet(page, place.evse)
    start = reverse("session-start", args=[place.evse.public_id])
    assert Client().get(start).url == f"/account/login/?next={start}"


@pytest.mark.parametrize(
    ("status", "can_start"),
    [
        (ConnectorStatus.AVAILABLE, True),
        (ConnectorStatus.PREPARING, True),
        (ConnectorStatus.OCCUPIED, True),
        (ConnectorStatus.FINISHING, True),
        (ConnectorStatus.RESERVED, False),
        (ConnectorStatus.UNAVAILABLE, False),
        (ConnectorStatus.FAULTED, False),
    ],
)
def test_a_start_is_offered_where_it_can_succeed(status, can_start, place, driver_client):
    set_status(place.evse, status)
    assert ("Start charging" in outlet(page_of(place, driver_client), place.evse)) is can_start


def test_ones_own_session_is_linked_and_others_are_not(place, make_session, stranger, driver_client):
    session = make_session(running=True)
    assert "Your session" in outlet(page_of(place, driver_client), place.evse)
    foreign = outlet(page_of(place, logged_in(stranger)), place.evse)
    assert "Your session" not in foreign
    assert "Start charging" not in foreign
    assert str(session.public_id) not in page_of(place, logged_in(stranger)).content.decode()


def test_unpublished_places_are_for_the_operators_people(place, stranger, colleague):
    Location.objects.update(is_published=False)
    assert page_of(place, Client()).status_code == 404
    assert page_of(place, logged_in(stranger)).status_code == 404
    assert page_of(place, logged_in(colleague)).status_code == 200


def test_a_place_that_does_not_exist_is_not_found(db):
    assert Client().get(reverse("location", args=[uuid.uuid4()])).status_code == 404


def test_a_place_without_a_tariff_says_that_charging_is_free(place, driver_client):
    assert "No price has been set here" in page_of(place, driver_client).content.decode()


@pytest.mark.parametrize(
    ("hours", "lines"),
    [
        ({"twentyfourseven": True}, ["Open around the clock"]),
        (
            {
                "regular_hours": [
                    *(
                        {"weekday": day, "period_begin": "07:00", "period_end": "22:00"}
                        for day in range(1, 6)
                    ),
                    {"weekday": 7, "period_begin": "10:00", "period_end": "18:00"},
                ]
            },
            ["Mon–Fri 07:00–22:00", "Sun 10:00–18:00"],
        ),
        ({}, []),
        (["odd"], []),
        (
            {
                "regular_hours": [
                    {"weekday": "x"},
                    "odd",
                    {"weekday": "x", "period_begin": 1, "period_end": 2},
                ]
            },
            [],
        ),
    ],
)
def test_opening_hours_are_told_in_short(hours, lines):
    assert opening_lines(Location(opening_hours=hours)) == lines


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow_with_the_number_of_outlets(
    count, make_place, driver_client, django_assert_num_queries
):
    place = make_place("Mätplatsen")
    for number in range(3, count + 3):
        Evse.objects.create(station=place.station, number=number)
    # The session, the user, two kinds of roles, the location, two for outlets, then what each adds once
    with django_assert_num_queries(14):
        page_of(place, driver_client)


def test_only_changed_outlets_are_pushed(place, driver):
    topic = topic_named("location")
    key = str(place.location.public_id)
    pushed = list(topic.fragments(driver, key, Changes(evse_ids=frozenset([place.evse.pk]))))
    assert len(pushed) == 2
    assert f'id="outlet-{place.evse.public_id}"' in pushed[0]
    assert "1 of 2 free" in pushed[1]
    assert list(topic.fragments(driver, key, Changes(evse_ids=frozenset([10**9])))) == []
    assert len(list(topic.fragments(driver, key, Changes(station_ids=frozenset([place.station.pk]))))) == 3


def test_the_live_topic_knows_who_may_look(place, driver, stranger):
    topic = topic_named("location")
    assert topic.allows(driver, str(place.location.public_id))
    assert not topic.allows(driver, str(uuid.uuid4()))
    assert not topic.allows(driver, "nonsense")
    Location.objects.update(is_published=False)
    assert not topic.allows(stranger, str(place.location.public_id))
