"""Whose revenue a person sees."""

from typing import Any

from accounts import access


def operators_of(user: Any) -> list[int] | None:
    """Ids of the operators for whom the person deals with money; None means all, empty means none."""
    if getattr(user, "is_superuser", False) and user.is_active:
        return None
    return access.organisations_with(user, access.MONEY_ROLES)


def may_see(user: Any) -> bool:
    """Whether the person sees anybody's revenue."""
    operators = operators_of(user)
    return operators is None or bool(operators)
