"""The finance desk's exports: ask, watch, take, see who took what; and those that come by themselves."""

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from accounts import audit
from accounts.admin.base import NetworkAdmin, ReadOnlyAdmin, person
from accounts.backends import organisations_allowing
from accounts.models import Organisation
from billing.admin.export_forms import ExportForm, ScheduleForm
from billing.exports import asking, downloads, schedules
from billing.exports.refusals import ExportRefused
from billing.models import Export, ExportSchedule
from chargeportal.templatetags.chargeportal_formats import icon, local

State = Export.State
_TONES = {
    State.WAITING: ("waiting", "clock"),
    State.RUNNING: ("charging", "bolt"),
    State.DONE: ("available", "check"),
    State.FAILED: ("faulted", "triangle"),
}


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """What was taken out of the books. The list is the history; adding asks for a new export."""

    operator_path = "operator"
    form = ExportForm
    add_form_template = "admin/exports/add.html"
    list_display = ("what", "days", "how_it_stands", "row_count", "asked", "taken")
    list_filter = ("kind", "state", ("operator", RelatedDropdownFilter))
    list_select_related = ("operator", "requested_by", "schedule")
    search_fields = ("file_name", "requested_by__email", "sha256")
    date_hierarchy = "requested_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .annotate(times_taken=Count("downloads"))
            .prefetch_related("downloads__user")
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(downloads.ADD)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        return ExportForm.for_person(request.user, today=timezone.localdate())

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return ((None, {"fields": list(ExportForm.for_person(request.user).base_fields)}),)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """The export waits for a worker."""
        asked = asking.ask(
            obj.operator, kind=obj.kind, days=(obj.period_start, obj.period_end), by=person(request),
            now=timezone.now(), parameters=form.chosen_parameters(),
        )  # fmt: skip
        obj.__dict__.update(asked.__dict__)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The form; one button, which leads to the export's page."""
        one_button = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, (extra_context or {}) | one_button)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return redirect("admin:billing_export_change", obj.pk)

    def get_urls(self) -> list[Any]:
        own = [
            path("<int:pk>/progress/", self._view(self.progress_view), name="billing_export_progress"),
            path(
                "<int:pk>/download/",
                self._view(require_POST(self.download_view)),
                name="billing_export_download",
            ),
            path("<int:pk>/again/", self._view(require_POST(self.again_view)), name="billing_export_again"),
        ]
        return own + super().get_urls()

    def _view(self, view: Any) -> Any:
        return self.admin_site.admin_view(view)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of one export."""
        export = self._export(request, int(object_id) if object_id.isdecimal() else 0)
        context = self.admin_site.each_context(request) | self._context(request, export)
        context |= {"title": str(export), "history": export.downloads.all()}
        return TemplateResponse(request, "admin/exports/page.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it is, as a fragment that asks again while there is more to come."""
        context = self._context(request, self._export(request, pk))
        return TemplateResponse(request, "admin/exports/progress.html", context)

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponse | FileResponse:
        """The file, and a line in the history."""
        export = self._export(request, pk)
        try:
            file = downloads.take(export, by=person(request), now=timezone.now())
        except ExportRefused as refusal:
            messages.error(request, str(refusal))
            return redirect("admin:billing_export_change", pk)
        return FileResponse(
            file, as_attachment=True, filename=export.file_name, content_type=downloads.content_type(export)
        )

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A failed export is made once more."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        asking.ask_again(self._export(request, pk), by=person(request), now=timezone.now())
        return redirect("admin:billing_export_change", pk)

    def _export(self, request: HttpRequest, pk: int) -> Export:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related("operator", "requested_by", "schedule")
        export = rows.filter(pk=pk).first()
        if export is None:
            raise Http404
        return export

    def _context(self, request: HttpRequest, export: Export) -> dict[str, Any]:
        tone, icon = _TONES[State(export.state)]
        return {
            "export": export,
            "tone": tone,
            "icon_name": icon,
            "percent": percent(export),
            "last_day": export.period_end - dt.timedelta(days=1),
            "is_unfinished": export.state in {State.WAITING, State.RUNNING},
            "may_ask_again": export.state == State.FAILED and self.has_add_permission(request),
        }

    @display(description=_("what"), ordering="kind")
    def what(self, export: Export) -> SafeString:
        """The kind, leading to the export's page."""
        url = reverse("admin:billing_export_change", args=[export.pk])
        return format_html('<a class="cp-link" href="{}">{}</a>', url, capfirst(export.get_kind_display()))

    @display(description=_("days"), ordering="period_start")
    def days(self, export: Export) -> SafeString:
        """First and last day."""
        last = export.period_end - dt.timedelta(days=1)
        return format_html('<span class="cp-number">{} – {}</span>', export.period_start, last)

    @display(description=_("state"), ordering="state")
    def how_it_stands(self, export: Export) -> SafeString:
        """The state in a word, and why it failed."""
        tone, name = _TONES[State(export.state)]
        return format_html(
            '<div><span class="status status--{}">{}<span>{}</span></span> '
            '<span class="cp-quiet">{}</span></div>',
            tone, icon(name), capfirst(export.get_state_display()), export.error,
        )  # fmt: skip

    @display(description=_("rows"), ordering="done_rows")
    def row_count(self, export: Export) -> SafeString:
        """How many rows it has, or how many are done."""
        return format_html('<span class="cp-number">{}</span>', export.done_rows)

    @display(description=_("asked for"), ordering="requested_at")
    def asked(self, export: Export) -> SafeString:
        """When, and by whom."""
        by = _now("schedule") if export.schedule_id else export.requested_by or "–"
        return format_html(
            '<div><span class="cp-number">{}</span><br><span class="cp-quiet">{}</span></div>',
            local(export.requested_at),
            by,
        )

    @display(description=_("taken"), ordering="times_taken")
    def taken(self, export: Any) -> SafeString:
        """How often it was downloaded or delivered, and by whom."""
        people = {str(each.user or _now("schedule")) for each in export.downloads.all()}
        return format_html(
            '<div><span class="cp-number">{} ×</span><br><span class="cp-quiet">{}</span></div>',
            export.times_taken, ", ".join(sorted(people)),
        )  # fmt: skip


