"""Price groups: who gets a price of their own."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from accounts.admin.base import NetworkAdmin
from accounts.backends import organisations_allowing
from accounts.models import Organisation, User
from billing.models import PriceGroup, TariffAssignment


@admin.register(PriceGroup)
class PriceGroupAdmin(NetworkAdmin):
    """The groups of one's operator, the best-ranked first."""

    operator_path = "operator"
    list_display = ("name", "kind", "rank", "members", "tariffs", "operator")
    list_filter = ("kind", "operator")
    list_select_related = ("operator",)
    search_fields = ("name",)
    autocomplete_fields = ("users",)
    fieldsets = (
        (None, {"fields": (("name", "operator"), ("kind", "rank"))}),
        (
            _("Who is in it"),
            {
                "fields": ("users", "organisations"),
                "description": _("Subscribers come in by themselves, through the plan that names the group."),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        now = timezone.now()
        open_now = TariffAssignment.objects.filter(
            Q(valid_until=None) | Q(valid_until__gt=now), valid_from__lte=now
        ).select_related("tariff")
        return (
            super()
            .get_queryset(request)
            .annotate(people=Count("users", distinct=True), companies=Count("organisations", distinct=True))
            .prefetch_related(Prefetch("tariff_assignments", queryset=open_now, to_attr="open_now"))
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **kwargs)
        operator = form.base_fields.get("operator")
        if operator is not None:
            operator.queryset = operator.queryset.filter(kind=Organisation.Kind.OPERATOR)
            if obj is None:
                operator.initial = operator.queryset.values_list("pk", flat=True).first()
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """People and organisations that the operator deals with."""
        if db_field.name == "users":
            kwargs["queryset"] = self.admin_site._registry[User].get_queryset(request)
        if db_field.name == "organisations":
            kwargs["queryset"] = self._customers(request)
            kwargs["widget"] = UnfoldAdminSelect2MultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _customers(self, request: HttpRequest) -> QuerySet:
        rows = Organisation.objects.exclude(kind=Organisation.Kind.OPERATOR).order_by("name")
        if getattr(request.user, "is_superuser", False):
            return rows
        mine = organisations_allowing(request.user, self.permission("view"))
        dealt_with = (
            Q(hosted_locations__operator__in=mine)
            | Q(billing_accounts__operator__in=mine)
            | Q(member_of_price_groups__operator__in=mine)
        )
        return rows.filter(pk__in=Organisation.objects.filter(dealt_with).values("pk"))

    @display(description=_("members"))
    def members(self, group: PriceGroup) -> str:
        """How many people and organisations were put into it."""
        counts = {"people": getattr(group, "people", 0), "companies": getattr(group, "companies", 0)}
        return _("people: %(people)d, organisations: %(companies)d") % counts

    @display(description=_("tariffs now"))
    def tariffs(self, group: PriceGroup) -> str:
        """The tariffs that hold for the group now."""
        names = dict.fromkeys(a.tariff.name for a in getattr(group, "open_now", ()))
        return ", ".join(names) or "–"
