"""Held sessions and the decision about them: `/api/v1/holds/`."""

from __future__ import annotations

from typing import Any, cast

import django_filters
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from chargeportal.common.api import problems
from chargeportal.common.api.fields import RowSerializer
from chargeportal.common.api.problems import Problem
from sessions import holds
from sessions.hold_words import HOLD_WORDS, hold_words
from sessions.models import SessionReview


class HoldSerializer(RowSerializer):
    """A session that waits, or waited, for a person before it is billed."""

    id = serializers.IntegerField(help_text="Its lasting id.")
    session = serializers.UUIDField(source="session.public_id", help_text="The session that is held.")
    station = serializers.CharField(source="session.station.identity", help_text="The station's identity.")
    reason = serializers.CharField(help_text="Why, as a code.")
    reason_text = serializers.SerializerMethodField(help_text="Why, in plain words.")
    evidence = serializers.DictField(
        help_text="Registers, odd steps, times and the amount at stake, as of when it was held."
    )
    decision = serializers.CharField(allow_null=True, help_text="approve, adjust or waive; null: it waits.")
    decided_by = serializers.CharField(
        source="decided_by.email", allow_null=True, default=None, help_text="Null: it was released by itself."
    )

    class Meta:
        model = SessionReview
        fields = (
            "id", "session", "station", "reason", "reason_text", "evidence", "opened_at", "decision",
            "adjustment", "note", "decided_by", "decided_at",
        )  # fmt: skip

    def get_reason_text(self, review: SessionReview) -> str:
        """The reason in plain words."""
        return str(hold_words(review.reason).short)

    def to_representation(self, instance: Any) -> Any:
        """A review that waits has no decision."""
        shown = super().to_representation(instance)
        return shown | {"decision": shown["decision"] or None}


class DecisionSerializer(serializers.Serializer):
    """What to do with a held session."""

    decision = serializers.ChoiceField(
        choices=("approve", "adjust", "waive"),
        help_text="Bill as measured, bill with corrected values, or do not bill.",
    )
    energy_wh = serializers.DecimalField(
        max_digits=14,
        decimal_places=3,
        min_value=0,
        required=False,
        help_text="The corrected energy (adjust).",
    )
    ended_at = serializers.DateTimeField(required=False, help_text="The corrected end (adjust).")
    note = serializers.CharField(
        max_length=holds.LONGEST_NOTE, required=False, allow_blank=True, default="", help_text="Why."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Values belong to an adjustment, and an adjustment has some."""
        has_values = "energy_wh" in attrs or "ended_at" in attrs
        if has_values != (attrs["decision"] == "adjust"):
            raise serializers.ValidationError(
                {"decision": _("energy_wh and ended_at belong to adjust, which needs one of them.")}
            )
        return attrs


class HoldFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    open = django_filters.BooleanFilter(
        field_name="decided_at", lookup_expr="isnull", help_text="Those that wait, or those decided."
    )
    reason = django_filters.ChoiceFilter(
        choices=[(reason, words.short) for reason, words in HOLD_WORDS.items()],
        help_text="Held for this reason.",
    )
    session = django_filters.UUIDFilter(field_name="session__public_id", help_text="Of this session.")

    class Meta:
        model = SessionReview
        fields = ()


@extend_schema_view(
    list=extend_schema(
        summary="List held sessions",
        description="Those at the stations of the operators whose held sessions you may see.",
    ),
    retrieve=extend_schema(summary="One held session"),
)
class HoldViewSet(viewsets.ReadOnlyModelViewSet):
    """Sessions that wait for a person before they are billed."""

    queryset = SessionReview.objects.none()
    serializer_class = HoldSerializer
    filterset_class = HoldFilter
    lookup_field = "pk"
    lookup_url_kwarg = "id"
    lookup_value_regex = r"\d{1,18}"
    ordering = ("-opened_at", "-id")
    ordering_fields = ("opened_at", "decided_at")

    def get_queryset(self) -> Any:
        """Those the person may see."""
        return holds.reviews_for(self.request.user)

    @extend_schema(
        summary="Decide about a held session",
        description="Once; takes the role operator or finance at the session's operator. It is then billed, "
        "or with waive never.",
        request=DecisionSerializer,
        responses={200: HoldSerializer, (409, problems.CONTENT_TYPE): problems.ProblemSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None, filter_backends=[])
    def decide(self, request: Request, id: Any) -> Response:  # noqa: A002  (the address's word)
        """The decision is made."""
        review = self.get_object()
        if not holds.reviews_for(request.user, permission=holds.DECIDE).filter(pk=review.pk).exists():
            raise PermissionDenied
        asked = DecisionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        act = {"approve": holds.approve, "adjust": holds.adjust, "waive": holds.waive}[values.pop("decision")]
        try:
            act(review, by=cast(User, request.user), now=timezone.now(), **values)
        except holds.AlreadyDecided:
            raise Problem(problems.CONFLICT, _("It has been decided already.")) from None
        except holds.InvalidAdjustment as refusal:
            raise serializers.ValidationError({"decision": str(refusal)}) from None
        return Response(HoldSerializer(self.get_queryset().get(pk=review.pk)).data)
