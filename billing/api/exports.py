"""Exports: `/api/v1/exports/`."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import person
from accounts.backends import organisations_allowing
from accounts.models import Organisation
from billing.api.export_serializers import ExportSerializer, NewExportSerializer
from billing.exports import asking, downloads
from billing.exports.refusals import ExportRefused
from billing.models import Export, ExportKind
from chargeportal.common.api import problems
from chargeportal.common.api.fields import UUID_IN_PATH
from chargeportal.common.api.problems import Problem

_EXAMPLE = OpenApiExample(
    "October's vouchers",
    value={"kind": "sie", "period_start": "2026-10-01", "period_end": "2026-11-01"},
    request_only=True,
)


class ExportFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    kind = django_filters.ChoiceFilter(choices=ExportKind.choices, help_text="Only this kind.")
    state = django_filters.ChoiceFilter(choices=Export.State.choices, help_text="Only in this state.")

    class Meta:
        model = Export
        fields = ()


@extend_schema_view(
    list=extend_schema(
        summary="List exports", description="Those of the operators whose books you keep, newest first."
    ),
    retrieve=extend_schema(summary="One export", description="Poll it until it is `done` or `failed`."),
)
class ExportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Files made of the books."""

    queryset = Export.objects.none()
    serializer_class = ExportSerializer
    filterset_class = ExportFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_IN_PATH
    ordering = ("-requested_at", "-id")
    ordering_fields = ("requested_at", "finished_at")

    def get_queryset(self) -> Any:
        """Those the person may see, with who took them."""
        return (
            downloads.exports_of(self.request.user)
            .select_related("operator", "requested_by")
            .prefetch_related("downloads__user")
        )

    @extend_schema(
        summary="Ask for an export",
        description="It is made in the background: the answer is the export as it waits.",
        request=NewExportSerializer,
        responses={202: ExportSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """Ask for an export."""
        form = NewExportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        try:
            export = asking.ask(
                self._operator(wanted.get("operator")),
                kind=wanted["kind"],
                days=(wanted["period_start"], wanted["period_end"]),
                by=person(request),
                now=timezone.now(),
                parameters=wanted.get("parameters"),
            )
        except ExportRefused as refusal:
            raise ValidationError({"": [str(refusal)]}) from None
        made = self.get_queryset().get(pk=export.pk)
        return Response(self.get_serializer(made).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Take an export",
        description="The file. That you took it is recorded.",
        responses={
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            (409, problems.CONTENT_TYPE): problems.ProblemSerializer,
        },
    )
    @action(detail=True, methods=["get"])
    def download(self, request: Request, id: str) -> FileResponse:  # noqa: A002 - the name in the address
        """Take the file."""
        export = self.get_object()
        try:
            file = downloads.take(export, by=person(request), now=timezone.now(), how="api")
        except ExportRefused as refusal:
            raise Problem(problems.CONFLICT, str(refusal)) from None
        return FileResponse(
            file, as_attachment=True, filename=export.file_name, content_type=downloads.content_type(export)
        )

    @extend_schema(
        summary="Make a failed export again",
        request=None,
        responses={202: ExportSerializer, (409, problems.CONTENT_TYPE): problems.ProblemSerializer},
    )
    @action(detail=True, methods=["post"])
    def again(self, request: Request, id: str) -> Response:  # noqa: A002 - the name in the address
        """Try once more."""
        export = self.get_object()
        if not (request.user.is_superuser or export.operator_id in self._may_ask()):
            raise PermissionDenied
        if not asking.ask_again(export, by=person(request), now=timezone.now()):
            raise Problem(problems.CONFLICT, _("The export has not failed."))
        made = self.get_queryset().get(pk=export.pk)
        return Response(self.get_serializer(made).data, status=status.HTTP_202_ACCEPTED)

    def _may_ask(self) -> list[int]:
        return organisations_allowing(self.request.user, downloads.ADD)

    def _operator(self, public_id: Any) -> Organisation:
        operators = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR)
        if not self.request.user.is_superuser:
            operators = operators.filter(pk__in=self._may_ask())
        if public_id is not None:
            operators = operators.filter(public_id=public_id)
        found = list(operators[:2])
        if not found and public_id is None:
            raise PermissionDenied
        if len(found) != 1:
            raise ValidationError({"operator": [_("Say of which operator whose books you keep.")]})
        return found[0]
