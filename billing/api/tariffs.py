"""Tariffs and price groups: `/api/v1/tariffs/`, `/api/v1/price-groups/`."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import django_filters
from django.db.models import Prefetch
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.backends import organisations_allowing
from accounts.models import User
from billing.models import PriceGroup, Tariff, TariffAssignment, TariffSimulation
from billing.tariffs import publishing, simulation
from billing.tariffs.checking import check
from billing.tasks import run_tariff_simulation
from chargeportal.common.api.fields import UUID_IN_PATH, Instant, RowSerializer
from chargeportal.common.api.filters import TextFilter
from stations.models import Location


class AssignmentSerializer(RowSerializer):
    """Where, for whom and when a tariff holds; neither location nor EVSE: everywhere else."""

    location = serializers.UUIDField(source="location.public_id", allow_null=True, default=None)
    evse = serializers.UUIDField(source="evse.public_id", allow_null=True, default=None)
    price_group = serializers.CharField(
        source="price_group.name", allow_null=True, default=None, help_text="Null: everybody."
    )

    class Meta:
        model = TariffAssignment
        fields = ("location", "evse", "price_group", "valid_from", "valid_until")


class TariffSerializer(RowSerializer):
    """One version of a tariff."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    operator = serializers.CharField(source="operator.name", help_text="Whose tariff.")
    state = serializers.SerializerMethodField(help_text="draft, scheduled, in_force or past.")
    replaces = serializers.UUIDField(
        source="replaces.public_id", allow_null=True, default=None, help_text="The version before."
    )
    assignments = AssignmentSerializer(many=True)
    ocpi = serializers.SerializerMethodField(help_text="The tariff as an OCPI 2.3.0 Tariff object.")

    class Meta:
        model = Tariff
        fields = (
            "id", "operator", "name", "version", "state", "type", "currency", "published_at", "replaces",
            "assignments", "ocpi",
        )  # fmt: skip

    def get_state(self, tariff: Tariff) -> str:
        """Where the version is in its life."""
        return str(publishing.state_of(tariff, now=timezone.now()))

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_ocpi(self, tariff: Tariff) -> dict[str, Any]:
        """Keys that begin with `x_` are ours."""
        return tariff.as_ocpi() | {"type": tariff.type}


class PriceGroupSerializer(RowSerializer):
    """Customers with a price of their own."""

    operator = serializers.CharField(source="operator.name", help_text="Whose group.")

    class Meta:
        model = PriceGroup
        fields = ("id", "operator", "name", "kind", "rank")


class FindingSerializer(serializers.Serializer):
    """One thing that is wrong or odd about a tariff."""

    level = serializers.ChoiceField(choices=["error", "warning"], help_text="An error refuses the tariff.")
    code = serializers.CharField()
    element = serializers.IntegerField(allow_null=True, help_text="Counted from 0; null: the whole tariff.")
    component = serializers.IntegerField(allow_null=True)
    where = serializers.CharField(help_text="The line in words.")
    message = serializers.CharField()


class LintSerializer(serializers.Serializer):
    """What the linter says of a tariff at the places where it holds or would hold."""

    findings = FindingSerializer(many=True)


class SimulationRequestSerializer(serializers.Serializer):
    """Which past sessions are priced again."""

    from_date = serializers.DateField()
    until_date = serializers.DateField(help_text="The day after the last.")
    location = serializers.UUIDField(required=False, allow_null=True, default=None)
    price_group = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**63 - 1
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The period is not empty."""
        if attrs["until_date"] <= attrs["from_date"]:
            raise serializers.ValidationError({"until_date": "Must be after from_date."})
        return attrs


class SimulationSerializer(RowSerializer):
    """Past sessions priced by the tariff; ``result`` is null until it is finished."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    requested_at = Instant()
    result = serializers.SerializerMethodField(help_text="Totals with and without VAT, and the histogram.")

    class Meta:
        model = TariffSimulation
        fields = (
            "id", "from_date", "until_date", "requested_at", "sessions_total", "sessions_done", "finished_at",
            "failure", "result",
        )  # fmt: skip

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": True})
    def get_result(self, row: TariffSimulation) -> dict[str, Any] | None:
        """Without the rows of single sessions and drivers."""
        private = {"rows", "drivers", "largest"}
        return None if row.result is None else {k: v for k, v in row.result.items() if k not in private}


class TariffFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    name = TextFilter(field_name="name", lookup_expr="iexact", max_length=80, help_text="Of this name.")

    class Meta:
        model = Tariff
        fields = ("type",)


def _allowed(user: Any, rows: Any, verb: str, model: str) -> Any:
    if getattr(user, "is_superuser", False):
        return rows
    return rows.filter(operator__in=organisations_allowing(user, f"billing.{verb}_{model}"))


