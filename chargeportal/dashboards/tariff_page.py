"""The page of one version of a tariff: its prices, what is wrong with it, trying it, publishing it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.admin.base import person
from accounts.backends import organisations_allowing
from billing.admin.tariffs import STATE_WORDS
from billing.models import Tariff, TariffAssignment
from billing.price_lists import price_list_of
from billing.rating import InvalidTariff
from billing.tariffs import publishing
from billing.tariffs.checking import check
from billing.tariffs.findings import Finding, errors_of
from billing.tariffs.preview import preview
from chargeportal.dashboards.price_words import explain
from chargeportal.dashboards.tariff_forms import EndForm, PlacesForm, SimulateForm, TryForm

#: Simulations shown on the page.
_SIMULATIONS = 5


def tariffs_of(user: Any, *, verb: str = "view") -> QuerySet[Tariff]:
    """The tariffs of operators with which the person may do this."""
    rows = Tariff.objects.visible_to(user)
    if user.is_superuser:
        return rows
    return rows.filter(operator__in=organisations_allowing(user, f"billing.{verb}_tariff"))


def tariff_or_404(request: HttpRequest, tariff_id: int, *, verb: str = "view") -> Tariff:
    """The tariff with all its parts. Raises Http404, and PermissionDenied for who may only look."""
    assignments = TariffAssignment.objects.select_related(
        "location", "evse__station__location", "price_group"
    ).order_by("valid_from", "pk")
    rows = tariffs_of(request.user).select_related("operator", "replaces", "replaced_by", "dynamic_price")
    tariff = get_object_or_404(
        rows.prefetch_related(
            "elements__price_components", "incentives", Prefetch("assignments", queryset=assignments)
        ),
        pk=tariff_id,
    )
    if verb != "view" and not tariffs_of(request.user, verb=verb).filter(pk=tariff.pk).exists():
        raise PermissionDenied
    return tariff


def tariff_view(request: HttpRequest, tariff_id: int) -> HttpResponse:
    """The page of the version."""
    return _page(request, tariff_or_404(request, tariff_id))


def publish_view(request: HttpRequest, tariff_id: int) -> HttpResponse:
    """The draft is published as the form says, or the page says why not."""
    tariff = tariff_or_404(request, tariff_id, verb="change")
    form = PlacesForm(request.POST, tariff=tariff)
    if not form.is_valid():
        return _page(request, tariff, places=form)
    now = timezone.now()
    starts_at = form.cleaned_data["starts_at"] or now
    wanted = form.holdings()
    if form.wants_same() and tariff.replaces is not None:
        wanted = [*publishing.holdings_of(tariff.replaces, at=starts_at), *wanted]
    act = publishing.publish if tariff.published_at is None else publishing.extend
    try:
        act(tariff, starts_at=starts_at, holdings=wanted, now=now, by=person(request))
    except publishing.NotAllowed as refusal:
        form.add_error(None, str(refusal))
    except publishing.Refused as refusal:
        return _page(request, tariff, places=form, findings=refusal.findings)
    if form.errors:
        return _page(request, tariff, places=form)
    messages.success(
        request,
        _("Published. It holds from %(start)s.")
        % {"start": f"{timezone.localtime(starts_at):%Y-%m-%d %H:%M}"},
    )
    return _back(tariff)


def version_view(request: HttpRequest, tariff_id: int) -> HttpResponse:
    """A draft that follows this version is there, and open in the editor."""
    tariff = tariff_or_404(request, tariff_id, verb="add")
    try:
        draft = publishing.new_version(tariff, by=person(request))
    except publishing.NotAllowed as refusal:
        messages.error(request, str(refusal))
        return _back(tariff)
    messages.info(request, _("This draft is a copy. What holds now stays until you publish it."))
    return HttpResponseRedirect(reverse("admin:billing_tariff_change", args=[draft.pk]))


def withdraw_view(request: HttpRequest, tariff_id: int) -> HttpResponse:
    """The scheduled version is a draft again."""
    tariff = tariff_or_404(request, tariff_id, verb="change")
    done = _("Withdrawn: it is a draft again, and the version before goes on.")
    return _tell(
        request, tariff, done, lambda: publishing.withdraw(tariff, now=timezone.now(), by=person(request))
    )


def end_view(request: HttpRequest, tariff_id: int, assignment_id: int) -> HttpResponse:
    """The tariff ends at one of its places."""
    tariff = tariff_or_404(request, tariff_id, verb="change")
    assignment = get_object_or_404(tariff.assignments.all(), pk=assignment_id)
    form = EndForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say until when."))
        return _back(tariff)
    ends_at = form.cleaned_data["ends_at"]
    done = _("It ends there then.")
    return _tell(
        request,
        tariff,
        done,
        lambda: publishing.end(assignment, at=ends_at, now=timezone.now(), by=person(request)),
    )


def _tell(request: HttpRequest, tariff: Tariff, done: str, act: Callable[[], None]) -> HttpResponse:
    try:
        act()
    except publishing.NotAllowed as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return _back(tariff)


def _back(tariff: Tariff) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("dashboards:tariff", args=[tariff.pk]))


def _page(
    request: HttpRequest,
    tariff: Tariff,
    *,
    places: PlacesForm | None = None,
    findings: list[Finding] | None = None,
) -> HttpResponse:
    now = timezone.now()
    state = publishing.state_of(tariff, now=now)
    may_change = tariffs_of(request.user, verb="change").filter(pk=tariff.pk).exists()
    if findings is None:
        source = tariff.replaces if state is publishing.State.DRAFT and tariff.replaces else tariff
        findings = check(tariff, holdings=publishing.holdings_of(source, at=now), at=now)
    context = admin.site.each_context(request) | _tried(request, tariff, now=now) | {
        "title": f"{tariff.name} · {_('version')} {tariff.version}",
        "tariff": tariff,
        "state": str(state),
        "state_words": STATE_WORDS[state],
        "findings": findings,
        "errors": errors_of(findings),
        "listed": price_list_of(tariff, at=now),
        "may_change": may_change,
        "places": places or PlacesForm(tariff=tariff),
        "places_open": places is not None,
        "simulate": SimulateForm(tariff=tariff, initial=SimulateForm.usual(now)),
        "simulations": tariff.simulations.select_related("location", "price_group")[:_SIMULATIONS],
        "versions": _versions(tariff),
        "now": now,
    }  # fmt: skip
    return TemplateResponse(request, "admin/tariff/page.html", context)


def _tried(request: HttpRequest, tariff: Tariff, *, now: dt.datetime) -> dict[str, Any]:
    """The form to try the tariff with, and what came of it."""
    form = TryForm(request.GET if "energy_kwh" in request.GET else TryForm.usual(now))
    if not form.is_valid():
        return {"try_form": form}
    try:
        price = preview(tariff, case=form.case())
    except InvalidTariff:
        return {"try_form": form}
    lines = [{"line": line, "reasons": explain(line)} for line in price.lines]
    return {"try_form": form, "price": price, "lines": lines}


def _versions(tariff: Tariff) -> list[dict[str, Any]]:
    now = timezone.now()
    rows = Tariff.objects.filter(operator=tariff.operator_id, name=tariff.name).prefetch_related(
        "assignments"
    )
    found = []
    for version in rows.order_by("-version"):
        state = publishing.state_of(version, now=now)
        starts = [assignment.valid_from for assignment in version.assignments.all()]
        found.append(
            {
                "tariff": version,
                "state": str(state),
                "words": STATE_WORDS[state],
                "starts": min(starts, default=None),
            }
        )
    return found
