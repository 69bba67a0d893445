"""The finance desk: what needs a person today, this month's money, the invoice run and the month's close."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import closing
from billing.ledger.periods import month_to_close
from chargeportal.dashboards import finance_figures
from chargeportal.dashboards.finance_scope import KEEPS_BOOKS, frame, today
from chargeportal.dashboards.finance_todo import page, todos

_DESK_SHOWN = "finance_desk_shown"


def home_view(request: HttpRequest) -> HttpResponse:
    """The admin's first page: those who do money and nothing else begin at the finance desk."""
    user: Any = request.user
    does_only_money = (
        user.has_perm(KEEPS_BOOKS)
        and not user.is_superuser
        and not user.has_perm("stations.change_chargingstation")
    )
    if does_only_money and not request.session.get(_DESK_SHOWN):
        request.session[_DESK_SHOWN] = True
        return redirect("dashboards:finance")
    return admin.site.index(request)


def desk_view(request: HttpRequest) -> HttpResponse:
    """The desk."""
    context = frame(request, title=_("Finance desk"))
    operator_id, day = context["operator"].pk, today()
    month = month_to_close(operator_id, today=day)
    items = closing.checklist(operator_id, month=month) if month else []
    context |= {
        "today": day,
        "todos": todos(operator_id, now=timezone.now()),
        "money": finance_figures.money(operator_id, today=day),
        "run": finance_figures.newest_run(operator_id),
        "runs_url": page("admin:billing_invoicerun_changelist"),
        "exports_url": page("admin:billing_export_changelist"),
        "month": month,
        "items_open": sum(item.hinders for item in items),
        "items_total": len(items),
        "items_done": sum(not item.hinders for item in items),
        "overdue_url": page("admin:billing_dunningcase_changelist"),
    }
    return TemplateResponse(request, "admin/finance/desk.html", context)


def run_view(request: HttpRequest) -> HttpResponse:
    """How far the invoice run is, asked for again and again while it runs."""
    context = frame(request, title="")
    context |= {
        "run": finance_figures.newest_run(context["operator"].pk),
        "runs_url": page("admin:billing_invoicerun_changelist"),
    }
    return TemplateResponse(request, "admin/finance/run.html", context)


def search_view(request: HttpRequest) -> HttpResponse:
    """What the search has found; straight to it when it is one thing."""
    text = request.GET.get("q", "")[:100]
    found = finance_figures.search(request.user, text=text)
    if len(found.everything) == 1:
        return redirect(row_url(found.everything[0]))
    context = frame(request, title=_("Search")) | {
        "text": text,
        "invoices": [(each, row_url(each)) for each in found.invoices],
        "accounts": [(each, row_url(each)) for each in found.accounts],
        "payments": [(each, row_url(each)) for each in found.payments],
        "found_nothing": not found.everything,
    }
    return TemplateResponse(request, "admin/finance/search.html", context)


def row_url(row: Any) -> str:
    """The page of a row in the admin."""
    try:
        return reverse(f"admin:billing_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return reverse("dashboards:finance")
