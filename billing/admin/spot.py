"""Day-ahead prices: today and tomorrow as charts, every price below, and the upload of a file."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts import audit
from accounts.admin.base import ReadOnlyAdmin, person
from billing.models import BiddingArea, SpotPrice
from billing.spot.chart import charts
from billing.spot.importing import Outcome, store, wanted
from billing.spot.reading import Unreadable, read_csv, read_json
from chargeportal.templatetags.chargeportal_formats import local

MOST_BYTES = 5_000_000
REFUSED_SHOWN = 100


class ImportForm(forms.Form):
    """A file of prices, and the bidding area where the file names none."""

    file = forms.FileField(label=_("CSV or JSON file"))
    area = forms.ChoiceField(
        label=_("Bidding area"),
        required=False,
        choices=[("", _("as the file says")), *BiddingArea.choices],
        help_text=_("of rows that name none"),
    )

    def clean_file(self) -> Any:
        """A file of a size that prices have."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 5 MB."))
        return file


@admin.register(SpotPrice)
class SpotPriceAdmin(ReadOnlyAdmin):
    """The market's prices are the same for every operator."""

    list_display = ("area", "when", "price_per_kwh", "currency", "source", "imported_at")
    list_filter = ("area",)
    date_hierarchy = "starts_at"
    ordering = ("-starts_at", "area")
    list_before_template = "admin/spot/charts.html"
    actions_list = ("import_prices",)

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        """Everything, for whoever may see prices anywhere."""
        return rows if organisation_ids else rows.none()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        drawn = charts(now=timezone.now())
        return super().changelist_view(request, {**(extra_context or {}), "price_charts": drawn})

    @display(description=_("period"), ordering="starts_at")
    def when(self, price: SpotPrice) -> str:
        return f"{local(price.starts_at)} – {local(price.ends_at)[-5:]}"

    def has_import_prices_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_spotprice")

    @action(
        description=_("Import a file"), url_path="import", permissions=["import_prices"], icon="upload_file"
    )
    def import_prices(self, request: HttpRequest) -> HttpResponse:
        """The page to upload a file, and what became of its rows."""
        if not self.has_import_prices_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        outcome = _imported(request, form) if form.is_valid() else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import day-ahead prices"),
            "form": form,
            "outcome": outcome,
            "refused": outcome.refused[:REFUSED_SHOWN] if outcome else (),
            "list_url": reverse("admin:billing_spotprice_changelist"),
        }
        return TemplateResponse(request, "admin/spot/import.html", context)


def _imported(request: HttpRequest, form: ImportForm) -> Outcome | None:
    file, area = form.cleaned_data["file"], form.cleaned_data["area"]
    read = read_json if file.name.lower().endswith(".json") else read_csv
    try:
        reading = read(file.read().decode("utf-8-sig"), wanted=wanted(area=area))
    except UnicodeDecodeError:
        form.add_error("file", _("The file is not in UTF-8."))
        return None
    except Unreadable as error:
        form.add_error("file", str(error))
        return None
    outcome = store(reading, source=file.name, now=timezone.now())
    counts = {"added": outcome.added, "changed": outcome.changed, "refused": len(outcome.refused)}
    audit.record(person(request), act="spotprice.imported", subject=file.name[:160], details=counts)
    return outcome
