"""Fees that stand on monthly invoices beside the sessions: subscriptions."""

import datetime as dt
from collections.abc import Sequence

from billing.invoicing.drafts import DraftLine
from billing.models import BillingAccount


def fee_lines(
    accounts: Sequence[BillingAccount], *, period_start: dt.date, period_end: dt.date
) -> dict[int, tuple[DraftLine, ...]]:
    """The fee lines of each account for the period, by the account's id."""
    del accounts, period_start, period_end
    return {}


def accounts_with_fees(operator_id: int, *, period_start: dt.date, period_end: dt.date) -> set[int]:
    """The accounts of the operator that owe a fee for the period."""
    del operator_id, period_start, period_end
    return set()
