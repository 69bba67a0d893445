"""Dunning: what is done, step by step, about money that did not come."""

from billing.dunning.cases import (
    CannotChange,
    advance,
    close,
    close_paid,
    due_ids,
    open_declined,
    open_overdue,
    paid,
    pause,
    resume,
    retry,
)

__all__ = [
    "CannotChange",
    "advance",
    "close",
    "close_paid",
    "due_ids",
    "open_declined",
    "open_overdue",
    "paid",
    "pause",
    "resume",
    "retry",
]
