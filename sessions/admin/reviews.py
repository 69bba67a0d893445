"""The desk of held sessions: why each waits, how long, and what is at stake; each leads to its review."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin
from chargeportal.templatetags.chargeportal_formats import age, kwh, local, money
from sessions.hold_words import HOLD_WORDS, hold_words
from sessions.models import SessionReview
from sessions.overview import driver_label

DECISION_TONES = {"approve": "success", "adjust": "info", "waive": "warning"}


class StateFilter(admin.SimpleListFilter):
    """Those that wait, unless others are asked for."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("decided", _("decided")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        """The first choice is not "all" but those that wait."""
        choices = super().choices(changelist)
        first = next(choices)
        yield first | {"display": _("waiting")}
        yield from choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "all":
            return queryset
        return queryset.exclude(decision="") if self.value() == "decided" else queryset.filter(decision="")


class ReasonFilter(admin.SimpleListFilter):
    """Why they are held."""

    title = _("reason")
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(reason, words.short) for reason, words in HOLD_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(SessionReview)
class SessionReviewAdmin(ReadOnlyAdmin):
    """Held sessions at one's stations, the oldest first."""

    list_display = ("held", "why", "place", "driver", "energy", "at_stake", "outcome")
    list_filter = (
        StateFilter,
        ReasonFilter,
        ("session__station__location", RelatedDropdownFilter),
        ("opened_at", RangeDateTimeFilter),
    )
    list_select_related = (
        "session__station__location",
        "session__evse",
        "session__user",
        "session__id_token",
        "decided_by",
    )
    search_fields = (
        "session__station__identity",
        "session__station__name",
        "session__user__email",
        "session__user__name",
        "session__id_token_uid",
        "session__transaction_ref",
    )
    search_help_text = _("Station, driver, token or transaction")
    ordering = ("opened_at", "pk")

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        unplaced = Q(session__station__location=None) if organisation_ids else Q(pk__in=[])
        return rows.visible_to(user).filter(
            Q(session__station__location__operator__in=organisation_ids) | unplaced
        )

    @display(description=_("held since"), ordering="opened_at")
    def held(self, review: SessionReview) -> SafeString:
        """Since when it waits and how long that is; leads to the review."""
        location = review.session.station.location
        return format_html(
            '<a class="cp-link cp-number" href="{}">{}</a><br><span class="cp-quiet">{}</span>',
            reverse("dashboards:review", args=[review.pk]),
            local(review.opened_at, location.time_zone if location else ""),
            "" if review.decision else age(review.opened_at),
        )

    @display(description=_("reason"), ordering="reason")
    def why(self, review: SessionReview) -> Any:
        """Why it is held, in plain words."""
        return hold_words(review.reason).short

    @display(description=_("place"), ordering="session__station__identity")
    def place(self, review: SessionReview) -> SafeString:
        """Station, EVSE and location."""
        session = review.session
        return format_html(
            '<span class="cp-number">{}{}</span><br><span class="cp-quiet">{}</span>',
            session.station,
            f" / {session.evse.number}" if session.evse else "",
            session.station.location or "",
        )

    @display(description=_("driver"), ordering="session__user__email")
    def driver(self, review: SessionReview) -> str:
        """Who charged, as far as we know."""
        return driver_label(review.session) or "–"

    @display(description=_("measured"))
    def energy(self, review: SessionReview) -> str:
        """What the registers proved when it was held."""
        return kwh(review.evidence.get("measured_wh"), 2)

    @display(description=_("at stake"))
    def at_stake(self, review: SessionReview) -> str:
        """What the bill would say if it were billed as measured, by the rating engine."""
        stake = review.evidence.get("stake")
        return money(Decimal(stake["amount"]), stake["currency"]) if stake else "–"

    @display(description=_("decision"), ordering="decision", label=DECISION_TONES)
    def outcome(self, review: SessionReview) -> tuple[str, Any] | None:
        """What was decided; nothing while it waits."""
        return (review.decision, review.get_decision_display()) if review.decision else None
