"""Closing a month: what must be done first, held against the books, and the lock itself."""

from billing.closing.checklist import CannotClose, Item, State, acknowledge, checklist, close_month
from billing.closing.checks import BLOCKING, ITEMS, without_file

__all__ = [
    "BLOCKING",
    "ITEMS",
    "CannotClose",
    "Item",
    "State",
    "acknowledge",
    "checklist",
    "close_month",
    "without_file",
]
