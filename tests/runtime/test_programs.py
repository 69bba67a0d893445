"""How a program is kept running."""

import sys
import time

from chargeportal.runtime import programs
from chargeportal.runtime.programs import Program


def program(tmp_path, *command: str) -> Program:
    return Program(name="web", command=command, log_path=tmp_path / "log" / "web.log", env={})


def test_a_program_that_fails_again_and_again_is_started_less_and_less_often(tmp_path):
    failing = program(tmp_path, sys.executable, "-c", "raise SystemExit(3)")
    pauses_s = []
    for _ in range(7):
        failing.start()
        failing.process.wait()
        line = failing.look_after(time.monotonic())
        assert line.startswith("web ended (exit code 3); starting it again in ")
        pauses_s.append(int(line.split(" s (")[0].split()[-1]))

    assert pauses_s == [1, 2, 4, 8, 16, 30, 30]


def test_it_is_started_only_when_its_pause_is_over(tmp_path):
    failing = program(tmp_path, sys.executable, "-c", "raise SystemExit(3)")
    failing.start()
    first = failing.process
    first.wait()
    ended_at_s = time.monotonic()
    failing.look_after(ended_at_s)

    failing.look_after(ended_at_s + 0.9)
    assert failing.process is first

    failing.look_after(ended_at_s + 1)
    assert failing.process is not first
    failing.process.wait()


def test_a_program_that_had_run_well_is_started_again_soon(tmp_path):
    failing = program(tmp_path, sys.executable, "-c", "raise SystemExit(3)")
    failing.pause_s = 30
    failing.start()
    failing.process.wait()

    line = failing.look_after(time.monotonic() + programs.STEADY_S + 1)

    assert "starting it again in 1 s" in line


def test_a_program_that_does_not_stop_is_killed_at_the_deadline(tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    code = deaf + "print('up', flush=True); time.sleep(60)"
    stubborn = program(tmp_path, sys.executable, "-c", code)
    stubborn.start()
    deadline_s = time.monotonic() + 20
    while "up" not in stubborn.log_path.read_text() and time.monotonic() < deadline_s:
        time.sleep(0.02)

    stubborn.ask_to_stop()
    stubborn.wait_stopped(deadline_s=time.monotonic() + 0.3)

    assert stubborn.process.returncode == -9


def test_a_long_log_is_moved_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "LONG_LOG_BYTES", 10)
    log_path = tmp_path / "web.log"
    log_path.write_text("more than ten bytes")

    programs.make_room(log_path)

    assert not log_path.exists()
    assert (tmp_path / "web.log.1").read_text() == "more than ten bytes"
