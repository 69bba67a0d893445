"""Whose money a page of the finance desk is about."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date

from accounts.backends import organisations_allowing
from accounts.models import Organisation
from billing.ledger.periods import month_after, month_of

SEES_BOOKS = "billing.view_journalentry"
KEEPS_BOOKS = "billing.change_ledgerperiod"


def operators_of(user: Any, permission: str = SEES_BOOKS) -> list[Organisation]:
    """The operators in whose books the person may do this; superusers in all."""
    operators = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR, is_active=True).order_by("name")
    if not user.is_superuser:
        operators = operators.filter(pk__in=organisations_allowing(user, permission))
    return list(operators)


def chosen_operator(
    request: HttpRequest, operators: list[Organisation], *, operator_id: int | None = None
) -> Organisation:
    """That operator, or the one the address names, else the first; PermissionDenied for another's books."""
    wanted = str(operator_id or "") or request.GET.get("operator") or request.POST.get("operator")
    found = [each for each in operators if not wanted or str(each.pk) == wanted]
    if not found:
        raise PermissionDenied
    return found[0]


def may_keep(user: Any, operator: Organisation) -> bool:
    """Whether the person closes months and decides what waits, for this operator."""
    return user.is_superuser or operator.pk in organisations_allowing(user, KEEPS_BOOKS)


def frame(request: HttpRequest, *, title: str, operator_id: int | None = None) -> dict[str, Any]:
    """The context of a page: the admin's own and the choice of operator."""
    operators = operators_of(request.user)
    operator = chosen_operator(request, operators, operator_id=operator_id)
    return admin.site.each_context(request) | {
        "title": title,
        "operator": operator,
        "operators": operators,
        "may_keep": may_keep(request.user, operator),
    }


def address(name: str, operator: Organisation, *args: Any, **query: Any) -> str:
    """The address of a finance page about that operator."""
    return f"{reverse(f'dashboards:{name}', args=args)}?{urlencode({'operator': operator.pk, **query})}"


def today() -> dt.date:
    """The day where the books are kept."""
    return timezone.localdate()


def asked_period(request: HttpRequest) -> tuple[dt.date, dt.date]:
    """The half-open period that the address names by its first and last day; else this month so far."""
    start = _date(request.GET.get("from")) or month_of(today())
    last = _date(request.GET.get("to"))
    end = last + dt.timedelta(days=1) if last else month_after(start)
    return (start, end) if start < end else (start, start + dt.timedelta(days=1))


def _date(text: str | None) -> dt.date | None:
    try:
        return parse_date(text or "")
    except ValueError:
        return None
