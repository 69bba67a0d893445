"""Problem documents (RFC 9457): what every refusal of the API looks like.

Each kind of problem has an address, ``/api/problems/<slug>/``, which is its ``type`` and explains it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import SuspiciousOperation
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "/api/problems/"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem: its status and, in plain words, what it is and what to do."""

    slug: str
    status: int
    title: str | Promise
    meaning: str | Promise


def _kind(slug: str, status_code: int, title: str | Promise, meaning: str | Promise) -> ProblemKind:
    return ProblemKind(slug, status_code, title, meaning)


MALFORMED = _kind(
    "malformed-request",
    status.HTTP_400_BAD_REQUEST,
    _("The request could not be read"),
    _("The body must be one JSON object in UTF-8, without NaN and NUL characters."),
)
INVALID = _kind(
    "invalid-input",
    status.HTTP_400_BAD_REQUEST,
    _("Some of the input is not valid"),
    _("The member errors names each field and what is wrong with it."),
)
NOT_AUTHENTICATED = _kind(
    "not-authenticated",
    status.HTTP_401_UNAUTHORIZED,
    _("Who are you?"),
    _("Send a valid key as Authorization: Bearer cp_…, or log in."),
)
FORBIDDEN = _kind(
    "forbidden",
    status.HTTP_403_FORBIDDEN,
    _("You may not do that"),
    _("Your roles do not allow it. With a login cookie, a missing CSRF token is refused this way too."),
)
NOT_FOUND = _kind(
    "not-found",
    status.HTTP_404_NOT_FOUND,
    _("There is nothing here"),
    _("It does not exist, or not for you. Addresses of the API end with a slash."),
)
METHOD_NOT_ALLOWED = _kind(
    "method-not-allowed",
    status.HTTP_405_METHOD_NOT_ALLOWED,
    _("This address does not do that"),
    _("The header Allow names the methods that work here."),
)
NOT_ACCEPTABLE = _kind(
    "not-acceptable",
    status.HTTP_406_NOT_ACCEPTABLE,
    _("Only JSON is spoken here"),
    _("Ask for application/json, or leave the header Accept out."),
)
CONFLICT = _kind(
    "conflict",
    status.HTTP_409_CONFLICT,
    _("That does not fit what is there"),
    _("The thing exists already, or is in a state that does not allow it."),
)
TOO_LARGE = _kind(
    "too-large",
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    _("The request is too large"),
    _("Bodies may have 256 KiB."),
)
UNSUPPORTED = _kind(
    "unsupported-media-type",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
    _("Only JSON is read here"),
    _("Send the body as Content-Type: application/json."),
)
THROTTLED = _kind(
    "too-many-requests",
    status.HTTP_429_TOO_MANY_REQUESTS,
    _("Too many requests"),
    _("The header Retry-After says after how many seconds to go on."),
)
INTERNAL = _kind(
    "internal-error",
    status.HTTP_500_INTERNAL_SERVER_ERROR,
    _("Something went wrong on our side"),
    _("It has been logged. The same request may work later."),
)
KINDS: dict[str, ProblemKind] = {
    kind.slug: kind
    for kind in (
        MALFORMED, INVALID, NOT_AUTHENTICATED, FORBIDDEN, NOT_FOUND, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE,
        CONFLICT, TOO_LARGE, UNSUPPORTED, THROTTLED, INTERNAL,
    )
}  # fmt: skip

_OF_EXCEPTION: tuple[tuple[type[Exception], ProblemKind], ...] = (
    (exceptions.ValidationError, INVALID),
    (exceptions.ParseError, MALFORMED),
    (exceptions.NotAuthenticated, NOT_AUTHENTICATED),
    (exceptions.AuthenticationFailed, NOT_AUTHENTICATED),
    (exceptions.PermissionDenied, FORBIDDEN),
    (exceptions.NotFound, NOT_FOUND),
    (exceptions.MethodNotAllowed, METHOD_NOT_ALLOWED),
    (exceptions.NotAcceptable, NOT_ACCEPTABLE),
    (exceptions.UnsupportedMediaType, UNSUPPORTED),
    (exceptions.Throttled, THROTTLED),
)


