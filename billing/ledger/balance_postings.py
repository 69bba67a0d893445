"""What the card processor's balance means in the books: its fees, and what it pays out to the bank."""

import datetime as dt
from decimal import Decimal

from django.db.models import Sum

from billing.ledger.posting import Event, Posting, post
from billing.ledger.postings import local_date
from billing.models import BalanceTransaction, JournalEntry, JournalLine, LedgerAccount

Role = LedgerAccount.Role


def card_fees(operator_id: int, *, day: dt.date, fees: Decimal, currency: str) -> JournalEntry | None:
    """The books have the day's fees, ``fees`` in all: what is posted already is not posted again."""
    key = f"card_fees:{day}:{currency}"
    posted = JournalLine.objects.filter(
        entry__operator=operator_id,
        entry__key__startswith=f"{key}:",
        account__roles__contains=[Role.CARD_FEES],
    ).aggregate(sum=Sum("amount"))["sum"]
    missing = fees - (posted or Decimal(0))
    return post(
        Event(
            operator_id, f"{key}:{fees}", "card_fees", day,
            f"Kortavgifter {day}", currency, f"{day}",
        ),
        [Posting(Role.CARD_FEES, missing), Posting(Role.CARD_CLEARING, -missing)],
    )  # fmt: skip


def paid_out(movement: BalanceTransaction) -> JournalEntry | None:
    """What the card processor has sent to the bank has left the clearing account."""
    amount = -movement.amount
    return post(
        Event(
            movement.operator_id, f"payout:{movement.source}", "payout", local_date(movement.created_at),
            f"Utbetalning {movement.source}", movement.currency, movement.source,
        ),
        [Posting(Role.BANK, amount), Posting(Role.CARD_CLEARING, -amount)],
    )  # fmt: skip


def charged_by_processor(movement: BalanceTransaction) -> JournalEntry | None:
    """A fee of the card processor that belongs to no payment."""
    amount = -movement.amount
    return post(
        Event(
            movement.operator_id, f"stripe_fee:{movement.stripe_id}", "card_fees",
            local_date(movement.created_at), "Avgift till kortinlösaren", movement.currency,
            movement.stripe_id,
        ),
        [Posting(Role.CARD_FEES, amount), Posting(Role.CARD_CLEARING, -amount)],
    )  # fmt: skip
