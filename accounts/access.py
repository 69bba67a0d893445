"""Who may see what: the roles of a person, as sets of organisations.

Default deny: every queryset for people begins at ``visible_to(user)`` of its model, and those are
built from the two functions here.
"""

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import Q

from accounts.models.organisations import Membership, Organisation

Role = Membership.Role
NETWORK_ROLES = (Role.OPERATOR, Role.TECHNICIAN, Role.FINANCE, Role.SUPPORT)
STEERING_ROLES = (Role.OPERATOR, Role.TECHNICIAN, Role.SUPPORT)
MONEY_ROLES = (Role.OPERATOR, Role.FINANCE)


#: A role means something only in an organisation of its kind; drivers may be members of any.
_KIND_OF = {
    **dict.fromkeys(NETWORK_ROLES, Organisation.Kind.OPERATOR),
    Role.HOST: Organisation.Kind.HOST,
    Role.FLEET_MANAGER: Organisation.Kind.FLEET,
}


def organisations_with(user: Any, roles: Iterable[str]) -> list[int]:
    """Ids of the active organisations in which the person has one of the roles; none when logged out."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return []
    meant = Q(pk=None)
    for role in roles:
        kind = _KIND_OF.get(Role(role))
        meant |= Q(role=role, organisation__kind=kind) if kind else Q(role=role)
    return list(
        Membership.objects.filter(meant, user_id=user.pk, organisation__is_active=True)
        .values_list("organisation_id", flat=True)
        .distinct()
    )


def has_role(user: Any, roles: Iterable[str]) -> bool:
    """Whether the person has one of the roles anywhere; superusers have all."""
    if getattr(user, "is_superuser", False) and user.is_active:
        return True
    return bool(organisations_with(user, roles))


def other_operators(operator_ids: Iterable[int]) -> models.QuerySet[Organisation]:
    """The active operators beside those; where there are none, what is nobody's is theirs."""
    active = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR, is_active=True)
    return active.exclude(pk__in=list(operator_ids))


def sole_operator_id() -> int | None:
    """The one active operator of this installation, if there is just one: what is nobody's is its own."""
    operators = Organisation.objects.filter(kind=Organisation.Kind.OPERATOR, is_active=True)
    ids = list(operators.values_list("pk", flat=True)[:2])
    return ids[0] if len(ids) == 1 else None
