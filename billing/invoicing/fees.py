"""Fees that stand on monthly invoices beside the sessions: subscriptions."""

import datetime as dt
from collections.abc import Sequence

from billing.invoicing.drafts import DraftLine
from billing.models import BillingAccount
from billing.payments import subscriptions


def fee_lines(
    accounts: Sequence[BillingAccount], *, period_start: dt.date, period_end: dt.date
) -> dict[int, tuple[DraftLine, ...]]:
    """The fee lines of each account for the period, by the account's id."""
    return subscriptions.fee_lines_of(accounts, period_start=period_start, period_end=period_end)


def accounts_with_fees(operator_id: int, *, period_start: dt.date, period_end: dt.date) -> set[int]:
    """The accounts of the operator that owe a fee for the period."""
    return subscriptions.accounts_with_fees(operator_id, period_start=period_start, period_end=period_end)
