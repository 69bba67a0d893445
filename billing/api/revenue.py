"""Revenue of a period: `/api/v1/revenue/`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.revenue import periods
from billing.revenue.access import may_see, operators_of
from billing.revenue.figures import Dimension, Revenue, revenue


class RevenueQuery(serializers.Serializer):
    """What is asked for; this month by site where nothing is said."""

    by = serializers.ChoiceField(choices=[str(each) for each in Dimension], default=str(Dimension.SITE))
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, default="")

    def get_fields(self) -> dict[str, Any]:
        """With `from` and `to`, which Python keeps for itself."""
        dates = {
            "from": serializers.DateField(required=False),
            "to": serializers.DateField(required=False),
        }
        return {**super().get_fields(), **dates}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Both days or none, in order and not too far apart."""
        first, last = attrs.get("from"), attrs.get("to")
        if (first is None) != (last is None):
            raise serializers.ValidationError({"from": _("Give both days or none.")})
        try:
            attrs["period"] = (
                periods.this_month(now=timezone.now())
                if first is None or last is None
                else periods.chosen(first, last)
            )
        except periods.BadPeriod:
            raise serializers.ValidationError(
                {"to": _("The last day must not lie before the first, nor five years after it.")}
            ) from None
        return attrs


class FiguresSerializer(serializers.Serializer):
    """Amounts in the currency; costs are those that are known."""

    sessions = serializers.IntegerField(help_text="Billed sessions; one that was credited counts as none.")
    energy_wh = serializers.DecimalField(max_digits=20, decimal_places=3)
    gross = serializers.DecimalField(max_digits=16, decimal_places=2, help_text="With VAT.")
    vat = serializers.DecimalField(max_digits=16, decimal_places=2)
    net = serializers.DecimalField(max_digits=16, decimal_places=2, help_text="Without VAT.")
    energy_cost = serializers.DecimalField(max_digits=18, decimal_places=4)
    card_fees = serializers.DecimalField(max_digits=18, decimal_places=4)
    margin = serializers.DecimalField(max_digits=18, decimal_places=4, help_text="Net less the known costs.")
    energy_cost_unknown_wh = serializers.DecimalField(
        max_digits=20, decimal_places=3, help_text="Energy whose purchase price is not known."
    )
    card_fees_unknown = serializers.IntegerField(help_text="Card payments whose fee is not known yet.")


class RevenueRowSerializer(serializers.Serializer):
    """One site, station, tariff, price group or way of paying."""

    name = serializers.CharField(
        allow_blank=True, help_text="Empty where there is none, as without a tariff."
    )
    figures = FiguresSerializer()


class RevenueSerializer(serializers.Serializer):
    """The revenue of a period, in all and by a dimension."""

    period_from = serializers.DateField(source="period.first_date", help_text="The first day.")
    period_to = serializers.DateField(source="period.last_date", help_text="The last day.")
    currency = serializers.CharField()
    other_currencies = serializers.ListField(child=serializers.CharField(), source="others")
    total = FiguresSerializer()
    rows = serializers.SerializerMethodField()

    @extend_schema_field(RevenueRowSerializer(many=True))
    def get_rows(self, found: Revenue) -> Any:
        """The rows of the dimension asked for."""
        return RevenueRowSerializer(found.rows[Dimension(self.context["by"])], many=True).data


class RevenueView(APIView):
    """What was earned and what it cost."""

    @extend_schema(
        summary="Revenue of a period",
        description="Of the operators for which you deal with money (roles operator and finance). "
        "A session counts on the day it ended, on the clock of the installation.",
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATE, description="First day, as 2026-03-01."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, as 2026-03-31."),
            OpenApiParameter("by", str, enum=[str(each) for each in Dimension], description="The dimension."),
            OpenApiParameter(
                "currency",
                {"type": "string", "pattern": "^[A-Z]{3}$"},
                description="The one with most sessions where it is not said.",
            ),
        ],
        responses=RevenueSerializer,
    )
    def get(self, request: Request) -> Response:
        """The figures."""
        if not may_see(request.user):
            raise PermissionDenied
        asked = RevenueQuery(
            data=request.query_params.dict()
        )  # a plain dict: a form's blank would be nothing
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        found = revenue(operators_of(request.user), values["period"], currency=values["currency"])
        return Response(RevenueSerializer(found, context={"by": values["by"]}).data)
