"""What hangs on a commit never makes the commit fail."""

import logging
from dataclasses import dataclass

import pytest
from django.db import transaction

from chargeportal.common import events
from chargeportal.live import hints


@dataclass(frozen=True)
class Happened:
    number: int


def fail(*_: object) -> None:
    raise RuntimeError("the delivery failed")


def test_a_fact_that_cannot_be_delivered_is_logged(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "_run", fail)
    with transaction.atomic():
        events.publish(Happened(1))
    assert any("the delivery failed" in record.getMessage() for record in caplog.records)


def test_a_hint_that_cannot_be_collected_is_logged(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(hints._collector, "add", fail)
    with transaction.atomic():
        hints.changed(evse_ids=[1])
    assert any("the delivery failed" in record.getMessage() for record in caplog.records)
