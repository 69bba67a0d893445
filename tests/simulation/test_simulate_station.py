"""`manage.py simulate_station`, as it is typed."""

import asyncio
import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from threading import Thread

import pytest
from django.core.management import CommandError, call_command

from chargeportal.management.commands.simulate_station import duration
from chargeportal.simulation.address import own_ocpp_url
from tests.simulation.csms import Csms


@pytest.fixture
def server() -> Iterator[Csms]:
    """A server in a thread of its own, because the command brings its own event loop."""
    csms, loop = Csms(), asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(csms.__aenter__(), loop).result(5)
    yield csms
    asyncio.run_coroutine_threadsafe(csms.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture(autouse=True)
def _somewhere_of_its_own(monkeypatch, settings, tmp_path) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(asyncio.unix_events._UnixSelectorEventLoop, "add_signal_handler", lambda *_: None)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_one_accelerated_session_of_given_energy(server, capsys, version):
    call_command(
        "simulate_station", "SIM-7", "--url", server.url, "--version", version, "--car", "hatchback",
        "--soc", "20", "--energy", "1.5", "--speed", "200", "--token", "DEMO0009", "--seed", "1",
    )  # fmt: skip
    told = capsys.readouterr().out
    assert f"SIM-7 is connected with OCPP {version}" in told
    assert "hatchback plugged in at 20 %" in told
    energy_wh = int(re.search(r"(\d+) Wh until", told)[1])
    assert energy_wh == pytest.approx(1500, abs=150)
    assert server.of("StopTransaction") or server.events("Ended")


def test_a_server_that_is_not_there_is_one_clear_line(unused_tcp_port, monkeypatch):
    monkeypatch.setattr("chargeportal.management.commands.simulate_station.READY_TIMEOUT_S", 0.3)
    with pytest.raises(CommandError, match=r"SIM-7: .*Connect call failed"):
        call_command("simulate_station", "SIM-7", "--url", f"ws://127.0.0.1:{unused_tcp_port}/ocpp")


def test_a_refused_card_is_one_clear_line(server):
    server.verdicts["STOLEN"] = "Blocked"
    with pytest.raises(CommandError, match="the token was answered Blocked"):
        call_command("simulate_station", "SIM-7", "--url", server.url, "--token", "STOLEN")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("45m", 2700), ("1.5h", 5400), ("20s", 20)])
def test_durations_are_written_as_people_write_them(text, seconds):
    assert duration(text) == seconds


def test_a_text_that_is_no_duration_is_refused():
    with pytest.raises(ArgumentTypeError, match=r"write 90, 45m or 1\.5h"):
        duration("soon")


def test_without_an_address_it_connects_to_this_installation(monkeypatch):
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104
    monkeypatch.setenv("PORT", "18080")
    assert own_ocpp_url() == "ws://127.0.0.1:18080/ocpp"


def test_the_meter_goes_on_where_it_was_the_last_time(server):
    for _ in range(2):
        call_command(
            "simulate_station", "SIM-7", "--url", server.url, "--car", "suv", "--soc", "20",
            "--energy", "0.5", "--speed", "200",
        )  # fmt: skip
    first, second = server.of("StartTransaction")
    assert second["meter_start"] == server.of("StopTransaction")[0]["meter_stop"]
    assert second["meter_start"] > first["meter_start"]


def test_a_refused_driver_takes_the_car_away(server):
    server.verdicts["STOLEN"] = "Blocked"
    with pytest.raises(CommandError):
        call_command("simulate_station", "SIM-7", "--url", server.url, "--token", "STOLEN")
    assert server.statuses(1) == ["Available", "Preparing", "Available"]
