"""Charging sessions: what a transaction of a charger means to us."""

from sessions.models.events import TransactionEvent
from sessions.models.reviews import SessionReview
from sessions.models.samples import MeterSample
from sessions.models.sessions import ChargingSession
from sessions.models.start_requests import StartRequest
from sessions.models.unmatched_stops import UnmatchedStop

__all__ = [
    "ChargingSession",
    "MeterSample",
    "SessionReview",
    "StartRequest",
    "TransactionEvent",
    "UnmatchedStop",
]