def declare(slug: str, status_code: int, title: str | Promise, meaning: str | Promise) -> ProblemKind:
    """A kind of problem of an app, explained at its address like the others."""
    KINDS[slug] = _kind(slug, status_code, title, meaning)
    return KINDS[slug]


class Problem(exceptions.APIException):
    """A refusal of one kind; ``members`` become members of the document."""

    def __init__(self, kind: ProblemKind, detail: Any = "", **members: Any) -> None:
        super().__init__(str(detail or kind.meaning))
        self.kind = kind
        self.status_code = kind.status
        self.members = members


class FieldErrorSerializer(serializers.Serializer):
    """What is wrong with one field."""

    field = serializers.CharField(help_text="Where, such as payload.type; empty for the whole")
    detail = serializers.CharField(help_text="What is wrong with it")
    code = serializers.CharField(help_text="The same for programs")


class ProblemSerializer(serializers.Serializer):
    """A problem document, for the API's description."""

    type = serializers.CharField(help_text="Address of the kind of problem, e.g. /api/problems/not-found/")
    title = serializers.CharField(help_text="The kind of problem in a few words")
    status = serializers.IntegerField(help_text="The HTTP status")
    detail = serializers.CharField(help_text="What happened this time and what to do", required=False)
    instance = serializers.CharField(help_text="The address that was asked", required=False)
    code = serializers.CharField(required=False, help_text="call-error: the station's error code")
    description = serializers.CharField(required=False, help_text="call-error: the station's own words")
    details = serializers.JSONField(required=False, help_text="call-error: what the station added")
    version = serializers.CharField(required=False, help_text="The OCPP version the call was checked against")
    result = serializers.JSONField(required=False, help_text="station-refused: the station's whole answer")

    def get_fields(self) -> dict[str, Any]:
        """The fields above and ``errors``, which a serializer cannot have as an attribute of its own."""
        return super().get_fields() | {
            "errors": FieldErrorSerializer(many=True, required=False, help_text="Each field at fault")
        }


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the answer to any exception of a view: a problem document, never a page.

    What nobody expected is logged and told without details. (DRF's EXCEPTION_HANDLER.)
    """
    error = _translated(error)
    set_rollback()
    kind = error.kind if isinstance(error, Problem) else _kind_of(error)
    request = context.get("request")
    if kind is INTERNAL:
        logger.error("The API failed at %s", getattr(request, "path", "?"), exc_info=error)
    document = document_of(kind, instance=getattr(request, "path", ""), **_members(error, kind))
    return Response(document, status=kind.status, headers=_headers(error), content_type=CONTENT_TYPE)


def document_of(kind: ProblemKind, *, instance: str, **members: Any) -> dict[str, Any]:
    """Return the problem document of a kind."""
    document = {
        "type": f"{TYPE_PREFIX}{kind.slug}/",
        "title": str(kind.title),
        "status": kind.status,
        "detail": str(kind.meaning),
        "instance": instance,
    }
    return document | members


def _translated(error: Exception) -> Exception:
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, DjangoPermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError()
    return error


def _kind_of(error: Exception) -> ProblemKind:
    return next((kind for error_class, kind in _OF_EXCEPTION if isinstance(error, error_class)), INTERNAL)


def _members(error: Exception, kind: ProblemKind) -> dict[str, Any]:
    if isinstance(error, Problem):
        return {"detail": str(error.detail), **error.members}
    if isinstance(error, exceptions.ValidationError):
        errors = list(_field_errors(error.detail))
        return {"errors": errors, "detail": "; ".join(_sentence(item) for item in errors)[:1000]}
    if isinstance(error, exceptions.APIException) and kind is not INTERNAL:
        return {"detail": str(error.detail)}
    return {}


def _field_errors(detail: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _field_errors(inner, path if name == "non_field_errors" else (*path, str(name)))
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for item in detail:
            yield from _field_errors(item, path)
    else:
        code = getattr(detail, "code", None) or "invalid"
        yield {"field": ".".join(path), "detail": str(detail), "code": str(code)}


def _sentence(item: Mapping[str, str]) -> str:
    return f"{item['field']}: {item['detail']}" if item["field"] else item["detail"]


def _headers(error: Exception) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait_s := getattr(error, "wait", None):
        headers["Retry-After"] = f"{wait_s:.0f}"
    return headers
