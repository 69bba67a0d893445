"""Filters that say what is wrong instead of ignoring it."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.drainage import set_override
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter


class StrictOrdering(OrderingFilter):
    """``ordering=started_at`` or ``ordering=-started_at``, from the fields the list offers."""

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> Any:
        """Raises ValidationError for a field the list does not offer."""
        asked = request.query_params.get(self.ordering_param)
        if asked is not None and asked.removeprefix("-") not in view.ordering_fields:
            offered = ", ".join(self._offered(view))
            raise ValidationError({self.ordering_param: _("One of %(offered)s.") % {"offered": offered}})
        return super().get_ordering(request, queryset, view)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameter with its choices."""
        return [
            {
                "name": self.ordering_param,
                "required": False,
                "in": "query",
                "description": "The order of the list; a leading minus turns it round.",
                "schema": {"type": "string", "enum": self._offered(view)},
            }
        ]

    @staticmethod
    def _offered(view: Any) -> list[str]:
        return [f"{sign}{field}" for field in view.ordering_fields for sign in ("", "-")]


class StrictFilters(DjangoFilterBackend):
    """A filter that is given has a value; ``?online=`` and ``?online=maybe`` are refused, not ignored."""

    def get_filterset(self, request: Any, queryset: Any, view: Any) -> Any:
        """Raises ValidationError."""
        filterset = super().get_filterset(request, queryset, view)
        for name, wanted in filterset.filters.items() if filterset else ():
            if name in request.query_params:
                _check(name, request.query_params[name], wanted)
        return filterset


def _check(name: str, value: str, wanted: django_filters.Filter) -> None:
    if isinstance(wanted, django_filters.BooleanFilter):
        if value.lower() not in ("true", "false"):
            raise ValidationError({name: _("true or false.")})
    elif not value.strip() and not isinstance(wanted, TextFilter):
        raise ValidationError({name: _("Leave it out, or give it a value.")})


class TextFilter(django_filters.CharFilter):
    """A filter on a text of at most ``max_length`` characters, which the description tells."""

    def __init__(self, *args: Any, max_length: int, **kwargs: Any) -> None:
        super().__init__(*args, max_length=max_length, **kwargs)
        set_override(self, "field", {"type": "string", "maxLength": max_length})


class _Instant(IsoDateTimeField):
    """An ISO 8601 instant with its zone; refuses what no calendar or database holds."""

    default_error_messages = {"invalid": _("An instant such as 2026-11-20T14:05:00Z.")}

    def to_python(self, value: Any) -> Any:
        """An aware datetime. Raises forms.ValidationError."""
        try:
            instant = super().to_python(value)
            if instant is not None:
                instant.astimezone(UTC)
        except (ValueError, OverflowError):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None
        return instant


class InstantFilter(django_filters.IsoDateTimeFilter):
    """A filter on an instant."""

    field_class = _Instant