@extend_schema_view(
    list=extend_schema(
        summary="List tariffs",
        description="Every version of the tariffs of operators whose prices you may see.",
    ),
    retrieve=extend_schema(summary="One version of a tariff"),
)
class TariffViewSet(viewsets.ReadOnlyModelViewSet):
    """Price lists, their versions, and where they hold."""

    queryset = Tariff.objects.none()
    serializer_class = TariffSerializer
    filterset_class = TariffFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("-created_at", "-id")
    ordering_fields = ("created_at", "published_at")

    def get_queryset(self) -> Any:
        """Those the person may see, with their prices and places."""
        places = TariffAssignment.objects.select_related("location", "evse", "price_group").order_by("pk")
        rows = Tariff.objects.visible_to(self.request.user)
        return (
            _allowed(self.request.user, rows, "view", "tariff")
            .select_related("operator", "replaces", "dynamic_price")
            .prefetch_related(
                "elements__price_components", "incentives", Prefetch("assignments", queryset=places)
            )
        )

    @extend_schema(
        summary="Check a tariff",
        description="What is wrong or odd about it, at the places where it holds; a draft is checked at "
        "those of the version it replaces. Takes the role operator or finance.",
        request=None,
        responses={200: LintSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None, filter_backends=[])
    def lint(self, request: Request, id: Any) -> Response:  # noqa: A002  (the address's word)
        """The findings."""
        tariff = self._for_keepers()
        now = timezone.now()
        source = tariff.replaces if tariff.published_at is None and tariff.replaces else tariff
        findings = check(tariff, holdings=publishing.holdings_of(source, at=now), at=now)
        return Response({"findings": [finding.as_json() for finding in findings]})

    @extend_schema(
        summary="Simulate a tariff",
        description="Prices past sessions again by the tariff; nothing that was charged changes. Small ones "
        "are answered at once, others are worked out in the background. Takes the role operator or finance.",
        request=SimulationRequestSerializer,
        responses={200: SimulationSerializer, 202: SimulationSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None, filter_backends=[])
    def simulate(self, request: Request, id: Any) -> Response:  # noqa: A002  (the address's word)
        """The simulation, finished or under way."""
        tariff = self._for_keepers()
        asked = SimulationRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        now = timezone.now()
        made = simulation.ask(tariff, by=cast(User, request.user), now=now, **_narrowed(tariff, asked))
        if made.sessions_total > simulation.AT_ONCE:
            run_tariff_simulation.delay_on_commit(simulation_id=made.pk)
            return Response(SimulationSerializer(made).data, status=202)
        simulation.run(made.pk, now=now)
        made.refresh_from_db()
        return Response(SimulationSerializer(made).data)

    @extend_schema(
        summary="One simulation of a tariff",
        description="How far it has come, and its result. Takes the role operator or finance.",
        request=None,
        responses={200: SimulationSerializer},
    )
    @action(
        detail=True,
        methods=["get"],
        url_path=f"simulations/(?P<simulation>{UUID_IN_PATH})",
        filterset_class=None,
        filter_backends=[],
        pagination_class=None,
    )
    def simulations(self, request: Request, id: Any, simulation: str) -> Response:  # noqa: A002
        """The simulation."""
        rows = TariffSimulation.objects.filter(tariff=self._for_keepers())
        return Response(SimulationSerializer(get_object_or_404(rows, public_id=simulation)).data)

    def _for_keepers(self) -> Tariff:
        tariff = cast(Tariff, self.get_object())
        if not _allowed(self.request.user, Tariff.objects.filter(pk=tariff.pk), "change", "tariff").exists():
            raise PermissionDenied
        return tariff


@extend_schema_view(
    list=extend_schema(
        summary="List price groups", description="Those of the operators whose prices you may see."
    ),
    retrieve=extend_schema(summary="One price group", description="Of an operator whose prices you may see."),
)
class PriceGroupViewSet(viewsets.ReadOnlyModelViewSet):
    """Who has a price of their own."""

    queryset = PriceGroup.objects.none()
    serializer_class = PriceGroupSerializer
    lookup_field = "pk"
    lookup_url_kwarg = "id"
    lookup_value_regex = r"\d{1,18}"
    ordering = ("rank", "id")
    ordering_fields = ("rank",)

    def get_queryset(self) -> Any:
        """Those the person may see."""
        rows = PriceGroup.objects.visible_to(self.request.user)
        return _allowed(self.request.user, rows, "view", "pricegroup").select_related("operator")


def _narrowed(tariff: Tariff, asked: SimulationRequestSerializer) -> dict[str, Any]:
    """The period, and the location and the group of the tariff's operator."""
    given = asked.validated_data
    location = Location.objects.filter(operator=tariff.operator_id, public_id=given["location"]).first()
    group = PriceGroup.objects.filter(operator=tariff.operator_id, pk=given["price_group"]).first()
    for name, found in (("location", location), ("price_group", group)):
        if given[name] is not None and found is None:
            raise serializers.ValidationError({name: "There is none of this id."})
    dates: dict[str, dt.date] = {name: given[name] for name in ("from_date", "until_date")}
    return {**dates, "location": location, "price_group": group}
