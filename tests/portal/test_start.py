"""Starting from the portal, and how the waiting page tells what happens."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sessions.models import StartRequest
from stations.models import ConnectorStatus, StationCommand
from tests.portal.conftest import disconnect, logged_in, set_status

HTMX = {"hx-request": "true"}


def start(client, place):
    return client.post(reverse("session-start", args=[place.evse.public_id]))


@pytest.fixture
def asked(place, driver_client) -> StartRequest:
    """A start on its way to the charger."""
    start(driver_client, place)
    return StartRequest.objects.get()


def waiting_page(client, asked, **headers) -> str:
    return client.get(reverse("start-request", args=[asked.pk]), headers=headers).content.decode()


def answered(asked, state) -> None:
    """The charger has answered the command."""
    StationCommand.objects.filter(pk=asked.command_id).update(state=state, finished_at=timezone.now())


def test_the_price_is_told_before_the_start(place, tariff, driver_client):
    page = driver_client.get(reverse("session-start", args=[place.evse.public_id])).content.decode()
    assert "SEK\u00a04.95 per kWh" in page
    assert "VAT is included." in page
    assert not StartRequest.objects.exists()


def test_the_charger_is_asked_and_the_page_waits(place, driver, driver_client):
    answer = start(driver_client, place)
    asked = StartRequest.objects.get()
    assert answer.url == reverse("start-request", args=[asked.pk])
    assert (asked.evse, asked.requested_by, asked.command.kind) == (place.evse, driver, "remote_start")
    page = waiting_page(driver_client, asked)
    assert "Asking the charger…" in page
    assert 'hx-trigger="every 1s"' in page


def test_an_accepted_start_waits_for_the_cable(asked, driver_client):
    answered(asked, "accepted")
    page = waiting_page(driver_client, asked)
    assert "Plug in the cable…" in page
    assert 'hx-trigger="every 1s"' in page


def test_with_the_cable_in_it_waits_for_the_car(asked, place, driver_client):
    answered(asked, "accepted")
    set_status(place.evse, ConnectorStatus.PREPARING)
    assert "Waiting for the car…" in waiting_page(driver_client, asked)


def test_a_session_that_began_takes_the_page_along(asked, driver_client, make_session):
    session = make_session(running=True)
    StartRequest.objects.update(state="started", session=session)
    address = reverse("session", args=[session.public_id])
    assert driver_client.get(reverse("start-request", args=[asked.pk])).url == address
    polled = driver_client.get(reverse("start-request", args=[asked.pk]), headers=HTMX)
    assert polled.headers["HX-Redirect"] == address


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("rejected", "The charger did not accept the start."),
        ("error", "The charger did not accept the start."),
        ("timed_out", "The charger did not accept the start."),
        ("offline", "The charger is not connected right now."),
    ],
)
def test_a_refused_start_says_what_to_do(state, words, asked, driver_client):
    answered(asked, state)
    page = waiting_page(driver_client, asked, **HTMX)
    assert words in page
    assert "Try again" in page
    assert "hx-trigger" not in page
    assert "<html" not in page


def test_a_poll_that_brings_nothing_new_leaves_the_page_alone(asked, driver_client):
    page = waiting_page(driver_client, asked)
    address = re.search(r'hx-get="([^"]+)"', page)[1]
    assert driver_client.get(address, headers=HTMX).status_code == 204
    answered(asked, "accepted")
    assert driver_client.get(address, headers=HTMX).status_code == 200


def test_a_start_without_a_car_expires(asked, driver_client):
    answered(asked, "accepted")
    StartRequest.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    page = waiting_page(driver_client, asked)
    assert "The charger saw no car in time." in page
    assert "Nothing has been charged for." in page


def test_an_offline_charger_is_not_asked(place, driver_client):
    disconnect(place.station, ago=dt.timedelta(hours=1))
    page = start(driver_client, place)
    assert "The charger is not connected right now." in page.content.decode()
    assert not StartRequest.objects.exists()


def test_where_somebody_charges_nobody_else_starts(place, make_session, stranger):
    make_session(running=True)
    page = start(logged_in(stranger), place)
    assert "Somebody is charging here." in page.content.decode()
    assert not StartRequest.objects.exists()


def test_strangers_and_colleagues_do_not_see_a_start(asked, stranger, colleague):
    for user in (stranger, colleague):
        assert logged_in(user).get(reverse("start-request", args=[asked.pk])).status_code == 404


def test_outlets_of_unpublished_places_cannot_be_started(place, stranger):
    type(place.location).objects.update(is_published=False)
    assert start(logged_in(stranger), place).status_code == 404
    assert not StartRequest.objects.exists()


def test_starting_needs_a_login_and_the_csrf_token(place, driver):
    assert start(Client(), place).url.startswith("/account/login/")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(driver)
    assert start(strict, place).status_code == 403
    assert not StartRequest.objects.exists()
