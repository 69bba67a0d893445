"""Subscriptions: begun today, changed and ended at the turn of a month, billed month by month.

Months are those of the calendar. The first one is paid by its days, fee and included energy alike. What
has been agreed for later can be undone until it begins.
"""

from __future__ import annotations

import calendar
import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from billing.invoicing import books
from billing.invoicing.drafts import DraftLine
from billing.ledger import postings
from billing.models import BillingAccount, Invoice, InvoiceLine, Plan, Subscription, SubscriptionMonth
from chargeportal.common.money import round_half_up

logger = logging.getLogger(__name__)

WH_PER_KWH = 1000
#: Of `2026-03-01 – 2026-03-31`, by which a line names its month.
_REFERENCE_LENGTH = 23


class CannotSubscribe(ValueError):
    """The plan cannot be begun, changed or ended like this; the message says why."""


def offers(account: BillingAccount) -> QuerySet[Plan]:
    """The plans the account may choose, the cheapest first."""
    return Plan.objects.filter(operator=account.operator_id, currency=account.currency, is_offered=True)


def current_subscription(account: BillingAccount, *, today: dt.date) -> Subscription | None:
    """The subscription that holds today."""
    return _subscriptions(account).filter(_holds_on(today)).order_by("-started_on", "-pk").first()


def coming_subscription(account: BillingAccount, *, today: dt.date) -> Subscription | None:
    """The subscription that has been agreed and not begun."""
    return _subscriptions(account).filter(started_on__gt=today).order_by("started_on").first()


