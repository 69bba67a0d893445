"""The closing of months: the list of months, a month's checklist, and the acts of closing and reopening."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db.models import Max, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.admin.base import person
from billing import closing
from billing.ledger.periods import (
    CannotLock,
    last_locked,
    month_after,
    month_of,
    month_to_close,
    unlock_month,
)
from billing.models import JournalEntry, JournalLine, LedgerPeriod
from billing.tasks import render_documents
from chargeportal.dashboards.finance_scope import address, frame, today
from chargeportal.dashboards.finance_todo import page

MOST_MONTHS = 24
_RENDERED_TOGETHER = 25

#: Where an item of the checklist is put right: (admin page, query).
_PAGES = {
    "unrated": ("admin:charging_sessions_chargingsession_changelist", ""),
    "holds": ("admin:charging_sessions_sessionreview_changelist", ""),
    "unmatched_stops": ("admin:charging_sessions_unmatchedstop_changelist", ""),
    "invoice_run": ("admin:billing_invoicerun_changelist", ""),
    "billed": ("admin:billing_cdr_changelist", ""),
    "reconciled": ("admin:billing_reconciliation_changelist", ""),
    "webhooks": ("admin:billing_webhookevent_changelist", ""),
    "wallets": ("admin:billing_wallet_changelist", ""),
    "receivable": ("admin:billing_invoice_changelist", ""),
    "unbilled": ("admin:billing_cdr_changelist", ""),
    "deferred": ("admin:billing_subscription_changelist", ""),
    "rendered": ("admin:billing_invoice_changelist", ""),
    "exported": ("admin:billing_export_changelist", ""),
}
_LOOKS = {
    closing.State.DONE: ("available", "check"),
    closing.State.OPEN: ("faulted", "triangle"),
    closing.State.ACKNOWLEDGED: ("waiting", "pen"),
    closing.State.NOT_APPLICABLE: ("unavailable", "barred"),
}


def months_view(request: HttpRequest) -> HttpResponse:
    """The months with entries, newest first, and which are closed."""
    context = frame(request, title=_("Month close"))
    operator_id = context["operator"].pk
    context |= {
        "rows": _months(operator_id, day=today()),
        "next_month": month_to_close(operator_id, today=today()),
    }
    return TemplateResponse(request, "admin/finance/months.html", context)


def month_view(request: HttpRequest, month: str) -> HttpResponse:
    """The checklist of a month; acts on it when something is sent."""
    first = _parsed(month)
    context = frame(request, title=_("Close %(month)s") % {"month": month})
    operator = context["operator"]
    if request.method == "POST":
        _act(request, context, first)
        return redirect(address("finance_month", operator, month))
    row = LedgerPeriod.objects.filter(operator=operator, first_date=first).select_related("locked_by").first()
    last = last_locked(operator.pk)
    items = closing.checklist(operator.pk, month=first)
    hindering = [item for item in items if item.hinders]
    context |= {
        "month": first,
        "last_day": month_after(first) - dt.timedelta(days=1),
        "row": row,
        "is_locked": bool(last and last.first_date >= first),
        "is_last_locked": bool(last and last.first_date == first),
        "is_next": month_to_close(operator.pk, today=today()) == first,
        "is_over": month_after(first) <= today(),
        "items": [_shown(item, operator) for item in items],
        "currency": _only_currency(operator.pk),
        "open_count": len(hindering),
        "exports_url": page("admin:billing_export_changelist"),
    }
    return TemplateResponse(request, "admin/finance/month.html", context)


def _only_currency(operator_id: int) -> str:
    """The currency of the books, empty where they have several: the checklist sums over all of them."""
    lines = JournalLine.objects.filter(account__operator=operator_id)
    found = lines.aggregate(first=Min("currency"), last=Max("currency"))
    return found["first"] if found["first"] and found["first"] == found["last"] else ""


def _act(request: HttpRequest, context: dict[str, Any], month: dt.date) -> None:
    if not context["may_keep"]:
        messages.error(request, _("Your role does not allow closing months."))
        return
    operator_id, by, now = context["operator"].pk, person(request), timezone.now()
    try:
        if "close" in request.POST:
            closing.close_month(operator_id, month=month, by=by, now=now)
            messages.success(request, _("The month is closed. Nothing can be posted in it any more."))
        elif "open" in request.POST:
            reason = request.POST.get("reason", "")
            unlock_month(operator_id, month=month, by=by, reason=reason, now=now)
            messages.success(request, _("The month is open again."))
        elif "render" in request.POST:
            count = _render(operator_id, month)
            messages.success(request, _("%(n)d files are being made.") % {"n": count})
        elif key := request.POST.get("acknowledge"):
            note = request.POST.get("note", "")
            closing.acknowledge(operator_id, month=month, key=key, note=note, by=by, now=now)
    except (closing.CannotClose, CannotLock) as refused:
        messages.error(request, str(refused))


def _render(operator_id: int, month: dt.date) -> int:
    """A worker makes the files that are missing."""
    missing = closing.without_file(operator_id, month=month)
    for start in range(0, len(missing), _RENDERED_TOGETHER):
        render_documents.delay_on_commit(invoice_ids=missing[start : start + _RENDERED_TOGETHER])
    return len(missing)


def _shown(item: closing.Item, operator: Any) -> dict[str, Any]:
    tone, icon = _LOOKS[item.state]
    target = _PAGES.get(item.key)
    url = page(*target) if target else address("finance_trial_balance", operator)
    if item.hinders and not item.is_blocking:
        tone, icon = "suspended", "pause"
    return {"item": item, "tone": tone, "icon": icon, "word": _words(item), "url": url}


def _words(item: closing.Item) -> str:
    return {
        closing.State.DONE: _("Done"),
        closing.State.OPEN: _("Must be done") if item.is_blocking else _("Open"),
        closing.State.ACKNOWLEDGED: _("Acknowledged"),
        closing.State.NOT_APPLICABLE: _("Nothing to do"),
    }[item.state]


def _months(operator_id: int, *, day: dt.date) -> list[dict[str, Any]]:
    rows = {row.first_date: row for row in LedgerPeriod.objects.filter(operator=operator_id)
            .select_related("locked_by")}  # fmt: skip
    first = JournalEntry.objects.filter(operator=operator_id).order_by("entry_date").first()
    month = month_of(day)
    earliest = min([month, *rows, *([month_of(first.entry_date)] if first else [])])
    shown: list[dict[str, Any]] = []
    while month >= earliest and len(shown) < MOST_MONTHS:
        shown.append({"month": month, "row": rows.get(month), "is_over": month_after(month) <= day})
        month = month_of(month - dt.timedelta(days=1))
    return shown


def _parsed(month: str) -> dt.date:
    try:
        return dt.date.fromisoformat(f"{month}-01")
    except ValueError:
        raise Http404 from None
