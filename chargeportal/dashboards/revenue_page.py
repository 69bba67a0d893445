"""The page of revenue: today, this month and a chosen period, live, with tables and CSV."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import Cdr, PaymentKind
from billing.revenue import periods, tables
from billing.revenue.access import may_see, operators_of
from billing.revenue.figures import Dimension, Figures, Revenue, revenue, totals
from billing.revenue.periods import BadPeriod, Period
from chargeportal.dashboards.revenue_chart import bars, draw
from chargeportal.live.pages import Changes

#: The parts of the page that are pushed, each a template with an element of its own.
LIVE_PARTS = ("now", "period")
MOST_ROWS = 200
#: A record rated so lately is news for an open page.
NEWS = dt.timedelta(minutes=5)
_NAMES = {
    Dimension.SITE: (gettext_lazy("By site"), gettext_lazy("Without a site")),
    Dimension.STATION: (gettext_lazy("By charging station"), gettext_lazy("Without a station")),
    Dimension.TARIFF: (gettext_lazy("By tariff"), gettext_lazy("Without a tariff")),
    Dimension.PRICE_GROUP: (gettext_lazy("By price group"), gettext_lazy("Public price")),
    Dimension.PAYMENT_KIND: (gettext_lazy("By way of paying"), gettext_lazy("Unknown")),
}


def revenue_view(request: HttpRequest) -> HttpResponse:
    """The page."""
    if not may_see(request.user):
        raise PermissionDenied
    now = timezone.now()
    period, error = _asked(request, now=now)
    context = admin.site.each_context(request) | live_context(request.user, period, now=now)
    context |= {"title": _("Revenue"), "error": error, "shortcuts": _shortcuts(period, now=now)}
    return TemplateResponse(request, "admin/revenue/page.html", context)


def csv_view(request: HttpRequest, by: str) -> HttpResponse:
    """The period by a dimension or over time, as a file."""
    if not may_see(request.user):
        raise PermissionDenied
    if by not in {tables.TIME, *Dimension}:
        raise Http404
    period, error = _asked(request, now=timezone.now())
    if error:
        raise Http404
    found = revenue(operators_of(request.user), period, currency=request.GET.get("currency", "")[:3])
    response = HttpResponse(tables.as_csv(found, by=by), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="revenue-{by}-{period.key}.csv"'
    return response


def live_context(user: Any, period: Period, *, now: dt.datetime) -> dict[str, Any]:
    """What the pushed parts of the page show."""
    operators = operators_of(user)
    found = revenue(operators, period)
    return {
        "today": _main(totals(operators, periods.today(now=now)), found.currency),
        "month": _main(totals(operators, periods.this_month(now=now)), found.currency),
        "today_date": periods.today(now=now).first_date,
        "month_date": periods.this_month(now=now).first_date,
        "period": period,
        "revenue": found,
        "currency": found.currency,
        "chart": draw(found),
        "columns": _columns(found),
        "groups": [_group(found, dimension) for dimension in Dimension],
    }


def concerns(user: Any, changes: Changes, *, now: dt.datetime) -> bool:
    """Whether a hint speaks of a session that was billed just now at one of the person's operators."""
    if changes.everything:
        return True
    if not changes.session_ids:
        return False
    news = Cdr.objects.filter(session__in=changes.session_ids, rated_at__gte=now - NEWS)
    operators = operators_of(user)
    return (news if operators is None else news.filter(operator__in=operators)).exists()


def _asked(request: HttpRequest, *, now: dt.datetime) -> tuple[Period, str]:
    """The period asked for, this month where none was; and what was wrong with it."""
    texts = request.GET.get("from", ""), request.GET.get("to", "")
    if not any(texts):
        return periods.this_month(now=now), ""
    try:
        first, last = (parse_date(text) for text in texts)
        if first is not None and last is not None:
            return periods.chosen(first, last), ""
    except ValueError:  # not a day of the calendar, or BadPeriod
        pass
    return periods.this_month(now=now), _("Choose a first and a last day, at most five years apart.")


def period_of(key: str, *, now: dt.datetime) -> Period:
    """The period of a live page's key, this month where it has none."""
    try:
        return periods.from_key(key) if key else periods.this_month(now=now)
    except BadPeriod:
        return periods.this_month(now=now)


def _shortcuts(period: Period, *, now: dt.datetime) -> list[dict[str, Any]]:
    today, month = periods.today(now=now), periods.this_month(now=now)
    year = periods.chosen(today.first_date.replace(month=1, day=1), today.last_date)
    named = [
        (_("Today"), today),
        (_("This month"), month),
        (_("Last month"), periods.last_month(now=now)),
        (_("This year"), year),
    ]
    return [{"name": name, "period": each, "is_shown": each == period} for name, each in named]


def _main(by_currency: dict[str, Figures], currency: str) -> Figures:
    return by_currency.get(currency, Figures())


def _columns(found: Revenue) -> list[tuple[dt.datetime, Figures]]:
    return sorted(found.over_time.items())


def _group(found: Revenue, dimension: Dimension) -> dict[str, Any]:
    title, nameless = _NAMES[dimension]
    rows = found.rows.get(dimension, [])
    kinds = {kind: capfirst(word) for kind, word in PaymentKind.choices}
    return {
        "dimension": str(dimension),
        "title": title,
        "nameless": nameless,
        "bars": [
            {"bar": bar, "name": kinds.get(bar.row.name, bar.row.name) or nameless} for bar in bars(rows)
        ],
        "rows": [{"row": row, "name": kinds.get(row.name, row.name) or nameless} for row in rows[:MOST_ROWS]],
        "left_out": max(len(rows) - MOST_ROWS, 0),
    }
