"""The subscription's page: the plans, what each costs and from when, changing, ending and undoing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from billing.models import BillingAccount, Plan, SubscriptionMonth
from billing.payments import subscriptions
from billing.subscription_prices import used_wh
from billing.web.accounts import account_or_404
from billing.web.payment_section import page_of


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan as it is for this account."""

    plan: Plan
    first_fee: Decimal
    is_current: bool
    is_coming: bool


@login_required
@never_cache
@require_GET
def page(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The present plan with what is used of it, what was agreed for later, and the plans on offer."""
    account = account_or_404(request, public_id)
    today = timezone.localdate()
    current = subscriptions.current_subscription(account, today=today)
    coming = subscriptions.coming_subscription(account, today=today)
    month = _month(account)
    offers = [
        Offer(
            plan,
            subscriptions.first_fee(plan, today=today),
            is_current=current is not None and current.plan_id == plan.pk,
            is_coming=coming is not None and coming.plan_id == plan.pk,
        )
        for plan in subscriptions.offers(account)
    ]
    context = {
        "current": current,
        "coming": coming,
        "month": month,
        "used_wh": used_wh(month) if month else Decimal(0),
        "offers": offers,
        "turn": (current.ends_on if current else None) or subscriptions.next_month(today),
        "today": today,
    }
    return render(request, "billing/subscription.html", page_of(account) | context)


@login_required
@require_POST
def choose(request: HttpRequest, public_id: uuid.UUID, plan_id: uuid.UUID) -> HttpResponse:
    """The account is on the plan, now or from next month."""
    account = account_or_404(request, public_id)
    plan = get_object_or_404(subscriptions.offers(account), public_id=plan_id)
    try:
        started = subscriptions.subscribe(account, plan, today=timezone.localdate())
        _record(request, account, "subscription.chosen", plan=plan.name, since=str(started.started_on))
        text = _("%(plan)s holds from %(day)s.")
        messages.success(request, text % {"plan": plan.name, "day": f"{started.started_on:%Y-%m-%d}"})
    except subscriptions.CannotSubscribe as refusal:
        messages.error(request, str(refusal))
    return redirect("subscription", public_id=account.public_id)


@login_required
@require_POST
def cancel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The subscription ends with this month."""
    account = account_or_404(request, public_id)
    try:
        ends_on = subscriptions.cancel(account, today=timezone.localdate())
        _record(request, account, "subscription.ended", until=str(ends_on))
        messages.success(request, _("The subscription ends with this month. You can undo that until then."))
    except subscriptions.CannotSubscribe as refusal:
        messages.error(request, str(refusal))
    return redirect("subscription", public_id=account.public_id)


@login_required
@require_POST
def undo(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What was agreed for later is undone."""
    account = account_or_404(request, public_id)
    if subscriptions.undo(account, today=timezone.localdate()):
        _record(request, account, "subscription.undone")
        messages.success(request, _("Undone. Everything goes on as it was."))
    return redirect("subscription", public_id=account.public_id)


def _month(account: BillingAccount) -> SubscriptionMonth | None:
    today = timezone.localdate()
    months = SubscriptionMonth.objects.filter(
        subscription__account=account, first_date__lte=today, end_date__gt=today
    )
    return months.select_related("subscription__plan").first()


def _record(request: HttpRequest, account: BillingAccount, act: str, **details: Any) -> None:
    audit.record(request.user, act=act, subject=f"account {account.number}", details=details)
