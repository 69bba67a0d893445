"""The books on paper: the trial balance, the statement of an account, the way from an entry to its source."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from billing.ledger import reports
from billing.ledger.periods import is_locked
from billing.models import JournalEntry, LedgerAccount
from chargeportal.dashboards.finance_scope import asked_period, frame, operators_of

LINES_PER_PAGE = 200


def trial_balance_view(request: HttpRequest) -> HttpResponse:
    """Opening balance, debit, credit and closing balance of each account."""
    context = frame(request, title=_("Trial balance"))
    start, end = asked_period(request)
    found = reports.trial_balance(context["operator"].pk, start=start, end=end)
    context |= {
        "start": start,
        "last": end - dt.timedelta(days=1),
        "balance": found,
        "totals": sorted(found.totals().items()),
        "is_locked": is_locked(context["operator"].pk, month=end - dt.timedelta(days=1)),
    }
    return TemplateResponse(request, "admin/finance/trial_balance.html", context)


def statement_view(request: HttpRequest, account_id: int) -> HttpResponse:
    """What was posted on one account, with its balance after each line."""
    operators = operators_of(request.user)
    account = get_object_or_404(LedgerAccount, pk=account_id, operator__in=operators)
    start, end = asked_period(request)
    opening = reports.opening_balance(account, start=start)
    page = Paginator(reports.statement(account, start=start, end=end), LINES_PER_PAGE).get_page(
        request.GET.get("page")
    )
    lines: Any = page.object_list
    rows = [(line, opening.get(line.currency, Decimal(0)) + line.running) for line in lines]
    context = frame(request, title=str(account), operator_id=account.operator_id) | {
        "account": account,
        "start": start,
        "last": end - dt.timedelta(days=1),
        "opening": sorted(opening.items()),
        "rows": rows,
        "page": page,
    }
    return TemplateResponse(request, "admin/finance/statement.html", context)


def source_view(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Leads to the document an entry comes from; to the entry itself when it stands for itself."""
    entry = get_object_or_404(JournalEntry, pk=entry_id, operator__in=operators_of(request.user))
    source = reports.source_of(entry)
    if source is not None:
        try:
            return redirect(reverse(f"admin:billing_{source[0]}_change", args=[source[1]]))
        except NoReverseMatch:
            pass
    return redirect(reverse("admin:billing_journalentry_change", args=[entry.pk]))
