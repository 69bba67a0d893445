"""The page of one station: its state, its day, its log, and the commands with their outcome."""

import datetime as dt
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from chargeportal.dashboards.status_bars import status_bars
from chargeportal.live.pages import Changes, topic_named
from sessions.models import StartRequest
from stations.models import StationCommand
from tests.factories import (
    ConnectorFactory,
    EvseFactory,
    IdTokenFactory,
    LocationFactory,
    SessionFactory,
    StationFactory,
    StatusFactory,
    log_frame,
    online_evse,
)

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def place(operator):
    return LocationFactory(operator=operator, name="Square")


@pytest.fixture
def evse(place):
    return online_evse(location=place, identity="CP-9", firmware_version="4.2.1")


@pytest.fixture
def station(evse):
    return evse.station


@pytest.fixture
def client(colleague, browser):
    return browser(colleague("operator"))


def test_it_tells_the_facts_and_the_address_to_enter(client, station):
    page = client.get(reverse("dashboards:station", args=[station.pk])).content.decode()
    for words in ("CP-9", "Chargers AB", "4.2.1", "Online", "Square", "ws://testserver/ocpp/CP-9"):
        assert words in page


def test_it_costs_the_same_number_of_queries_at_one_evse_and_at_three(client, station):
    address = reverse("dashboards:station", args=[station.pk])

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    def grow(number: int) -> None:
        evse = EvseFactory(station=station, number=number)
        StatusFactory(connector=ConnectorFactory(evse=evse), status="charging")
        SessionFactory(evse=evse)
        StationCommand.objects.create(station=station, kind="reset", requested_at=NOON)

    grow(2)
    cost()
    at_one = cost()
    grow(3)
    grow(4)
    assert cost() == at_one


class TestCommands:
    def send(self, client, station, kind, **data):
        return client.post(reverse("dashboards:command", args=[station.pk, kind]), data)

    def test_the_form_says_what_will_happen(self, client, station):
        page = client.get(reverse("dashboards:command", args=[station.pk, "reset"])).content.decode()
        assert "The station restarts and is away for a minute or more." in page
        assert "running sessions are cut off" in page

    def test_a_command_is_queued_and_in_the_audit_trail(self, client, station, colleague):
        page = self.send(client, station, "reset", mode="immediate").content.decode()
        command = station.commands.get()
        assert (command.kind, command.state, command.parameters["mode"]) == ("reset", "queued", "immediate")
        assert "Waiting to be sent" in page
        entry = AuditEntry.objects.get()
        assert (entry.act, entry.subject, entry.actor) == (
            "station.reset",
            "station CP-9",
            command.requested_by,
        )

    @pytest.mark.parametrize(
        ("kind", "data", "parameters"),
        [
            ("change_availability", {"operative": "no"}, {"operative": False, "evse_number": None}),
            ("change_availability", {"operative": "yes", "evse": "?"}, {"operative": True, "evse_number": 1}),
            ("unlock_connector", {"evse": "?"}, {"evse_number": 1}),
            ("trigger_message", {"message": "Heartbeat"}, {"requested_message": "Heartbeat"}),
            ("get_configuration", {"keys": "HeartbeatInterval\nMeterValueSampleInterval"},
             {"keys": ["HeartbeatInterval", "MeterValueSampleInterval"]}),
            ("change_configuration", {"key": "HeartbeatInterval", "value": "60"},
             {"key": "HeartbeatInterval", "value": "60"}),
            ("raw_call", {"action": "ClearCache", "payload": "{}"}, {"action": "ClearCache", "payload": {}}),
        ],
    )  # fmt: skip
    def test_each_command_is_stored_as_asked(self, kind, data, parameters, client, station, evse):
        self.send(
            client,
            station,
            kind,
            **{name: evse.pk if value == "?" else value for name, value in data.items()},
        )
        command = station.commands.get()
        assert command.kind == kind
        assert parameters.items() <= command.parameters.items()

    def test_a_start_is_asked_for_the_token_named(self, client, station, evse, operator):
        token = IdTokenFactory(organisation=operator, uid="FLEET7")
        self.send(client, station, "remote_start", evse=evse.pk, token="fleet7")
        assert StartRequest.objects.get().id_token == token
        assert station.commands.get().parameters["id_token"] == "FLEET7"

    def test_a_start_for_somebody_elses_token_is_refused(self, client, station, evse):
        SessionFactory(id_token=IdTokenFactory(uid="FOREIGN"))
        page = self.send(client, station, "remote_start", evse=evse.pk, token="FOREIGN").content.decode()
        assert "There is no such token in your network." in page
        assert station.commands.count() == 0

    def test_a_start_where_somebody_charges_is_refused_with_the_reason(self, client, station, evse):
        SessionFactory(evse=evse)
        page = self.send(client, station, "remote_start", evse=evse.pk).content.decode()
        assert "Somebody is charging here." in page
        assert station.commands.count() == 0

    def test_a_stop_names_the_sessions_transaction(self, client, station, evse):
        session = SessionFactory(evse=evse, transaction_ref="4711")
        self.send(client, station, "remote_stop", session=session.pk)
        assert station.commands.get().parameters == {"transaction_ref": "4711"}

    def test_a_session_of_another_station_cannot_be_stopped_from_here(self, client, station):
        other = SessionFactory()
        page = self.send(client, station, "remote_stop", session=other.pk)
        assert "session" in page.context["form"].errors
        assert StationCommand.objects.count() == 0

    @pytest.mark.parametrize(
        ("action", "payload", "objection"),
        [
            ("Reboot", "{}", "OCPP 1.6 has no such action."),
            ("Reset", "{}", "required"),
            ("Reset", "[1]", "must be an object"),
            ("Reset", "{,", "This is not JSON"),
        ],
    )
    def test_a_raw_message_that_breaks_the_standard_is_not_sent(
        self, action, payload, objection, client, station
    ):
        page = self.send(client, station, "raw_call", action=action, payload=payload).content.decode()
        assert objection in page
        assert station.commands.count() == 0

    def test_a_station_that_is_away_gets_nothing_and_the_page_says_so(self, client, station):
        station.connections.update(closed_at=timezone.now())
        form = client.get(reverse("dashboards:command", args=[station.pk, "reset"])).content.decode()
        assert "The station is not connected right now." in form
        self.send(client, station, "reset", mode="on_idle")
        command = station.commands.get()
        outcome = client.get(
            reverse("dashboards:outcome", args=[station.pk, command.public_id])
        ).content.decode()
        assert command.state == "offline"
        assert "It was not sent" in outcome
        assert "hx-get" not in outcome

    def test_the_outcome_asks_again_until_it_is_known(self, client, station):
        self.send(client, station, "get_configuration")
        command = station.commands.get()
        address = reverse("dashboards:outcome", args=[station.pk, command.public_id])
        assert address in client.get(address).content.decode()
        answer = {"configurationKey": [{"key": "HeartbeatInterval", "value": "300", "readonly": False}]}
        StationCommand.objects.update(state="accepted", finished_at=timezone.now(), response=answer)
        page = client.get(address).content.decode()
        assert "hx-get" not in page
        assert "HeartbeatInterval" in page
        assert "300" in page

    def test_a_stranger_sends_nothing(self, station, stranger, browser):
        response = self.send(browser(stranger), station, "reset", mode="on_idle")
        assert response.status_code == 404
        assert StationCommand.objects.count() == 0

    def test_an_outcome_is_found_only_at_its_station(self, client, station, place):
        self.send(client, station, "reset", mode="on_idle")
        other = StationFactory(location=place)
        address = reverse("dashboards:outcome", args=[other.pk, station.commands.get().public_id])
        assert client.get(address).status_code == 404