def next_month(date: dt.date) -> dt.date:
    """The first day of the month after the date's."""
    return (date.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def first_fee(plan: Plan, *, today: dt.date) -> Decimal:
    """What the rest of this month costs with the plan, including VAT."""
    return _share(plan.monthly_fee, first=today, end=next_month(today))


def subscribe(account: BillingAccount, plan: Plan, *, today: dt.date) -> Subscription:
    """The account is on the plan: from today, or from next month when it is on another one.

    Raises: CannotSubscribe.
    """
    with transaction.atomic():
        BillingAccount.objects.select_for_update().get(pk=account.pk)
        if not offers(account).filter(pk=plan.pk).exists():
            raise CannotSubscribe(_("This plan is not on offer any more."))
        current = current_subscription(account, today=today)
        if coming_subscription(account, today=today) is not None:
            raise CannotSubscribe(_("A change has been agreed already. Undo it first."))
        if current is None:
            started = Subscription.objects.create(account=account, plan=plan, started_on=today)
            open_month(started, today=today)
            return started
        if current.plan_id == plan.pk and current.ends_on is None:
            raise CannotSubscribe(_("You have this plan already."))
        turn = current.ends_on or next_month(today)
        Subscription.objects.filter(pk=current.pk).update(ends_on=turn)
        return Subscription.objects.create(account=account, plan=plan, started_on=turn)


def cancel(account: BillingAccount, *, today: dt.date) -> dt.date:
    """The subscription ends with this month; returns the first day without it. Raises CannotSubscribe."""
    with transaction.atomic():
        BillingAccount.objects.select_for_update().get(pk=account.pk)
        _drop_coming(account, today=today)
        current = current_subscription(account, today=today)
        if current is None:
            raise CannotSubscribe(_("There is no subscription to end."))
        ends_on = next_month(today)
        Subscription.objects.filter(pk=current.pk).update(ends_on=ends_on)
        return ends_on


def undo(account: BillingAccount, *, today: dt.date) -> bool:
    """What was agreed for later is undone: the present plan goes on; False when nothing was agreed."""
    with transaction.atomic():
        BillingAccount.objects.select_for_update().get(pk=account.pk)
        dropped = _drop_coming(account, today=today)
        current = current_subscription(account, today=today)
        if current is None or current.ends_on is None:
            return dropped
        Subscription.objects.filter(pk=current.pk).update(ends_on=None)
        return True


def open_month(subscription: Subscription, *, today: dt.date) -> SubscriptionMonth | None:
    """The subscription's month that today is in, opened now unless it was there."""
    first = max(subscription.started_on, today.replace(day=1))
    end = min(next_month(today), subscription.ends_on or dt.date.max)
    if not first <= today < end:
        return None
    plan = subscription.plan
    facts = {
        "end_date": end,
        "fee": _share(plan.monthly_fee, first=first, end=end),
        "included_wh": _share(plan.included_kwh * WH_PER_KWH, first=first, end=end, digits=0),
    }
    try:
        with transaction.atomic():
            return SubscriptionMonth.objects.get_or_create(
                subscription=subscription, first_date=first, defaults=facts
            )[0]
    except IntegrityError:
        return SubscriptionMonth.objects.get(subscription=subscription, first_date=first)


def open_months(*, today: dt.date) -> int:
    """Every subscription that holds today has its month; returns how many were opened."""
    missing = Subscription.objects.filter(_holds_on(today)).exclude(
        months__first_date__lte=today, months__end_date__gt=today
    )
    opened = [open_month(found, today=today) for found in missing.select_related("plan")]
    return sum(month is not None for month in opened)


def fee_lines(account: BillingAccount, period_start: dt.date, period_end: dt.date) -> tuple[DraftLine, ...]:
    """The account's fees of the months that begin in the half-open period and stand on no invoice."""
    return fee_lines_of([account], period_start=period_start, period_end=period_end).get(account.pk, ())


def accounts_with_fees(operator_id: int, *, period_start: dt.date, period_end: dt.date) -> set[int]:
    """The accounts of the operator that owe fees for the period."""
    months = _months(period_start, period_end).filter(subscription__account__operator=operator_id)
    return {month.subscription.account_id for month in _unbilled(months)}


def mark_billed() -> int:
    """Months whose fee stands on an issued invoice point to it; returns how many were found."""
    marked = 0
    waiting = SubscriptionMonth.objects.filter(invoice=None, fee__gt=0).select_related("subscription")
    for month_id, invoice_id in _invoices_of(list(waiting)).items():
        marked += SubscriptionMonth.objects.filter(pk=month_id, invoice=None).update(invoice_id=invoice_id)
    return marked


def recognise(*, today: dt.date) -> int:
    """Fees of months that are over are earned in the books, once; returns how many.

    On the month's last day, or on the invoice's when that came later. A fee that was credited is not earned.
    """
    earned = 0
    over = SubscriptionMonth.objects.filter(end_date__lte=today, recognised_at=None, invoice__isnull=False)
    for month_id in over.order_by("pk").values_list("pk", flat=True):
        try:
            earned += _earn(month_id)
        except Exception:  # an operator without the account for it keeps no other's fees from being earned
            logger.exception("The fee of month %s of a subscription could not be earned", month_id)
    return earned


def _earn(month_id: int) -> bool:
    with transaction.atomic():
        month = (
            SubscriptionMonth.objects.select_for_update(of=("self",))
            .select_related("subscription__account", "subscription__plan", "invoice")
            .get(pk=month_id)
        )
        if month.recognised_at is not None or month.invoice is None:
            return False
        Invoice.objects.select_for_update(of=("self",)).get(pk=month.invoice.pk)  # or credited just now
        date = max(month.end_date - dt.timedelta(days=1), month.invoice.invoice_date)
        if not _is_credited(month):
            postings.subscription_earned(month, net=_line_net(month), date=date)
        SubscriptionMonth.objects.filter(pk=month_id).update(recognised_at=books.start_of(date))
    return True


def is_earned(line: InvoiceLine) -> bool:
    """Whether the fee on the line of an invoice stands as earned in the books, and not as paid in advance."""
    months = SubscriptionMonth.objects.filter(invoice=line.invoice_id, recognised_at__isnull=False)
    return any(line.description.endswith(_reference(month)) for month in months)


def credited_month_ids(operator_id: int, *, before: dt.date) -> set[int]:
    """The operator's months whose fee was credited by a note dated before that day."""
    lines = InvoiceLine.objects.filter(
        dimension=postings.SUBSCRIPTION,
        invoice__operator=operator_id,
        invoice__kind=Invoice.Kind.CREDIT_NOTE,
        invoice__invoice_date__lt=before,
    )
    credited = {
        (invoice_id, text[-_REFERENCE_LENGTH:])
        for invoice_id, text in lines.values_list("invoice__credits", "description")
    }
    months = SubscriptionMonth.objects.filter(invoice__in={invoice_id for invoice_id, _text in credited})
    return {month.pk for month in months if (month.invoice_id, _reference(month)) in credited}


def _is_credited(month: SubscriptionMonth) -> bool:
    return InvoiceLine.objects.filter(
        invoice__credits=month.invoice_id,
        dimension=postings.SUBSCRIPTION,
        description__endswith=_reference(month),
    ).exists()


def _subscriptions(account: BillingAccount) -> QuerySet[Subscription]:
    return Subscription.objects.filter(account=account).select_related("plan")


def _holds_on(today: dt.date) -> Q:
    return Q(started_on__lte=today) & (Q(ends_on=None) | Q(ends_on__gt=today))


def _drop_coming(account: BillingAccount, *, today: dt.date) -> bool:
    return bool(Subscription.objects.filter(account=account, started_on__gt=today).delete()[0])


def _share(whole: Decimal, *, first: dt.date, end: dt.date, digits: int = 2) -> Decimal:
    """As much of a whole month's as its days from the first to the end."""
    days = calendar.monthrange(first.year, first.month)[1]
    return round_half_up(whole * (end - first).days / days, digits=digits)


def _months(period_start: dt.date, period_end: dt.date) -> QuerySet[SubscriptionMonth]:
    """Months that begin in the half-open period, have a fee and point to no invoice yet."""
    months = SubscriptionMonth.objects.filter(
        first_date__gte=period_start, first_date__lt=period_end, invoice=None, fee__gt=0
    )
    return months.select_related("subscription__plan", "subscription__account").order_by("first_date", "pk")


def _unbilled(months: Iterable[SubscriptionMonth]) -> list[SubscriptionMonth]:
    """Those that no invoice has a line for; the lines tell, so that a run that died bills nothing twice."""
    asked = list(months)
    billed = _invoices_of(asked)
    return [month for month in asked if month.pk not in billed]


def _invoices_of(months: Sequence[SubscriptionMonth]) -> dict[int, int]:
    """For each of the months that stands on an invoice's line the invoice, in one query."""
    if not months:
        return {}
    lines = InvoiceLine.objects.filter(
        invoice__account__in={month.subscription.account_id for month in months},
        invoice__invoice_date__gte=min(month.first_date for month in months),
        invoice__credits=None,
        dimension=postings.SUBSCRIPTION,
    ).order_by("-pk")
    found = {
        (account_id, text[-_REFERENCE_LENGTH:]): invoice_id
        for account_id, text, invoice_id in lines.values_list("invoice__account", "description", "invoice")
    }
    of_months = {month.pk: found.get((month.subscription.account_id, _reference(month))) for month in months}
    return {month_id: invoice_id for month_id, invoice_id in of_months.items() if invoice_id is not None}


def _line_of(month: SubscriptionMonth) -> InvoiceLine | None:
    lines = InvoiceLine.objects.filter(
        invoice__account=month.subscription.account_id,
        invoice__credits=None,
        dimension=postings.SUBSCRIPTION,
        description__endswith=_reference(month),
    )
    return lines.order_by("pk").first()


def _reference(month: SubscriptionMonth) -> str:
    """Names the month on its line: no two of an account begin on one day."""
    return f"{month.first_date:%Y-%m-%d} – {month.end_date - dt.timedelta(days=1):%Y-%m-%d}"


def _net(month: SubscriptionMonth) -> Decimal:
    return round_half_up(month.fee / (1 + month.subscription.plan.vat_rate), digits=2)


def _line_net(month: SubscriptionMonth) -> Decimal:
    """What was put aside with the invoice: the line's own net, whatever the plan says today."""
    line = _line_of(month)
    return _net(month) if line is None else line.net


def _line(month: SubscriptionMonth) -> DraftLine:
    plan, net = month.subscription.plan, _net(month)
    text = _("Subscription %(plan)s, %(days)s") % {"plan": plan.name, "days": _reference(month)}
    return DraftLine(
        dimension=postings.SUBSCRIPTION,
        description=text,
        quantity=Decimal(1),
        unit=_("month"),
        unit_price_net=net,
        vat_rate=plan.vat_rate,
        net=net,
        vat=month.fee - net,
        gross=month.fee,
        currency=plan.currency,
    )


def fee_lines_of(
    accounts: Sequence[BillingAccount], *, period_start: dt.date, period_end: dt.date
) -> dict[int, tuple[DraftLine, ...]]:
    """The fee lines of those of the accounts that owe fees for the period, by the account's id."""
    languages = {account.pk: account.language for account in accounts}
    lines: dict[int, tuple[DraftLine, ...]] = {}
    for month in _unbilled(_months(period_start, period_end).filter(subscription__account__in=languages)):
        account_id = month.subscription.account_id
        with translation.override(languages[account_id]):
            lines[account_id] = (*lines.get(account_id, ()), _line(month))
    return lines
