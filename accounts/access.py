"""Who may see what: the roles of a person, as sets of organisations.

Default deny: every queryset for people begins at ``visible_to(user)`` of its model, and those are
built from the two functions here.
"""

from collections.abc import Iterable
from typing import Any

from accounts.models.organisations import Membership

Role = Membership.Role
NETWORK_ROLES = (Role.OPERATOR, Role.TECHNICIAN, Role.FINANCE, Role.SUPPORT)
STEERING_ROLES = (Role.OPERATOR, Role.TECHNICIAN, Role.SUPPORT)
MONEY_ROLES = (Role.OPERATOR, Role.FINANCE)


def organisations_with(user: Any, roles: Iterable[str]) -> list[int]:
    """Ids of the active organisations in which the person has one of the roles; none when logged out."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return []
    return list(
        Membership.objects.filter(user_id=user.pk, role__in=list(roles), organisation__is_active=True)
        .values_list("organisation_id", flat=True)
        .distinct()
    )


def has_role(user: Any, roles: Iterable[str]) -> bool:
    """Whether the person has one of the roles anywhere; superusers have all."""
    if getattr(user, "is_superuser", False) and user.is_active:
        return True
    return bool(organisations_with(user, roles))
