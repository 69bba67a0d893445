"""The books: `/api/v1/ledger/`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access
from accounts.models import Organisation
from billing.ledger import reports
from billing.models import JournalEntry, JournalLine, LedgerAccount
from chargeportal.common.api.fields import RowSerializer
from chargeportal.common.api.filters import TextFilter


class LedgerAccountSerializer(RowSerializer):
    """One account of an operator's chart."""

    operator = serializers.CharField(source="operator.name", help_text="Whose books.")

    class Meta:
        model = LedgerAccount
        fields = ("operator", "number", "name", "kind", "roles")


class JournalLineSerializer(RowSerializer):
    """An amount on an account: debit positive, credit negative."""

    account = serializers.CharField(source="account.number", help_text="The account's number.")
    location = serializers.CharField(source="location.name", allow_null=True, default=None)

    class Meta:
        model = JournalLine
        fields = ("account", "amount", "currency", "location", "text")


class JournalEntrySerializer(RowSerializer):
    """One balanced voucher; never changed afterwards."""

    operator = serializers.CharField(source="operator.name", help_text="Whose books.")
    lines = JournalLineSerializer(many=True)

    class Meta:
        model = JournalEntry
        fields = ("operator", "key", "kind", "entry_date", "text", "reference", "posted_at", "lines")


class JournalEntryFilter(django_filters.FilterSet):
    """What the journal can be narrowed to."""

    date_from = django_filters.DateFilter(
        field_name="entry_date", lookup_expr="gte", help_text="Dated that day or later."
    )
    date_before = django_filters.DateFilter(
        field_name="entry_date", lookup_expr="lt", help_text="Dated before that day."
    )

    kind = TextFilter(max_length=30, help_text="The kind of money event, such as cdr or invoice.")

    class Meta:
        model = JournalEntry
        fields = ("kind",)


class BalanceRowSerializer(serializers.Serializer):
    """One account in one currency over the period."""

    number = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=LedgerAccount.Kind.choices)
    currency = serializers.CharField()
    opening = serializers.DecimalField(max_digits=16, decimal_places=2)
    debit = serializers.DecimalField(max_digits=16, decimal_places=2)
    credit = serializers.DecimalField(max_digits=16, decimal_places=2)
    closing = serializers.DecimalField(max_digits=16, decimal_places=2)


class TrialBalanceSerializer(serializers.Serializer):
    """Every account that was ever used; opening and closing add up to nought in each currency."""

    operator = serializers.CharField()
    date_from = serializers.DateField()
    date_before = serializers.DateField()
    is_balanced = serializers.BooleanField()
    rows = BalanceRowSerializer(many=True)


@extend_schema_view(
    list=extend_schema(
        summary="List ledger accounts", description="Those of the operators whose money you do."
    )
)
class LedgerAccountViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """The chart of accounts and the part each account plays."""

    queryset = LedgerAccount.objects.none()
    serializer_class = LedgerAccountSerializer
    ordering = ("operator", "number")
    ordering_fields = ("number",)

    def get_queryset(self) -> Any:
        """Those the person may see."""
        return LedgerAccount.objects.visible_to(self.request.user).select_related("operator")


@extend_schema_view(
    list=extend_schema(
        summary="List journal entries", description="Those of the operators whose money you do."
    )
)
class JournalEntryViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """The journal: every money event as a balanced voucher."""

    queryset = JournalEntry.objects.none()
    serializer_class = JournalEntrySerializer
    filterset_class = JournalEntryFilter
    ordering = ("-entry_date", "-id")
    ordering_fields = ("entry_date", "posted_at")

    def get_queryset(self) -> Any:
        """Those the person may see, with their lines."""
        lines = JournalLine.objects.select_related("account", "location").order_by("id")
        return (
            JournalEntry.objects.visible_to(self.request.user)
            .select_related("operator")
            .prefetch_related(Prefetch("lines", queryset=lines))
        )


class TrialBalanceView(APIView):
    """The balance of each account over a period of days."""

    @extend_schema(
        summary="The trial balance",
        parameters=[
            OpenApiParameter("date_from", dt.date, required=True, description="The first day."),
            OpenApiParameter("date_before", dt.date, required=True, description="The day after the last."),
            OpenApiParameter("operator", str, description="Its name; needed when you do money for several."),
        ],
        responses=TrialBalanceSerializer,
    )
    def get(self, request: Request) -> Response:
        """Opening balance, debit, credit and closing balance of each account."""
        start, end = _date(request, "date_from"), _date(request, "date_before")
        if end <= start:
            raise ValidationError({"date_before": ["It must come after date_from."]})
        operator = _operator(request)
        found = reports.trial_balance(operator.pk, start=start, end=end)
        answer = {
            "operator": operator.name,
            "date_from": start,
            "date_before": end,
            "is_balanced": found.is_balanced,
            "rows": found.rows,
        }
        return Response(TrialBalanceSerializer(answer).data)


def _date(request: Request, name: str) -> dt.date:
    field = serializers.DateField()
    try:
        return field.to_internal_value(request.query_params.get(name, ""))
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from None


def _operator(request: Request) -> Organisation:
    operators = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR)
    if not getattr(request.user, "is_superuser", False):
        operators = operators.filter(pk__in=access.organisations_with(request.user, access.MONEY_ROLES))
    if name := request.query_params.get("operator"):
        operators = operators.filter(name=name)
    found = list(operators[:2])
    if not found:
        raise NotFound
    if len(found) > 1:
        raise ValidationError({"operator": ["Name the operator: there are several."]})
    return found[0]