class TestLog:
    def rows(self, client, station, **query):
        page = client.get(reverse("dashboards:frames", args=[station.pk]), query)
        return [frame.action for frame in page.context["page"].frames]

    @pytest.fixture(autouse=True)
    def frames(self, station):
        now = timezone.now()
        log_frame(station, at=now - dt.timedelta(seconds=3), action="Heartbeat")
        log_frame(station, at=now - dt.timedelta(seconds=2), action="Authorize", payload={"idTag": "ÅSA-1"})
        log_frame(
            station, at=now - dt.timedelta(seconds=1), action="Reset", direction="out", response=None,
            error_code="InternalError", error_description="no",
        )  # fmt: skip
        log_frame(StationFactory(), at=now, action="Foreign")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, ["Reset", "Authorize", "Heartbeat"]),
            ({"action": "auth"}, ["Authorize"]),
            ({"direction": "out"}, ["Reset"]),
            ({"only_errors": "on"}, ["Reset"]),
            ({"text": "åsa-1"}, ["Authorize"]),
            ({"text": "nothing like it"}, []),
        ],
    )
    def test_the_filter(self, query, found, client, station):
        assert self.rows(client, station, **query) == found

    def test_older_pages_go_on_where_the_last_one_ended(self, client, station):
        at = timezone.now() - dt.timedelta(hours=1)
        for n in range(60):
            log_frame(station, at=at - dt.timedelta(seconds=n // 3), action=f"A{n}")
        address = reverse("dashboards:frames", args=[station.pk])
        first = client.get(address).context["page"]
        query = {"before": first.older_before.isoformat(), "before_id": first.older_before_id}
        second = client.get(address, query).context["page"]
        seen = [frame.id for frame in (*first.frames, *second.frames)]
        assert len(first.frames) == 50
        assert len(seen) == len(set(seen)) == 63
        assert second.older_before is None

    def test_a_search_looks_back_a_week_at_a_time(self, client, station):
        log_frame(station, at=timezone.now() - dt.timedelta(days=10), action="DataTransfer")
        address = reverse("dashboards:frames", args=[station.pk])
        first = client.get(address, {"action": "DataTransfer"}).context["page"]
        assert first.frames == []
        query = {"action": "DataTransfer", "before": first.older_before.isoformat()}
        assert [frame.action for frame in client.get(address, query).context["page"].frames] == [
            "DataTransfer"
        ]

    def test_it_is_never_counted(self, client, station):
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("dashboards:frames", args=[station.pk]))
        assert not [query for query in captured if "COUNT(" in query["sql"].upper()]

    def test_what_cannot_be_read_is_shown_as_received(self, client, station):
        log_frame(station, at=timezone.now(), action="", payload=None, response=None, raw='[2,"<script>')
        page = client.get(reverse("dashboards:frames", args=[station.pk])).content.decode()
        assert "[2,&quot;&lt;script&gt;" in page

    def test_finance_does_not_read_it(self, station, colleague, browser):
        response = browser(colleague("finance")).get(reverse("dashboards:frames", args=[station.pk]))
        assert response.status_code == 403


def test_the_day_as_a_bar_is_to_scale_on_the_clock_of_the_place(station, evse):
    connector = evse.connectors.get()
    connector.status_intervals.all().delete()
    StatusFactory(
        connector=connector, status="charging", started_at=NOON - dt.timedelta(hours=30),
        ended_at=NOON - dt.timedelta(hours=18),
    )  # fmt: skip
    StatusFactory(connector=connector, status="available", started_at=NOON - dt.timedelta(hours=18))
    (bar,) = status_bars(station, now=NOON, zone="Europe/Stockholm")
    assert [(s.left, s.width, s.tone) for s in bar.stretches] == [(0, 25, "charging"), (25, 75, "available")]
    # noon in UTC is 13:00 in Stockholm in March, so the bar begins at 13:00 the day before
    assert [(m.left, m.text) for m in bar.marks][:2] == [(12.5, "16:00"), (29.167, "20:00")]


class TestPushed:
    def test_a_hint_about_the_station_renders_its_parts(self, station, colleague):
        topic = topic_named("operator-station")
        changes = Changes(station_ids=frozenset({station.pk}))
        sent = list(topic.fragments(colleague("technician"), str(station.pk), changes))
        ids = ["station-state", "station-evses", "station-bars", "station-commands"]
        assert [name for name in ids if any(f'id="{name}"' in part for part in sent)] == ids

    def test_a_hint_about_another_station_renders_nothing(self, station, colleague):
        topic = topic_named("operator-station")
        changes = Changes(station_ids=frozenset({station.pk + 1}))
        assert list(topic.fragments(colleague("technician"), str(station.pk), changes)) == []

    def test_a_stranger_may_not_listen(self, station, colleague, stranger):
        topic = topic_named("operator-station")
        assert topic.allows(colleague("finance"), str(station.pk)) is True
        assert topic.allows(stranger, str(station.pk)) is False
        assert topic.allows(stranger, "not-a-number") is False


class TestOnboarding:
    def test_a_new_station_gets_a_password_that_is_shown_once(self, client, place):
        from stations.models import ChargingStation
        from stations.ocpp.credentials import matches

        page = client.post(
            reverse("admin:stations_chargingstation_add"),
            {"identity": "SE/1".replace("/", "-"), "name": "North", "location": place.pk},
        )
        details = page.context["details"]
        station = ChargingStation.objects.get(identity="SE-1")
        assert details.address == "ws://testserver/ocpp/SE-1"
        assert details.password in page.content.decode()
        assert matches(details.password.encode(), digests=[station.password_digest])
        again = client.get(reverse("dashboards:station", args=[station.pk])).content.decode()
        assert details.password not in again

    def test_a_new_password_shuts_out_the_old_one(self, client, station):
        from stations.ocpp.credentials import matches

        address = reverse("admin:stations_chargingstation_password", args=[station.pk])
        assert "stops working" in client.get(address).content.decode()
        station.refresh_from_db()
        assert station.password_digest == ""
        first = client.post(address).context["details"].password
        second = client.post(address).context["details"].password
        station.refresh_from_db()
        assert not matches(first.encode(), digests=[station.password_digest])
        assert matches(second.encode(), digests=[station.password_digest])
        acts = list(AuditEntry.objects.values_list("act", "subject"))
        assert acts == [("station.password_set", "station CP-9")] * 2
        assert second not in json.dumps(list(AuditEntry.objects.values_list("details", flat=True)))

    def test_only_those_who_keep_stations_make_passwords(self, station, colleague, browser):
        address = reverse("admin:stations_chargingstation_password", args=[station.pk])
        assert browser(colleague("support")).post(address).status_code == 403
        station.refresh_from_db()
        assert station.password_digest == ""

    @pytest.mark.parametrize(("role", "status"), [("technician", 302), ("support", 403), ("finance", 403)])
    def test_who_accepts_a_station_that_wants_to_join(self, role, status, station, colleague, browser):
        station.registration = "pending"
        station.save()
        address = reverse("admin:stations_chargingstation_registration", args=[station.pk])
        response = browser(colleague(role)).post(address, {"registration": "accepted"})
        station.refresh_from_db()
        assert response.status_code == status
        assert station.registration == ("accepted" if status == 302 else "pending")
        assert AuditEntry.objects.count() == (status == 302)
