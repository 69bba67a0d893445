"""Customers' accounts and invoice runs: `/api/v1/billing-accounts/`, `/api/v1/invoice-runs/`."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import django_filters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.models import Organisation, User
from billing.invoicing import runs
from billing.invoicing.drafts import CannotIssue
from billing.invoicing.progress import progress as how_far
from billing.invoicing.progress import progress_of
from billing.models import BillingAccount, CostCentre, InvoiceRun
from billing.tasks import run_invoices
from chargeportal.common.api.fields import UUID_IN_PATH, RowSerializer
from chargeportal.common.api.filters import TextFilter


class CostCentreSerializer(RowSerializer):
    """A part of an organisation that has its own lines on the invoice."""

    class Meta:
        model = CostCentre
        fields = ("code", "name")


class BillingAccountSerializer(RowSerializer):
    """Who pays one operator, and how."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    operator = serializers.CharField(source="operator.name", help_text="Whose customer.")
    cost_centres = CostCentreSerializer(many=True)

    class Meta:
        model = BillingAccount
        fields = (
            "id", "operator", "number", "name", "email", "language", "street", "postal_code", "city",
            "country", "registration_number", "vat_number", "reference", "currency", "collection",
            "payment_terms_days", "cost_centres", "blocked_at", "created_at",
        )  # fmt: skip


class BillingAccountFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    number = TextFilter(field_name="number", max_length=20, help_text="With this customer number.")
    collection = django_filters.ChoiceFilter(
        choices=BillingAccount.Collection.choices, help_text="Who pays in this way."
    )

    class Meta:
        model = BillingAccount
        fields = ()


@extend_schema_view(
    list=extend_schema(summary="List customers' accounts", description="Your own, and those you deal with."),
    retrieve=extend_schema(summary="One customer's account"),
)
class BillingAccountViewSet(viewsets.ReadOnlyModelViewSet):
    """The accounts of operators' customers."""

    queryset = BillingAccount.objects.none()
    serializer_class = BillingAccountSerializer
    filterset_class = BillingAccountFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("number", "id")
    ordering_fields = ("number", "created_at")

    def get_queryset(self) -> Any:
        """Those the person may see."""
        rows = BillingAccount.objects.visible_to(self.request.user)
        return rows.select_related("operator").prefetch_related("cost_centres")


class AmountSerializer(serializers.Serializer):
    """An amount in a currency."""

    currency = serializers.CharField()
    amount = serializers.DecimalField(max_digits=16, decimal_places=2)


class InvoiceRunSerializer(RowSerializer):
    """A month's invoices of an operator's customers, and how far they are."""

    operator = serializers.UUIDField(source="operator.public_id", help_text="Whose customers.")
    accounts = serializers.IntegerField(source="progress.total", help_text="Customers in the run.")
    issued = serializers.IntegerField(source="progress.issued", help_text="Invoices issued.")
    rendered = serializers.IntegerField(
        source="progress.rendered", help_text="Of them with their files made."
    )
    empty = serializers.IntegerField(source="progress.empty", help_text="Customers with nothing to pay.")
    failed = serializers.IntegerField(
        source="progress.failed", help_text="Customers that could not be billed."
    )
    amounts = serializers.SerializerMethodField(help_text="What has been issued.")

    class Meta:
        model = InvoiceRun
        fields = (
            "id", "operator", "period_start", "period_end", "invoice_date", "state", "accounts", "issued",
            "rendered", "empty", "failed", "amounts", "started_at", "finished_at",
        )  # fmt: skip

    @extend_schema_field(AmountSerializer(many=True))
    def get_amounts(self, run: Any) -> list[AmountSerializer]:
        """One amount for each currency."""
        rows = [{"currency": currency, "amount": amount} for currency, amount in run.progress.amount]
        return cast("list[AmountSerializer]", AmountSerializer(rows, many=True).data)

    def to_representation(self, instance: Any) -> Any:
        """The run with its progress, counted now."""
        if not hasattr(instance, "progress"):
            instance.progress = how_far(instance)
        return super().to_representation(instance)


class NewRunSerializer(serializers.Serializer):
    """Which month to bill."""

    operator = serializers.UUIDField(help_text="The operator's id.")
    month = serializers.RegexField(r"^\d{4}-(0[1-9]|1[0-2])$", help_text="The month, `2026-03`.")
    invoice_date = serializers.DateField(help_text="The date on the invoices, after the month.")


@extend_schema_view(
    list=extend_schema(
        summary="List invoice runs", description="Those of the operators whose money you deal with."
    ),
    retrieve=extend_schema(summary="One invoice run"),
)
class InvoiceRunViewSet(mixins.CreateModelMixin, viewsets.ReadOnlyModelViewSet):
    """Monthly runs."""

    queryset = InvoiceRun.objects.none()
    serializer_class = InvoiceRunSerializer
    lookup_field = "pk"
    lookup_url_kwarg = "id"
    lookup_value_regex = r"\d{1,18}"
    ordering = ("-period_start", "-id")
    ordering_fields = ("period_start", "started_at")

    def get_queryset(self) -> Any:
        """Those the person may see."""
        return InvoiceRun.objects.visible_to(self.request.user).select_related("operator")

    def paginate_queryset(self, queryset: Any) -> Any:
        """The page, with the progress of all its runs counted together."""
        page = super().paginate_queryset(queryset)
        counted = progress_of([run.pk for run in page or ()])
        for run in page or ():
            run.progress = counted[run.pk]
        return page

    @extend_schema(
        summary="Start an invoice run",
        description="Takes the role finance. The same month again is the same run: what failed is tried "
        "again, nobody is billed twice.",
        request=NewRunSerializer,
        responses={201: InvoiceRunSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The run is going on."""
        wish = NewRunSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        person, given = cast(User, request.user), wish.validated_data
        operator = Organisation.objects.filter(public_id=given["operator"], kind="operator").first()
        mine = access.organisations_with(person, [access.Role.FINANCE])
        if operator is None or not (person.is_superuser or operator.pk in mine):
            raise PermissionDenied
        run = self._started(operator, given, person)
        return Response(self.get_serializer(run).data, status=201)

    @staticmethod
    def _started(operator: Organisation, given: dict[str, Any], person: User) -> InvoiceRun:
        first = dt.date.fromisoformat(f"{given['month']}-01")
        end = (first + dt.timedelta(days=32)).replace(day=1)
        if given["invoice_date"] < end:
            raise serializers.ValidationError({"invoice_date": _("The month must have ended by then.")})
        try:
            with transaction.atomic():
                run = runs.start_run(
                    operator, period_start=first, period_end=end, invoice_date=given["invoice_date"],
                    by=person, now=timezone.now(),
                )  # fmt: skip
                run_invoices.delay_on_commit(run_id=run.pk)
        except CannotIssue as refused:
            raise serializers.ValidationError({"operator": str(refused)}) from None
        return run