def _operators_of(user: Any, permission: str) -> QuerySet[Organisation]:
    """The operators in which the person has the permission."""
    operators = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR)
    return (
        operators if user.is_superuser else operators.filter(pk__in=organisations_allowing(user, permission))
    )


def percent(export: Export) -> int | None:
    """How much of it is done, None where the number of rows is not known."""
    if not export.total_rows:
        return None
    return min(100, 100 * export.done_rows // export.total_rows)


@admin.register(ExportSchedule)
class ExportScheduleAdmin(NetworkAdmin):
    """Exports that are made by themselves."""

    operator_path = "operator"
    form = ScheduleForm
    list_display = ("kind", "frequency", "delivery", "recipient", "is_active", "next_run", "operator")
    list_filter = ("kind", "is_active")
    list_select_related = ("operator",)
    fields = ("operator", "kind", "frequency", "delivery", "recipient", "is_active")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **kwargs)
        operator = form.base_fields.get("operator")
        if operator is not None:
            operator.queryset = _operators_of(request.user, "billing.add_exportschedule")
            operator.initial = operator.queryset.values_list("pk", flat=True).first()
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """A new schedule, or one whose frequency changed, is due at its next time from now on."""
        if not change:
            obj.created_by = person(request)
        if not change or "frequency" in form.changed_data or "is_active" in form.changed_data:
            obj.next_at = schedules.next_time(obj.frequency, after=timezone.now())
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """The schedule is gone; what it exported stays."""
        subject = f"exportschedule {obj}"[:160]
        obj.delete()
        audit.record(request.user, act="exportschedule.deleted", subject=subject)

    @display(description=_("next"), ordering="next_at")
    def next_run(self, schedule: ExportSchedule) -> SafeString:
        """When it is made next, on our clock."""
        return format_html('<span class="cp-number">{}</span>', local(schedule.next_at))
