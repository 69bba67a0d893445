"""The money of a month and what is owed, and the search over documents, customers and payments."""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.closing.month import BookMonth
from billing.invoicing.settling import with_open_amount
from billing.models import BillingAccount, Invoice, InvoiceRun, InvoiceRunItem, InvoiceSettlement, Payment

ZERO = Decimal("0.00")
CUSTOMERS = (Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT, Invoice.Kind.CREDIT_NOTE)
MOST_FOUND = 20
_NUMBER = re.compile(r"^([A-Za-z][A-Za-z0-9]*(?:-\d+(?=-))?)-?(\d+)$")


@dataclass(frozen=True, slots=True)
class Age:
    """What is open by how long it is overdue; ``share`` of the largest, in percent."""

    label: str | Promise
    amount: Decimal
    count: int
    share: int


@dataclass(frozen=True, slots=True)
class Money:
    """The money of one month in one currency, and all that is open."""

    currency: str
    billed: Decimal
    paid: Decimal
    open: Decimal
    overdue: Decimal
    ages: tuple[Age, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found."""

    invoices: list[Invoice]
    accounts: list[BillingAccount]
    payments: list[Payment]

    @property
    def everything(self) -> list[Any]:
        """All of it."""
        return [*self.invoices, *self.accounts, *self.payments]


def money(operator_id: int, *, today: dt.date, currency: str = "SEK") -> Money:
    """What was billed and paid this month, and what is open today by its age."""
    month = BookMonth.of(operator_id, today)
    documents = Invoice.objects.filter(operator=operator_id, kind__in=CUSTOMERS, currency=currency)
    billed = documents.filter(invoice_date__gte=month.start, invoice_date__lt=month.end)
    paid = InvoiceSettlement.objects.filter(
        invoice__in=documents.values("pk"), settled_at__gte=month.starts_at, settled_at__lt=month.ends_at
    ).exclude(kind__in=(InvoiceSettlement.Kind.CREDIT, InvoiceSettlement.Kind.WRITE_OFF))
    ages = _ages(documents.exclude(kind=Invoice.Kind.CREDIT_NOTE), today=today)
    return Money(
        currency=currency,
        billed=billed.aggregate(sum=Sum("payable"))["sum"] or ZERO,
        paid=paid.aggregate(sum=Sum("amount"))["sum"] or ZERO,
        open=sum((age.amount for age in ages), ZERO),
        overdue=sum((age.amount for age in ages[1:]), ZERO),
        ages=ages,
    )


def newest_run(operator_id: int) -> dict[str, Any] | None:
    """The latest invoice run and how far it is; None before the first."""
    run = InvoiceRun.objects.filter(operator=operator_id).order_by("-started_at").first()
    if run is None:
        return None
    counts = dict(run.items.values_list("state").annotate(n=Count("pk")).values_list("state", "n"))
    total = sum(counts.values())
    states = InvoiceRunItem.State
    done = total - counts.get(states.PENDING, 0)
    return {
        "run": run,
        "total": total,
        "done": done,
        "issued": counts.get(states.ISSUED, 0),
        "empty": counts.get(states.EMPTY, 0),
        "failed": counts.get(states.FAILED, 0),
        "percent": 100 * done // total if total else 0,
        "is_running": run.state == InvoiceRun.State.RUNNING,
    }


def search(user: Any, *, text: str) -> Found:
    """Documents by number, payment reference or customer; customers; payments by the processor's id."""
    text = text.strip()
    if not text:
        return Found([], [], [])
    return Found(
        list(_invoices(user, text)[:MOST_FOUND]),
        list(_accounts(user, text)[:MOST_FOUND]),
        list(_payments(user, text)[:MOST_FOUND]),
    )


def _ages(documents: Any, *, today: dt.date) -> tuple[Age, ...]:
    open_ = with_open_amount(documents).exclude(Q(open_amount=0))
    steps = [today - dt.timedelta(days=days) for days in (0, 30, 60, 90)]
    ranges = (
        (_("not due yet"), Q(due_date__gte=steps[0])),
        (_("1-30 days late"), Q(due_date__lt=steps[0], due_date__gte=steps[1])),
        (_("31-60 days late"), Q(due_date__lt=steps[1], due_date__gte=steps[2])),
        (_("61-90 days late"), Q(due_date__lt=steps[2], due_date__gte=steps[3])),
        (_("over 90 days late"), Q(due_date__lt=steps[3])),
    )
    sums = open_.aggregate(
        **{f"amount{n}": Sum("open_amount", filter=within) for n, (_label, within) in enumerate(ranges)},
        **{f"count{n}": Count("pk", filter=within) for n, (_label, within) in enumerate(ranges)},
    )
    amounts = [sums[f"amount{n}"] or ZERO for n in range(len(ranges))]
    largest = max(*amounts, Decimal(1))
    return tuple(
        Age(label, amounts[n], sums[f"count{n}"], max(0, int(100 * amounts[n] / largest)))
        for n, (label, _within) in enumerate(ranges)
    )


def _invoices(user: Any, text: str) -> Any:
    match = Q(ocr=text.replace(" ", "")) if text.replace(" ", "").isdecimal() else Q(pk__in=[])
    if text.isdecimal():
        match |= Q(number=int(text)) if len(text) < 10 else Q(pk__in=[])  # noqa: PLR2004 - fits the column
    if (number := _NUMBER.match(text)) and len(number[2]) < 10:  # noqa: PLR2004 - fits the column
        match |= Q(series__code__iexact=number[1], number=int(number[2]))
    match |= Q(account__in=_accounts(user, text).values("pk"))
    found = Invoice.objects.visible_to(user).filter(match)
    return found.select_related("series", "account").order_by("-invoice_date", "-id")


def _accounts(user: Any, text: str) -> Any:
    match = Q(number__iexact=text) | Q(name__icontains=text) | Q(email__icontains=text)
    return BillingAccount.objects.visible_to(user).filter(match).order_by("number")


def _payments(user: Any, text: str) -> Any:
    found = Payment.objects.visible_to(user).filter(stripe_payment_intent=text)
    return found.select_related("account", "invoice__series")
