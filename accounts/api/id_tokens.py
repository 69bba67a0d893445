"""Id tokens: `/api/v1/id-tokens/`."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, cards, organisation_tokens
from accounts.api.authentication import person
from accounts.api.serializers import BlockSerializer, IdTokenSerializer, NewIdTokenSerializer
from accounts.models import IdToken, Organisation
from chargeportal.common.api import problems
from chargeportal.common.api.filters import TextFilter
from chargeportal.common.api.problems import Problem
from chargeportal.common.api.throttling import CardClaimThrottle, KeyThrottle

_EXAMPLE = OpenApiExample(
    "A fleet's card",
    value={
        "uid": "04A2B3C4D5E680",
        "type": "ISO14443",
        "label": "Van 12",
        "organisation": "6f0b1f0e-3c64-4c0a-9f51-0d1a6f9a2f10",
        "driver_email": "anna@fleet.example",
    },
    request_only=True,
)


class IdTokenFilter(django_filters.FilterSet):
    """What the list can be narrowed to."""

    uid = TextFilter(lookup_expr="iexact", max_length=255, help_text="The token, any case.")
    blocked = django_filters.BooleanFilter(
        field_name="blocked_at",
        lookup_expr="isnull",
        exclude=True,
        help_text="Only blocked, or only working.",
    )
    type = django_filters.ChoiceFilter(choices=IdToken.Type.choices, help_text="Only this type.")

    class Meta:
        model = IdToken
        fields = ()


@extend_schema_view(
    list=extend_schema(
        summary="List id tokens",
        description="Your own cards, and those of the organisations whose tokens you look after.",
    ),
    retrieve=extend_schema(summary="One id token"),
)
class IdTokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """What drivers show to a charger: cards, fobs, contract certificates."""

    queryset = IdToken.objects.none()
    serializer_class = IdTokenSerializer
    filterset_class = IdTokenFilter
    lookup_value_regex = r"[0-9]{1,18}"
    ordering = ("id",)
    ordering_fields = ("id", "uid", "created_at")

    def get_queryset(self) -> Any:
        """Those the person may see, without the drivers' own tokens for starts from the portal."""
        portal_tokens = Q(type=IdToken.Type.CENTRAL, organisation__isnull=True)
        visible = IdToken.objects.visible_to(self.request.user).exclude(portal_tokens)
        return visible.select_related("organisation", "user")

    def get_throttles(self) -> list[Any]:
        """Adding a card of one's own is counted by itself as well."""
        throttles: list[Any] = [KeyThrottle()]
        if self.action == "create":
            body = self.request.data
            if not (isinstance(body, dict) and "organisation" in body):
                throttles.append(CardClaimThrottle())
        return throttles

    @extend_schema(
        summary="Add an id token",
        description=(
            "Without `organisation` the card becomes your own. With it, the token belongs to that "
            "organisation: you must be its operator or fleet manager, `driver_email` names one of its people."
        ),
        request=NewIdTokenSerializer,
        responses={201: IdTokenSerializer, (409, problems.CONTENT_TYPE): problems.ProblemSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """Add a token."""
        form = NewIdTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        organisation_id = values.pop("organisation", None)
        token = self._own(values) if organisation_id is None else self._of(organisation_id, values)
        return Response(self.get_serializer(token).data, status=status.HTTP_201_CREATED)

    def _own(self, values: dict[str, Any]) -> IdToken:
        beyond = sorted(set(values) - {"uid", "label", "type"})
        if beyond or values.get("type", IdToken.Type.RFID) != IdToken.Type.RFID:
            raise ValidationError({name: _("Only with an organisation.") for name in beyond or ["type"]})
        try:
            return cards.claim(person(self.request), number=values["uid"], label=values.get("label", ""))
        except cards.CardRefused as refusal:
            raise Problem(problems.CONFLICT, str(refusal)) from None

    def _of(self, organisation_id: Any, values: dict[str, Any]) -> IdToken:
        user = person(self.request)
        allowed = access.organisations_with(user, organisation_tokens.ADDING_ROLES)
        organisations = Organisation.objects.filter(public_id=organisation_id)
        if not user.is_superuser:
            organisations = organisations.filter(pk__in=allowed)
        organisation = organisations.first()
        if organisation is None:
            raise ValidationError({"organisation": _("Not an organisation whose tokens you may add.")})
        try:
            return organisation_tokens.add(organisation, actor=user, **values)
        except organisation_tokens.TokenRefused as refusal:
            if refusal.field == "uid":
                raise Problem(problems.CONFLICT, str(refusal)) from None
            raise ValidationError({refusal.field: str(refusal)}) from None

    @extend_schema(
        summary="Block an id token",
        description="It starts no more sessions. Blocking a blocked token changes nothing.",
        request=BlockSerializer,
        responses=IdTokenSerializer,
    )
    @action(detail=True, methods=["post"])
    def block(self, request: Request, pk: str) -> Response:
        """Block the token."""
        token = self.get_object()
        form = BlockSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        now = timezone.now()
        if organisation_tokens.may_block(request.user, token):
            organisation_tokens.block(
                token, reason=form.validated_data["reason"], actor=person(request), now=now
            )
        elif token.user_id == request.user.pk:
            cards.block(token, actor=person(request), now=now)
        else:
            raise PermissionDenied
        token.refresh_from_db()
        return Response(self.get_serializer(token).data)

    @extend_schema(
        summary="Unblock an id token",
        description=(
            "It works again. You may take back your own block; one set by an organisation only its people "
            "may. Unblocking a token that works changes nothing."
        ),
        request=None,
        responses={200: IdTokenSerializer, (409, problems.CONTENT_TYPE): problems.ProblemSerializer},
    )
    @action(detail=True, methods=["post"])
    def unblock(self, request: Request, pk: str) -> Response:
        """Unblock the token."""
        token = self.get_object()
        if organisation_tokens.may_block(request.user, token):
            organisation_tokens.unblock(token, actor=person(request))
        elif token.user_id != request.user.pk:
            raise PermissionDenied
        elif token.blocked_at is not None and not cards.unblock(token, actor=person(request)):
            raise Problem(problems.CONFLICT, _("Somebody else blocked this card. Ask our support."))
        token.refresh_from_db()
        return Response(self.get_serializer(token).data)
