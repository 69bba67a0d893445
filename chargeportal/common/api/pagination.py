"""Pages of lists: by cursor, so that a list that grows meanwhile neither repeats nor skips rows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    """50 rows a page, as many as ``page_size`` says up to 200; ties are broken by the primary key."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    page_size_query_description = "Rows a page, 1 to 200."
    cursor_query_description = "Where to go on: taken from `next` or `previous` of another page."

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        """The rows of the page. Raises NotFound for a cursor that this list did not give out."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (DjangoValidationError, DataError, ValueError, TypeError, OverflowError):
            raise NotFound(self.invalid_cursor_message) from None

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        """The order asked for, made total by the primary key."""
        ordering = tuple(super().get_ordering(request, queryset, view))
        direction = "-" if ordering[0].startswith("-") else ""
        return ordering if ordering[-1].lstrip("-") in ("id", "pk") else (*ordering, f"{direction}id")

    def get_page_size(self, request: Any) -> int:
        """Raises ValidationError for anything but a number in range."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= self.max_page_size):
            raise ValidationError(
                {self.page_size_query_param: _("A number from 1 to %(most)s.") % {"most": self.max_page_size}}
            )
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters as the description has them, with their bounds."""
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                }
        return parameters


class SamplePages(Pages):
    """Meter samples come by the thousand and are small."""

    page_size = 500
    max_page_size = 5000
    page_size_query_description = "Rows a page, 1 to 5000."
    ordering = ("sampled_at",)

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        """By time; two contexts at one instant by their name."""
        return ("sampled_at", "context")
