"""Subscription plans, and who is on them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import NetworkAdmin, NetworkInline, ReadOnlyAdmin
from billing.models import Plan, Subscription, SubscriptionMonth
from chargeportal.templatetags.chargeportal_formats import kwh, money, percent, quantity


@admin.register(Plan)
class PlanAdmin(NetworkAdmin):
    """What is on offer. A plan that somebody has keeps its numbers: a new price is a new plan."""

    operator_path = "operator"
    list_display = ("name", "fee", "included", "discount", "price_group", "is_offered", "subscribers")
    list_filter = ("is_offered", "operator")
    list_select_related = ("price_group",)
    search_fields = ("name", "description")
    fields = (
        "operator", "name", "description", "currency", "monthly_fee", "vat_rate", "included_kwh",
        "discount_percent", "price_group", "is_offered",
    )  # fmt: skip

    #: What subscribers have agreed to.
    _AGREED = ("operator", "currency", "monthly_fee", "vat_rate", "included_kwh", "discount_percent")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        today = timezone.localdate()
        holds = Q(subscriptions__started_on__lte=today) & (
            Q(subscriptions__ends_on=None) | Q(subscriptions__ends_on__gt=today)
        )
        return super().get_queryset(request).annotate(subscribed=Count("subscriptions", filter=holds))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self._AGREED if obj is not None and obj.subscriptions.exists() else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("a month"), ordering="monthly_fee")
    def fee(self, plan: Plan) -> str:
        """The monthly fee with VAT."""
        return money(plan.monthly_fee, plan.currency)

    @display(description=_("included"), ordering="included_kwh")
    def included(self, plan: Plan) -> str:
        """The included energy of a month."""
        return f"{quantity(plan.included_kwh)} kWh" if plan.included_kwh else "–"

    @display(description=_("discount"), ordering="discount_percent")
    def discount(self, plan: Plan) -> str:
        """What is taken off energy."""
        return percent(plan.discount_percent) if plan.discount_percent else "–"

    @display(description=_("subscribers"), ordering="subscribed")
    def subscribers(self, plan: Any) -> int:
        """How many are on it today."""
        return int(plan.subscribed)


class MonthInline(NetworkInline):
    """The months of a subscription."""

    model = SubscriptionMonth
    hide_title = True
    fields = ("first_date", "end_date", "fee", "included", "invoice", "recognised_at")
    readonly_fields = fields
    ordering = ("-first_date",)
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    @display(description=_("included"))
    def included(self, month: SubscriptionMonth) -> str:
        """The included energy."""
        return kwh(month.included_wh)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Who is on which plan; customers begin and end it themselves."""

    operator_path = "account__operator"
    list_display = ("account", "plan", "started_on", "ends_on")
    list_filter = ("started_on",)
    list_select_related = ("account", "plan")
    search_fields = ("account__number", "account__name", "plan__name")
    inlines = (MonthInline,)
    fields = ("account", "plan", "started_on", "ends_on", "created_at")
    readonly_fields = fields
