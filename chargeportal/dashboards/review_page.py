"""The page of a held session: the evidence, what a bill would say, and the decision."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.admin.base import person
from chargeportal.dashboards.load_chart import draw
from chargeportal.dashboards.price_words import explain, periods
from chargeportal.dashboards.review_forms import FORMS, DecisionForm
from chargeportal.dashboards.session_page import may_see_price
from chargeportal.dashboards.session_words import flag_words
from sessions import curves, holds, ports
from sessions.hold_words import hold_words
from sessions.models import SessionReview
from sessions.overview import driver_label

TABLE_ROWS = 120


def review_view(request: HttpRequest, review_id: int) -> HttpResponse:
    """The page of the review."""
    review = get_object_or_404(holds.reviews_for(request.user), pk=review_id)
    session = review.session
    location = session.station.location
    zone = location.time_zone if location else ""
    context = admin.site.each_context(request) | _evidence(review) | _price(request, review)
    context |= {
        "title": _("Held session"),
        "review": review,
        "session": session,
        "zone": zone,
        "words": hold_words(review.reason),
        "driver": driver_label(session),
        "may_decide": not review.decision and _may_decide(request.user, review),
        "earlier": _earlier(review),
        **_curve(review, zone=zone),
    }
    return TemplateResponse(request, "admin/review/page.html", context)


def decide_view(request: HttpRequest, review_id: int, decision: str) -> HttpResponse:
    """GET: the form that says what will happen. POST: it is decided, once."""
    review = get_object_or_404(holds.reviews_for(request.user), pk=review_id)
    if decision not in FORMS:
        raise Http404
    if not _may_decide(request.user, review):
        raise PermissionDenied
    form = FORMS[decision](request.POST if request.method == "POST" else None, review=review)
    if request.method == "POST" and form.is_valid() and _done(request, form):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = request.build_absolute_uri("../../")
        return response
    return render(request, "admin/review/decide.html", {"form": form, "review": review})


def _done(request: HttpRequest, form: DecisionForm) -> bool:
    try:
        form.decide(by=person(request), now=timezone.now())
    except holds.AlreadyDecided:
        form.add_error(
            None, _("Somebody has decided already, or new data has lifted the hold. Reload the page.")
        )
        return False
    except holds.InvalidAdjustment as refusal:
        form.add_error(None, str(refusal))
        return False
    messages.success(request, str(form.done))
    return True


def _may_decide(user: Any, review: SessionReview) -> bool:
    return holds.reviews_for(user, permission=holds.DECIDE).filter(pk=review.pk).exists()


def _price(request: HttpRequest, review: SessionReview) -> dict[str, Any]:
    """What a bill made now would say, and what one says already, for those who deal with money here."""
    session = review.session
    if not may_see_price(request.user, session):
        return {"may_see_price": False}
    context: dict[str, Any] = {"may_see_price": True, "cannot_be_priced": False, "price": None}
    try:
        context["price"] = ports.pricing().if_billed(session, now=timezone.now())
    except ports.CannotBePriced:
        context["cannot_be_priced"] = True
    lines = context["price"].lines if context["price"] else ()
    context["lines"] = [{"line": line, "reasons": explain(line), "periods": periods(line)} for line in lines]
    context["billed"] = ports.pricing().totals([session.pk]).get(session.pk)
    return context


def _evidence(review: SessionReview) -> dict[str, Any]:
    """The evidence with exact numbers and instants instead of texts."""
    kept = review.evidence
    return {
        "evidence": kept,
        "steps": [_read(step) for step in kept.get("steps", ())],
        "readings_kept": _with_differences([_read(reading) for reading in kept.get("readings", ())]),
        "times": {name: _instant(text) for name, text in kept.get("times", {}).items()},
        "told": kept.get("times", {}),
        "flags": [flag_words(flag) for flag in kept.get("flags", ())],
    }


def _read(values: dict[str, str]) -> dict[str, Any]:
    readers: tuple[tuple[str, Callable[[str], Any]], ...] = (("wh", Decimal), ("at", _instant))
    return {
        name: next(read for end, read in readers if name.endswith(end))(text) for name, text in values.items()
    }


def _with_differences(readings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    earlier = [None, *readings[:-1]]
    return [
        reading | {"difference_wh": None if before is None else reading["wh"] - before["wh"]}
        for before, reading in zip(earlier, readings, strict=True)
    ]


def _instant(text: str | None) -> dt.datetime | None:
    try:
        return None if text is None else dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _earlier(review: SessionReview) -> list[SessionReview]:
    others = review.session.reviews.exclude(pk=review.pk).exclude(decision="")
    return list(others.select_related("decided_by"))


def _curve(review: SessionReview, *, zone: str) -> dict[str, Any]:
    curve = curves.load_curve(review.session)
    step = max(1, -(-len(curve.points) // TABLE_ROWS))
    return {
        "curve": curve,
        "chart": draw(curve, zone=zone, ended_at=review.session.ended_at),
        "readings": curve.points[::step],
        "energy_wh": review.session.energy_wh,
    }
