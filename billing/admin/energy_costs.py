"""What the operator pays for energy at each location."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import NetworkAdmin
from billing.models import EnergyCost
from billing.tasks import work_out_costs_of_location
from chargeportal.templatetags.chargeportal_formats import quantity


@admin.register(EnergyCost)
class EnergyCostAdmin(NetworkAdmin):
    """Purchase prices by location; the margin of sessions since then is worked out again when one changes."""

    operator_path = "location__operator"
    list_display = ("location", "valid_from", "area", "price")
    list_filter = (("location", RelatedDropdownFilter), "area")
    list_select_related = ("location",)
    search_fields = ("location__name",)
    fields = ("location", "valid_from", "area", "per_kwh", "currency")

    @display(description=_("per kWh, without VAT"), ordering="per_kwh")
    def price(self, cost: EnergyCost) -> str:
        """The price, or what is added to the day-ahead price."""
        return f"{'+ ' if cost.area else ''}{quantity(cost.per_kwh, 4)} {cost.currency}"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """The price holds, and what has been charged since it does is worked out again."""
        super().save_model(request, obj, form, change)
        before = form.initial.get("valid_from") or obj.valid_from
        _work_out(obj, since=min(before, obj.valid_from))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """The price before it holds again."""
        super().delete_model(request, obj)
        _work_out(obj, since=obj.valid_from)


def _work_out(cost: EnergyCost, *, since: Any) -> None:
    work_out_costs_of_location.delay_on_commit(location_id=cost.location_id, since=since.isoformat())
