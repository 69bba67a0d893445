"""Invoice runs in the admin: what would be billed, the start of a run, and how far it is."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts import access
from accounts.admin.base import ReadOnlyAdmin, person
from accounts.models import Organisation
from billing.invoicing import runs
from billing.invoicing.billable import expected
from billing.invoicing.books import day_of, month_before
from billing.invoicing.drafts import CannotIssue
from billing.invoicing.home_charging import SpotPriceMissing, reimburse_drivers
from billing.invoicing.host_settlements import settle_hosts
from billing.invoicing.progress import progress as how_far
from billing.models import Invoice, InvoiceRun, InvoiceRunItem
from billing.tasks import run_invoices
from chargeportal.templatetags.chargeportal_formats import local, money

_MAY = "billing.add_invoicerun"
_SHOWN = 200
#: States of a run in a colour.
TONES = {
    InvoiceRun.State.RUNNING: "info",
    InvoiceRun.State.DONE: "success",
    InvoiceRun.State.FAILED: "danger",
}


class RunForm(forms.Form):
    """Which operator's which month, and the date on the invoices."""

    operator = forms.ModelChoiceField(Organisation.objects.none(), label=_("Operator"), empty_label=None)
    month = forms.DateField(
        label=_("Month"), input_formats=["%Y-%m"],
        widget=forms.DateInput(attrs={"type": "month"}, format="%Y-%m"),
    )  # fmt: skip
    invoice_date = forms.DateField(label=_("Invoice date"), widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, operators: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["operator"].queryset = operators

    @property
    def period(self) -> tuple[dt.date, dt.date]:
        """The month's first day and the day after its last."""
        first = self.cleaned_data["month"].replace(day=1)
        return first, (first + dt.timedelta(days=32)).replace(day=1)

    def clean(self) -> dict[str, Any]:
        """The month has ended by the invoice date."""
        data = super().clean() or {}
        if data.get("month") and data.get("invoice_date") and data["invoice_date"] < self.period[1]:
            self.add_error("invoice_date", _now("The month must have ended by the invoice date."))
        return data


@admin.register(InvoiceRun)
class InvoiceRunAdmin(ReadOnlyAdmin):
    """The monthly invoices of an operator's customers."""

    operator_path = "operator"
    list_display = ("month", "operator", "shown_state", "began", "ended", "started_by")
    list_filter = ("state", "operator")
    list_select_related = ("operator", "started_by")
    actions_list = ("start",)

    @display(description=_("month"), ordering="period_start")
    def month(self, run: InvoiceRun) -> str:
        """The month it bills."""
        return str(run)

    @display(
        description=_("state"), ordering="state", label={str(state): tone for state, tone in TONES.items()}
    )
    def shown_state(self, run: InvoiceRun) -> tuple[str, str]:
        """Its state in a word and a colour."""
        return run.state, run.get_state_display()

    @display(description=_("started"), ordering="started_at")
    def began(self, run: InvoiceRun) -> str:
        """When it was started."""
        return local(run.started_at)

    @display(description=_("finished"), ordering="finished_at")
    def ended(self, run: InvoiceRun) -> str:
        """When it was done."""
        return local(run.finished_at) if run.finished_at else "–"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:run_id>/progress/", wrap(self.progress_view), name="billing_invoicerun_progress"),
            path("<int:run_id>/again/", wrap(self.again_view), name="billing_invoicerun_again"),
            path("<int:run_id>/settle/", wrap(self.settle_view), name="billing_invoicerun_settle"),
            *super().get_urls(),
        ]

    def has_start_permission(self, request: HttpRequest) -> bool:
        """Finance starts runs."""
        return bool(request.user.has_perm(_MAY) and self._operators(request).exists())

    @action(description=_("Start an invoice run"), url_path="start", permissions=("start",))
    def start(self, request: HttpRequest) -> HttpResponse:
        """What the run would bill; and, asked for once more, the run."""
        today = day_of(timezone.now())
        given = request.POST or (request.GET if "month" in request.GET else None)
        initial = {"month": month_before(today)[0], "invoice_date": today}
        form = RunForm(given or None, operators=self._operators(request), initial=initial)
        rows = None
        if given and form.is_valid():
            if request.method == "POST":
                run = self._start(request, form)
                if run is not None:
                    return redirect(reverse("admin:billing_invoicerun_change", args=[run.pk]))
            rows = expected(form.cleaned_data["operator"], before=form.period[1])
        context = self.admin_site.each_context(request) | {
            "title": _now("Start an invoice run"),
            "form": form,
            "rows": rows[:_SHOWN] if rows is not None else None,
            "more": max(len(rows or ()) - _SHOWN, 0),
            "sums": _sums(rows or []),
        }
        return TemplateResponse(request, "admin/invoices/start_run.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        """The run's own page."""
        run = self._shown(request, object_id)
        context = self.admin_site.each_context(request) | self._facts(request, run)
        return TemplateResponse(request, "admin/invoices/run.html", context)

    def progress_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """How far the run is, asked for again and again while it runs."""
        run = self._shown(request, run_id)
        return TemplateResponse(request, "admin/invoices/progress.html", self._facts(request, run))

    def again_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """The accounts that failed are tried again."""
        run = self._mine(request, run_id)
        self._begin(
            request, run.operator, period=(run.period_start, run.period_end), invoice_date=run.invoice_date
        )
        return redirect(reverse("admin:billing_invoicerun_change", args=[run.pk]))

    def settle_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Hosts and drivers have their documents of the run's month."""
        run, now = self._mine(request, run_id), timezone.now()
        try:
            made = [*settle_hosts(run, now=now), *reimburse_drivers(run, now=now)]
        except (CannotIssue, SpotPriceMissing) as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _now("%(count)d settlements were issued.") % {"count": len(made)})
        return redirect(reverse("admin:billing_invoicerun_change", args=[run.pk]))

    def _start(self, request: HttpRequest, form: RunForm) -> InvoiceRun | None:
        try:
            return self._begin(
                request,
                form.cleaned_data["operator"],
                period=form.period,
                invoice_date=form.cleaned_data["invoice_date"],
            )
        except CannotIssue as refused:
            form.add_error(None, str(refused))
            return None

    def _begin(
        self,
        request: HttpRequest,
        operator: Organisation,
        *,
        period: tuple[dt.date, dt.date],
        invoice_date: dt.date,
    ) -> InvoiceRun:
        with transaction.atomic():
            run = runs.start_run(
                operator, period_start=period[0], period_end=period[1], invoice_date=invoice_date,
                by=person(request), now=timezone.now(),
            )  # fmt: skip
            run_invoices.delay_on_commit(run_id=run.pk)
        return run

    def _facts(self, request: HttpRequest, run: InvoiceRun) -> dict[str, Any]:
        progress = how_far(run)
        troubled = run.items.exclude(error="").select_related("account").order_by("account__number")
        settled = run.invoices.exclude(kind=Invoice.Kind.INVOICE).select_related("series", "account")
        return {
            "title": _now("Invoice run %(month)s") % {"month": run},
            "run": run,
            "progress": progress,
            "amounts": [money(amount, currency) for currency, amount in progress.amount],
            "is_running": run.state == InvoiceRun.State.RUNNING,
            "failed": [item for item in troubled[:_SHOWN] if item.state != InvoiceRunItem.State.PENDING],
            "waiting": [item for item in troubled[:_SHOWN] if item.state == InvoiceRunItem.State.PENDING],
            "settlements": [(each, money(each.payable, each.currency)) for each in settled],
            "may_start": self.has_start_permission(request),
        }

    def _operators(self, request: HttpRequest) -> Any:
        every = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR).order_by("name")
        if request.user.is_superuser:
            return every
        return every.filter(pk__in=access.organisations_with(request.user, [access.Role.FINANCE]))

    def _shown(self, request: HttpRequest, run_id: Any) -> InvoiceRun:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(
            self.get_queryset(request).select_related("operator", "started_by"), pk=run_id
        )

    def _mine(self, request: HttpRequest, run_id: int) -> InvoiceRun:
        """The run of one's own operator, to be changed by a POST."""
        if request.method != "POST" or not request.user.has_perm(_MAY):
            raise PermissionDenied
        rows = self.get_queryset(request).filter(operator__in=self._operators(request))
        return get_object_or_404(rows.select_related("operator", "started_by"), pk=run_id)


def _sums(rows: list[Any]) -> list[str]:
    sums: dict[str, Any] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + row.gross
    return [money(amount, currency) for currency, amount in sorted(sums.items())]
