"""The status history: every change once, never overlapping."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from stations.models import ChargingStation, Connector, StatusInterval
from stations.overview import evse_states
from stations.status import StatusReport, record_statuses

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def station() -> ChargingStation:
    return ChargingStation.objects.create(identity="STATION-1")


def report(
    station: ChargingStation, status: str, *, minute: float = 0, evse: int = 1, **more: object
) -> StatusReport:
    at = NOON + dt.timedelta(minutes=minute)
    fields = {"reported_at": at, "received_at": at, "connector_number": 1} | more
    return StatusReport(station_id=station.pk, evse_number=evse, status=status, **fields)  # type: ignore[arg-type]


def history() -> list[tuple[str, float, float | None]]:
    def minute(at: dt.datetime | None) -> float | None:
        return None if at is None else (at - NOON).total_seconds() / 60

    return [
        (interval.status, minute(interval.started_at), minute(interval.ended_at))  # type: ignore[misc]
        for interval in StatusInterval.objects.order_by("started_at", "id")
    ]


def test_each_change_closes_the_interval_before_it(station: ChargingStation) -> None:
    for minute, status in enumerate(("available", "preparing", "charging")):
        record_statuses([report(station, status, minute=minute)])
    assert history() == [("available", 0, 1), ("preparing", 1, 2), ("charging", 2, None)]


def test_a_repeated_status_changes_nothing(station: ChargingStation) -> None:
    for minute in range(3):
        record_statuses([report(station, "available", minute=minute)])
    assert history() == [("available", 0, None)]


def test_a_new_error_code_is_a_change(station: ChargingStation) -> None:
    record_statuses([report(station, "faulted", error_code="GroundFailure")])
    record_statuses([report(station, "faulted", minute=1, error_code="HighTemperature")])
    assert list(StatusInterval.objects.values_list("error_code", flat=True)) == [
        "HighTemperature",
        "GroundFailure",
    ]


def test_an_outdated_status_is_ignored(station: ChargingStation) -> None:
    record_statuses([report(station, "charging", minute=3)])
    record_statuses([report(station, "available", minute=1)])
    assert history() == [("charging", 3, None)]


def test_a_wrong_clock_gives_the_time_of_receipt(station: ChargingStation) -> None:
    record_statuses([report(station, "available", reported_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))])
    assert history() == [("available", 0, None)]


def test_unknown_connectors_are_created(station: ChargingStation) -> None:
    record_statuses([report(station, "available", evse=2, connector_number=2)])
    assert Connector.objects.filter(evse__station=station, evse__number=2, number=2).exists()


def test_the_station_as_a_whole_has_a_history_of_its_own(station: ChargingStation) -> None:
    record_statuses([report(station, "available", evse=1)])
    record_statuses([report(station, "unavailable", evse=0)])
    record_statuses([report(station, "available", evse=0, minute=5)])
    assert StatusInterval.objects.filter(connector__isnull=True).count() == 2


def test_many_stations_are_recorded_at_once() -> None:
    stations = [ChargingStation.objects.create(identity=f"MANY-{n}") for n in range(20)]
    record_statuses([report(each, "available") for each in stations])
    record_statuses([report(each, "charging", minute=1) for each in stations])
    assert StatusInterval.objects.filter(status="charging", ended_at=None).count() == 20
    assert (
        StatusInterval.objects.filter(status="available", ended_at=NOON + dt.timedelta(minutes=1)).count()
        == 20
    )


def test_a_station_out_of_service_takes_its_free_evses_with_it(station: ChargingStation) -> None:
    record_statuses([report(station, "available", evse=1)])
    record_statuses([report(station, "charging", evse=2)])
    record_statuses([report(station, "unavailable", evse=0)])
    assert [state.status for state in evse_states()] == ["unavailable", "charging"]


def test_the_database_refuses_overlapping_intervals(station: ChargingStation) -> None:
    record_statuses([report(station, "available")])
    connector = Connector.objects.get()
    with pytest.raises(IntegrityError, match="overlap"), transaction.atomic():
        StatusInterval.objects.create(
            station=station, connector=connector, status="charging", received_at=NOON,
            started_at=NOON + dt.timedelta(minutes=1), ended_at=NOON + dt.timedelta(minutes=2),
        )  # fmt: skip
    assert history() == [("available", 0, None)]
