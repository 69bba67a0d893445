"""What the books say: the trial balance, the statement of one account, and where an entry comes from."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Q, QuerySet, RowRange, Sum, Value, Window
from django.db.models.functions import Coalesce

from billing.models import InvoiceSettlement, JournalEntry, JournalLine, LedgerAccount

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One account in one currency: debit positive, credit negative, ``credit`` itself positive."""

    account_id: int
    number: str
    name: str
    kind: str
    currency: str
    opening: Decimal
    debit: Decimal
    credit: Decimal

    @property
    def closing(self) -> Decimal:
        """The balance at the end of the period."""
        return self.opening + self.debit - self.credit


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every account that was ever used, as of a half-open period of days."""

    start: dt.date
    end: dt.date
    rows: tuple[BalanceRow, ...]

    def totals(self) -> dict[str, BalanceRow]:
        """The sum of each currency's accounts: opening and closing are nought."""
        sums: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
        for row in self.rows:
            for position, amount in enumerate((row.opening, row.debit, row.credit)):
                sums[row.currency][position] += amount
        return {currency: BalanceRow(0, "", "", "", currency, *amounts) for currency, amounts in sums.items()}

    @property
    def is_balanced(self) -> bool:
        """Whether debit and credit meet in every currency."""
        return all(row.opening == 0 and row.closing == 0 for row in self.totals().values())


def trial_balance(operator_id: int, *, start: dt.date, end: dt.date) -> TrialBalance:
    """Opening balance, debit, credit and closing balance of each account over [start, end)."""
    before, within = Q(entry__entry_date__lt=start), Q(entry__entry_date__gte=start)
    rows = (
        JournalLine.objects.filter(entry__operator=operator_id, entry__entry_date__lt=end)
        .values("account_id", "account__number", "account__name", "account__kind", "currency")
        .annotate(
            opening=Coalesce(Sum("amount", filter=before), Value(ZERO)),
            debit=Coalesce(Sum("amount", filter=within & Q(amount__gt=0)), Value(ZERO)),
            credit=Coalesce(-Sum("amount", filter=within & Q(amount__lt=0)), Value(ZERO)),
        )
        .order_by("account__number", "currency")
        .values_list(
            "account_id", "account__number", "account__name", "account__kind", "currency", "opening", "debit",
            "credit",
        )
    )  # fmt: skip
    return TrialBalance(start, end, tuple(BalanceRow(*row) for row in rows))


def balance(operator_id: int, *, roles: Iterable[str], before: dt.date, currency: str = "SEK") -> Decimal:
    """The balance of the accounts that play these roles at the end of the day before ``before``."""
    plays = Q(pk__in=[])
    for role in roles:
        plays |= Q(roles__contains=[str(role)])
    accounts = LedgerAccount.objects.filter(plays, operator=operator_id)
    lines = JournalLine.objects.filter(
        account__in=accounts.values("pk"), entry__entry_date__lt=before, currency=currency
    )
    return lines.aggregate(total=Sum("amount"))["total"] or ZERO


def statement(account: LedgerAccount, *, start: dt.date, end: dt.date) -> QuerySet[JournalLine]:
    """The account's lines of [start, end), oldest first, each with ``running``: the sum since ``start``."""
    order = (F("entry__entry_date").asc(), F("id").asc())
    return (
        JournalLine.objects.filter(account=account, entry__entry_date__gte=start, entry__entry_date__lt=end)
        .select_related("entry", "location")
        .annotate(
            running=Window(
                Sum("amount"), partition_by=F("currency"), order_by=order, frame=RowRange(start=None, end=0)
            )
        )
        .order_by("entry__entry_date", "id")
    )


def opening_balance(account: LedgerAccount, *, start: dt.date) -> dict[str, Decimal]:
    """The account's balance in each currency before that day."""
    lines = JournalLine.objects.filter(account=account, entry__entry_date__lt=start)
    return dict(lines.values("currency").annotate(total=Sum("amount")).values_list("currency", "total"))


def source_of(entry: JournalEntry) -> tuple[str, int] | None:
    """The document an entry comes from, as (model name, id); None when it stands for itself."""
    about, _, rest = entry.key.partition(":")
    if about in {"cdr", "invoice"} and rest.split(":")[0].isdecimal():
        return about, int(rest.split(":")[0])
    if about == "settlement":
        settlement = InvoiceSettlement.objects.filter(key=rest).first()
        return ("invoice", settlement.invoice_id) if settlement else None
    return None
