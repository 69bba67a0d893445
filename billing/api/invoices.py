"""Issued documents: `/api/v1/invoices/`."""

from __future__ import annotations

from typing import Any, cast

import django_filters
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.models import User
from billing.invoicing import documents
from billing.invoicing.credits import credit_invoice
from billing.invoicing.drafts import CannotIssue
from billing.invoicing.settling import with_open_amount
from billing.invoicing.ubl import NotAnInvoice
from billing.models import Invoice, InvoiceDocument, InvoiceLine, InvoiceVat
from chargeportal.common.api.fields import UUID_IN_PATH, RowSerializer
from chargeportal.common.api.filters import TextFilter


class InvoiceLineSerializer(RowSerializer):
    """One line, rounded; `net` is quantity x unit price without VAT."""

    cdr = serializers.UUIDField(
        source="cdr.public_id", allow_null=True, default=None, help_text="The CDR it bills."
    )
    vat_rate = serializers.DecimalField(
        max_digits=6, decimal_places=4, allow_null=True, help_text="As a fraction; null: no VAT applies."
    )

    class Meta:
        model = InvoiceLine
        fields = (
            "position", "cdr", "cost_centre", "dimension", "description", "started_at", "ended_at",
            "quantity", "unit", "unit_price_net", "vat_rate", "net", "vat", "gross",
        )  # fmt: skip


class InvoiceVatSerializer(RowSerializer):
    """The VAT of one rate."""

    class Meta:
        model = InvoiceVat
        fields = ("category", "rate", "net", "vat")


class InvoiceSerializer(RowSerializer):
    """A document as it was issued; it never changes. `payable` = `total_net` + `total_vat` + `rounding`."""

    id = serializers.UUIDField(source="public_id", help_text="Its lasting id.")
    number = serializers.CharField(source="full_number", help_text="As it stands on the document, `F-1001`.")
    customer = serializers.CharField(
        source="account.number", allow_null=True, default=None, help_text="Customer number; null: a guest."
    )
    credits = serializers.CharField(
        source="credits.full_number", allow_null=True, default=None, help_text="The document it credits."
    )
    open_amount = serializers.DecimalField(
        max_digits=14, decimal_places=2, help_text="What is still to pay; negative what is to be paid back."
    )
    lines = InvoiceLineSerializer(many=True)
    vat_totals = InvoiceVatSerializer(many=True)

    class Meta:
        model = Invoice
        fields = (
            "id", "number", "kind", "customer", "invoice_date", "due_date", "period_start", "period_end",
            "currency", "language", "ocr", "total_net", "total_vat", "rounding", "payable", "open_amount",
            "is_reverse_charge", "credits", "reason", "lines", "vat_totals", "issued_at",
        )  # fmt: skip


class CreditSerializer(serializers.Serializer):
    """What to credit, and why."""

    reason = serializers.CharField(max_length=160, help_text="Stands on the credit note.")
    cdrs = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        help_text="Only these CDRs; left out: all that is left.",
    )


class InvoiceFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    kind = django_filters.ChoiceFilter(choices=Invoice.Kind.choices, help_text="Of this kind.")
    date_from = django_filters.DateFilter(
        field_name="invoice_date", lookup_expr="gte", help_text="Dated that day or later."
    )
    date_before = django_filters.DateFilter(
        field_name="invoice_date", lookup_expr="lt", help_text="Dated before that day."
    )
    customer = TextFilter(field_name="account__number", max_length=20, help_text="Of this customer number.")
    ocr = TextFilter(field_name="ocr", max_length=25, help_text="With this payment reference.")
    open = django_filters.BooleanFilter(method="by_open", help_text="With something to pay, or without.")

    class Meta:
        model = Invoice
        fields = ()

    def by_open(self, rows: Any, _name: str, value: bool) -> Any:  # noqa: FBT001  (django-filter's hook)
        """Those with something to pay."""
        return rows.filter(open_amount__gt=0) if value else rows.exclude(open_amount__gt=0)


@extend_schema_view(
    list=extend_schema(
        summary="List documents",
        description="Those of your own accounts and of fleets and hosts you manage, and of the operators "
        "whose money you deal with.",
    ),
    retrieve=extend_schema(summary="One document"),
)
class InvoiceViewSet(viewsets.ReadOnlyModelViewSet):
    """Invoices, receipts, credit notes, self-billed settlements and statements."""

    queryset = Invoice.objects.none()
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("-invoice_date", "-id")
    ordering_fields = ("invoice_date", "due_date", "payable")

    def get_queryset(self) -> Any:
        """Those the person may see, with their lines."""
        rows = with_open_amount(Invoice.objects.visible_to(self.request.user))
        return rows.select_related("series", "account", "credits__series").prefetch_related(
            "lines__cdr", "vat_totals"
        )

    @extend_schema(
        summary="Credit a document",
        description="Issues a credit note for all that is left of the document, or for some of its CDRs.",
        request=CreditSerializer,
        responses={201: InvoiceSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None, filter_backends=[])
    def credit(self, request: Request, **_kwargs: Any) -> Response:
        """The credit note is issued."""
        invoice, person = self.get_object(), cast(User, request.user)
        mine = access.organisations_with(person, [access.Role.FINANCE])
        if not person.is_superuser and invoice.operator_id not in mine:
            raise PermissionDenied
        wish = CreditSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        try:
            note = credit_invoice(
                invoice, reason=wish.validated_data["reason"], now=timezone.now(), by=person,
                cdr_ids=self._cdr_ids(invoice, wish.validated_data.get("cdrs")),
            )  # fmt: skip
        except CannotIssue as refused:
            raise serializers.ValidationError({"cdrs": str(refused)}) from None
        return Response(self.get_serializer(self.get_queryset().get(pk=note.pk)).data, status=201)

    @extend_schema(summary="The document as PDF", responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], filterset_class=None, filter_backends=[])
    def pdf(self, request: Request, **_kwargs: Any) -> HttpResponse:
        """The bytes are the same each time."""
        return self._file(InvoiceDocument.Kind.PDF, "application/pdf")

    @extend_schema(
        summary="The document as UBL for Peppol", responses={(200, "application/xml"): OpenApiTypes.BINARY}
    )
    @action(detail=True, methods=["get"], filterset_class=None, filter_backends=[])
    def ubl(self, request: Request, **_kwargs: Any) -> HttpResponse:
        """The bytes are the same each time; a statement of charging at home has none."""
        try:
            return self._file(InvoiceDocument.Kind.UBL, "application/xml")
        except NotAnInvoice:
            raise NotFound from None

    def _file(self, kind: str, content_type: str) -> HttpResponse:
        invoice = self.get_object()
        stored = invoice.documents.filter(kind=kind).first()
        make = documents.pdf if kind == InvoiceDocument.Kind.PDF else documents.ubl
        content = documents.content_of(stored) if stored else make(invoice)
        response = HttpResponse(content, content_type=content_type)
        response["Content-Disposition"] = f'attachment; filename="{documents.file_name(invoice, kind)}"'
        return response

    @staticmethod
    def _cdr_ids(invoice: Invoice, wanted: list[Any] | None) -> list[int] | None:
        if wanted is None:
            return None
        return list(invoice.lines.filter(cdr__public_id__in=wanted).values_list("cdr", flat=True))
