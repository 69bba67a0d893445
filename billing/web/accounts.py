"""Which accounts a person pays with: the own one at each operator, and those of fleets the person manages."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from accounts import access
from accounts.web.people import person
from billing.customers import account_of_person
from billing.models import BillingAccount


def own_accounts(user: Any) -> QuerySet[BillingAccount]:
    """The accounts the person may act for, the own ones first; staff act in the admin."""
    managed = access.organisations_with(user, (access.Role.FLEET_MANAGER, access.Role.HOST))
    own = Q(user_id=user.pk) | Q(organisation__in=managed)
    accounts = BillingAccount.objects.visible_to(user).filter(own)
    return accounts.select_related("operator", "organisation").order_by("organisation_id", "number")


def account_or_404(request: HttpRequest, public_id: Any) -> BillingAccount:
    """One of the person's accounts."""
    return get_object_or_404(own_accounts(request.user), public_id=public_id)


def accounts_of(request: HttpRequest) -> list[BillingAccount]:
    """The person's accounts; where there is one operator the own one is opened now unless it was there.

    Raises Http404 where nobody sells anything.
    """
    user = person(request)
    operator_id = access.sole_operator_id()
    if operator_id is not None:
        account_of_person(user, operator_id=operator_id)
    accounts = list(own_accounts(user))
    if not accounts and operator_id is None:
        raise Http404
    return accounts
