"""Payments and what was paid back: `/api/v1/payments/`."""

from __future__ import annotations

from decimal import Decimal
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

from accounts.backends import organisations_allowing
from accounts.models import User
from billing.models import Payment, Refund
from billing.payments import refunds
from chargeportal.common.api.fields import UUID_IN_PATH, RowSerializer
from chargeportal.common.api.filters import InstantFilter


class RefundSerializer(RowSerializer):
    """Money given back of a payment."""

    class Meta:
        model = Refund
        fields = ("amount", "reason", "state", "created_at")


class PaymentSerializer(RowSerializer):
    """Money asked of a card: never more of the card than its brand and last four digits."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    customer = serializers.CharField(
        source="account.number",
        allow_null=True,
        default=None,
        help_text="Customer number; null: a guest.",
    )
    document = serializers.CharField(
        source="invoice.full_number", allow_null=True, default=None, help_text="The document it pays."
    )
    card = serializers.CharField(
        allow_null=True,
        default=None,
        help_text="Brand and last four digits; null: chosen on the page.",
    )
    refunds = RefundSerializer(many=True)

    class Meta:
        model = Payment
        fields = (
            "id", "customer", "purpose", "document", "card", "currency", "requested", "authorised",
            "captured", "refunded", "state", "failure_code", "refunds", "created_at", "settled_at",
        )  # fmt: skip


class NewRefundSerializer(serializers.Serializer):
    """How much goes back, and why."""

    amount = serializers.DecimalField(
        max_digits=12, decimal_places=2, min_value=Decimal("0.01"), help_text="At most what is left of it."
    )
    reason = serializers.CharField(max_length=160, help_text="Why; it stands in the audit trail.")
    key = serializers.CharField(
        max_length=40, help_text="Yours: the same key is one refund, however often it is sent."
    )


class PaymentFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    created_from = InstantFilter(field_name="created_at", lookup_expr="gte", help_text="Begun then or later.")
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt", help_text="Begun before then.")
    state = django_filters.ChoiceFilter(choices=Payment.State.choices, help_text="In this state.")
    purpose = django_filters.ChoiceFilter(choices=Payment.Purpose.choices, help_text="For this purpose.")

    class Meta:
        model = Payment
        fields = ()


@extend_schema_view(
    list=extend_schema(
        summary="List payments",
        description="Those of your own accounts, and of the operators whose money you deal with.",
    ),
    retrieve=extend_schema(summary="One payment"),
)
class PaymentViewSet(viewsets.ReadOnlyModelViewSet):
    """What was asked of cards, and what came of it."""

    queryset = Payment.objects.none()
    serializer_class = PaymentSerializer
    filterset_class = PaymentFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("-created_at", "-id")
    ordering_fields = ("created_at", "settled_at")

    def get_queryset(self) -> Any:
        """Those the person may see, with what went back."""
        rows = Payment.objects.visible_to(self.request.user)
        return rows.select_related("account", "invoice__series", "card").prefetch_related("refunds")

    @extend_schema(
        summary="Pay back",
        description=(
            "Pays back part of a payment as goodwill: no credit note is issued. To take back what a document"
            " says, credit the document; what was paid of it goes back by itself."
        ),
        request=NewRefundSerializer,
        responses={201: PaymentSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None, filter_backends=[])
    def refund(self, request: Request, **_kwargs: Any) -> Response:
        """The amount is on its way back; a repeated key changes nothing."""
        payment = self.get_object()
        person = cast(User, request.user)
        mine = organisations_allowing(person, "billing.add_refund")
        if not person.is_superuser and payment.operator_id not in mine:
            raise PermissionDenied
        wish = NewRefundSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        try:
            refunds.refund(payment, by=person, now=timezone.now(), **wish.validated_data)
        except refunds.CannotRefund:
            text = _("There is not so much left to pay back.")
            raise serializers.ValidationError({"amount": text}) from None
        return Response(self.get_serializer(self.get_object()).data, status=201)
