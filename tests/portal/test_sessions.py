"""History, the live session, the stop, and the cost explained."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing import cdrs
from chargeportal.live.pages import Changes, topic_named
from sessions.models import TransactionEvent
from stations.models import ConnectorStatus, StationCommand
from tests.portal.conftest import disconnect, logged_in, set_status


def text_of(page) -> str:
    """What a reader sees."""
    html = re.sub(r"<(script|style|svg|title).*?</\1>", " ", page.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def page_of(session, client):
    return client.get(reverse("session", args=[session.public_id]))


def sample(
    session, *, minute: int, energy_wh: float, power_w: float | None = None, soc: float | None = None
) -> None:
    at = session.started_at + dt.timedelta(minutes=minute)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO charging_sessions_metersample"
            " (station_id, evse_number, sampled_at, context, session_id, transaction_ref,"
            " received_at, energy_wh, power_w, soc_percent)"
            " VALUES (%s, 1, %s, 'Sample.Periodic', %s, %s, %s, %s, %s, %s)",
            [session.station_id, at, session.pk, session.transaction_ref, at, energy_wh, power_w, soc],
        )


def changed_state(session, state: str, *, minute: int) -> None:
    at = session.started_at + dt.timedelta(minutes=minute)
    TransactionEvent.objects.create(
        session=session,
        type="updated",
        seq_no=minute,
        charging_state=state,
        occurred_at=at,
        received_at=at,
        payload={},
    )


@pytest.fixture
def finished(make_session, tariff):
    """An hour: 40 minutes of charging 12.345 kWh, 20 minutes plugged in without; rated."""
    session = make_session(meter_stop_wh=13345)
    sample(session, minute=0, energy_wh=1000, power_w=0)
    sample(session, minute=20, energy_wh=7000, power_w=18_000, soc=50)
    sample(session, minute=40, energy_wh=13345, power_w=18_500, soc=80)
    changed_state(session, "charging", minute=0)
    changed_state(session, "suspended_ev", minute=40)
    cdrs.rate_session(session.pk, now=timezone.now())
    return session


@pytest.fixture
def running(make_session, tariff, place):
    session = make_session(number=99, running=True, started_at=timezone.now() - dt.timedelta(minutes=30))
    set_status(place.evse, ConnectorStatus.CHARGING)
    sample(session, minute=0, energy_wh=1000, power_w=11_000)
    sample(session, minute=25, energy_wh=6000, power_w=11_000, soc=64)
    return session


def test_the_cost_is_explained_line_by_line(finished, driver_client):
    text = text_of(page_of(finished, driver_client))
    # 12.345 kWh x 4.95 = 61.10775; of which VAT 61.11 / 1.25 = 48.89, 12.22
    assert "12.345 kWh × SEK 4.95 = SEK 61.11, of which VAT (25%) SEK 12.22" in text
    # 20 min x 60/h = 20.00; of which VAT 4.00
    assert "20 min (0.333333 h) × SEK 60.00 = SEK 20.00, of which VAT (25%) SEK 4.00" in text
    assert "Total SEK 81.11 of which VAT SEK 16.22" in text
    assert "Charging time 40 min" in text
    assert "Plugged in without charging 20 min" in text
    assert "The car paused charging" in text


def test_swedish_reads_as_a_swede_writes(finished, driver):
    driver.language = "sv"
    driver.save()
    client = Client(headers={"accept-language": "sv"})
    client.force_login(driver)
    text = text_of(page_of(finished, client))
    assert "12,345 kWh × 4,95 kr = 61,11 kr, varav moms (25 %) 12,22 kr" in text
    assert "Totalt 81,11 kr varav moms 16,22 kr" in text


def test_the_history_shows_the_same_total(finished, driver_client):
    text = text_of(driver_client.get(reverse("session-list")))
    assert "SEK 81.11" in text
    assert "12.3 kWh" in text


def test_prices_without_vat_are_explained_with_the_vat_added(finished, make_session, tariff, driver_client):
    tariff.tax_included = "NO"
    tariff.save()
    session = make_session(number=2, energy_wh=Decimal(10_000))
    sample(session, minute=0, energy_wh=1000)
    sample(session, minute=60, energy_wh=11_000)
    cdrs.rate_session(session.pk, now=timezone.now())
    text = text_of(page_of(session, driver_client))
    assert "10 kWh × SEK 4.95 = SEK 49.50, with VAT (25%) SEK 12.38: SEK 61.88" in text


def test_times_are_those_of_the_place(finished, place, driver_client):
    place.location.time_zone = "Asia/Tokyo"
    place.location.save()
    tokyo = finished.started_at + dt.timedelta(hours=9)
    assert f"{tokyo:%Y-%m-%d %H:%M}" in text_of(page_of(finished, driver_client))


def test_a_session_that_waits_for_review_shows_no_price(make_session, tariff, driver_client):
    session = make_session(held_reason="implausible_energy")
    text = text_of(page_of(session, driver_client))
    assert "do not look right" in text
    assert "SEK" not in text


def test_the_running_session_shows_meter_cost_and_what_the_car_does(running, driver_client):
    text = text_of(page_of(running, driver_client))
    assert "Your car is charging" in text
    assert "Energy 5.00 kWh" in text
    assert "Power 11.0 kW" in text
    assert "Battery 64%" in text
    assert "Cost so far SEK 24.75" in text  # 5 kWh x 4.95


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("suspended_ev", "The car has paused charging"),
        ("suspended_evse", "The charger has paused charging"),
        ("ev_connected", "Charging is done"),  # 5 kWh have flowed
        ("idle", "Charging is done"),
    ],
)
def test_states_are_told_in_plain_words(state, words, running, driver_client):
    type(running).objects.update(charging_state=state)
    assert words in text_of(page_of(running, driver_client))


def test_before_the_first_energy_the_car_is_waited_for(make_session, place, tariff, driver_client):
    session = make_session(running=True, charging_state="ev_connected")
    set_status(place.evse, ConnectorStatus.OCCUPIED)
    assert "Waiting for the car" in text_of(page_of(session, driver_client))


def test_the_story_ends_with_the_car_connected_after_charging(finished, driver_client):
    changed_state(finished, "ev_connected", minute=50)
    text = text_of(page_of(finished, driver_client))
    assert "Charging is over, the car is still connected" in text
    assert "not charging yet" not in text


def test_an_old_reading_is_not_shown_as_the_present_power(running, driver_client):
    type(running).objects.update(started_at=running.started_at - dt.timedelta(hours=2))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE charging_sessions_metersample SET sampled_at = sampled_at - interval '2 hours'"
        )
    assert "Power –" in text_of(page_of(running, driver_client))


def test_a_lost_connection_is_said(running, place, driver_client):
    disconnect(place.station, ago=dt.timedelta(minutes=12))
    text = text_of(page_of(running, driver_client))
    assert "Offline · 12 min" in text
    assert "Charging goes on." in text


def test_the_live_page_is_pushed_figures_and_curve(running, driver):
    topic = topic_named("session")
    key = str(running.public_id)
    pushed = list(topic.fragments(driver, key, Changes(session_ids=frozenset([running.pk]))))
    assert ['id="session-now"' in pushed[0], 'id="session-curve"' in pushed[1]] == [True, True]
    assert list(topic.fragments(driver, key, Changes(session_ids=frozenset([10**9])))) == []


def test_the_live_page_goes_to_the_bill_when_the_session_ends(finished, driver):
    (pushed,) = topic_named("session").fragments(driver, str(finished.public_id), Changes(everything=True))
    assert f'data-go="{reverse("session", args=[finished.public_id])}"' in pushed


def test_strangers_do_not_follow_a_session_live(running, driver, colleague, stranger):
    topic = topic_named("session")
    assert topic.allows(driver, str(running.public_id))
    assert topic.allows(colleague, str(running.public_id))
    assert not topic.allows(stranger, str(running.public_id))
    assert not topic.allows(driver, "nonsense")


def test_stop_asks_the_charger_and_tells_how_it_goes(running, driver, driver_client):
    stop = reverse("session-stop", args=[running.public_id])
    page = driver_client.post(stop, follow=True)
    assert "Asking the charger to stop…" in text_of(page)
    command = StationCommand.objects.get()
    assert (command.kind, command.parameters["transaction_ref"]) == ("remote_stop", running.transaction_ref)
    assert command.requested_by == driver
    StationCommand.objects.update(state="accepted", finished_at=timezone.now())
    assert "The charger is stopping." in text_of(page_of(running, driver_client))
    StationCommand.objects.update(state="rejected")
    assert "The charger did not stop." in text_of(page_of(running, driver_client))


def test_a_stop_without_connection_says_what_to_do(running, place, driver_client):
    disconnect(place.station, ago=dt.timedelta(minutes=12))
    page = driver_client.post(reverse("session-stop", args=[running.public_id]), follow=True)
    assert "The charger is not connected right now." in text_of(page)


def test_a_session_that_has_ended_is_not_stopped(finished, driver_client):
    page = driver_client.post(reverse("session-stop", args=[finished.public_id]), follow=True)
    assert "This charging session has already ended." in text_of(page)
    assert not StationCommand.objects.exists()


def test_who_sees_a_session(finished, driver, colleague, stranger):
    seen = [page_of(finished, logged_in(user)).status_code for user in (driver, colleague, stranger)]
    assert seen == [200, 200, 404]
    assert page_of(finished, Client()).url.startswith("/account/login/")


def test_nobody_but_the_driver_stops_a_session_in_the_portal(running, colleague, stranger):
    for user in (colleague, stranger):
        client = logged_in(user)
        assert client.post(reverse("session-stop", args=[running.public_id])).status_code == 404
    assert "Stop charging" not in text_of(page_of(running, logged_in(colleague)))
    assert not StationCommand.objects.exists()


def test_the_stop_is_a_post_with_the_csrf_token(running, driver):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(driver)
    stop = reverse("session-stop", args=[running.public_id])
    assert (strict.post(stop).status_code, strict.get(stop).status_code) == (403, 405)
    assert not StationCommand.objects.exists()


def test_the_history_lists_ones_own_sessions_alone(finished, colleague, stranger):
    for user in (colleague, stranger):
        text = text_of(logged_in(user).get(reverse("session-list")))
        assert "You have not charged yet." in text


def test_the_history_is_grouped_by_the_month_of_the_place(make_session, driver_client):
    for number, day in enumerate(("2026-01-31T22:30Z", "2026-01-31T23:30Z"), start=1):
        started = dt.datetime.fromisoformat(day)
        make_session(number=number, started_at=started, ended_at=started + dt.timedelta(hours=1))
    page = driver_client.get(reverse("session-list"))
    assert [(month.isoformat(), len(rows)) for month, rows in page.context["months"]] == [
        ("2026-02-01", 1),
        ("2026-01-01", 1),
    ]


def test_the_history_has_pages(make_session, driver_client):
    for number in range(1, 28):
        make_session(number=number)
    first, second = (driver_client.get(f"{reverse('session-list')}?page={page}") for page in (1, 2))
    assert "Page 1 of 2" in text_of(first)
    assert sum(len(rows) for _, rows in second.context["months"]) == 2


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("name", "queries"), [("session-list", 8), ("portal-home", 19)])
def test_queries_do_not_grow_with_the_number_of_sessions(
    name, queries, count, make_session, driver_client, django_assert_num_queries
):
    for number in range(1, count + 1):
        make_session(number=number)
    with django_assert_num_queries(queries):
        driver_client.get(reverse(name))


def test_the_front_page_puts_the_running_session_on_top(running, finished, driver_client):
    text = text_of(driver_client.get(reverse("portal-home")))
    assert text.index("Follow the session") < text.index("Find a charger") < text.index("SEK 81.11")


def test_the_curve_has_axes_and_a_table(finished, driver_client):
    html = page_of(finished, driver_client).content.decode()
    assert 'class="curve__line"' in html
    assert "Power during the session (kW)" in html
    assert "<td>18.5\u00a0kW</td>" in html


def test_without_readings_the_curve_says_so(make_session, driver_client):
    assert "too few readings" in text_of(page_of(make_session(), driver_client))
