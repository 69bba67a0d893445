"""The id tokens of an organisation: added, blocked and unblocked by its people."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import IdToken, Membership, Organisation, User

ADDING_ROLES = (access.Role.OPERATOR, access.Role.FLEET_MANAGER)
BLOCKING_ROLES = (access.Role.OPERATOR, access.Role.SUPPORT, access.Role.FLEET_MANAGER)


class TokenRefused(Exception):
    """The token cannot be added; ``field`` says what is in the way and the text says why."""

    def __init__(self, field: str, why: Any) -> None:
        super().__init__(why)
        self.field = field


def add(
    organisation: Organisation, *, uid: str, driver_email: str = "", actor: User, **values: Any
) -> IdToken:
    """The organisation has the token, for one of its people where a driver is named.

    Raises: TokenRefused.
    """
    driver = _member(organisation, driver_email) if driver_email else None
    try:
        with transaction.atomic():
            token = IdToken.objects.create(uid=uid, organisation=organisation, user=driver, **values)
            audit.record(actor, act="idtoken.added", subject=f"idtoken {token.uid}")
    except IntegrityError:
        raise TokenRefused("uid", _("This token is in use already.")) from None
    return token


def may_block(user: Any, token: IdToken) -> bool:
    """Whether the person may block and unblock the token for its organisation."""
    if user.is_superuser:
        return True
    return token.organisation_id in access.organisations_with(user, BLOCKING_ROLES)


def block(token: IdToken, *, reason: str, actor: User, now: dt.datetime) -> bool:
    """The token starts no more sessions; False when it was blocked before."""
    with transaction.atomic():
        free = IdToken.objects.filter(pk=token.pk, blocked_at__isnull=True)
        if not free.update(blocked_at=now, block_reason=reason):
            return False
        audit.record(actor, act="idtoken.blocked", subject=f"idtoken {token.uid}", details={"reason": reason})
    return True


def unblock(token: IdToken, *, actor: User) -> bool:
    """The token works again; False when it was not blocked."""
    with transaction.atomic():
        blocked = IdToken.objects.filter(pk=token.pk, blocked_at__isnull=False)
        if not blocked.update(blocked_at=None, block_reason=""):
            return False
        audit.record(actor, act="idtoken.unblocked", subject=f"idtoken {token.uid}")
    return True


def _member(organisation: Organisation, email: str) -> User:
    membership = (
        Membership.objects.filter(organisation=organisation, user__email__iexact=email, user__is_active=True)
        .select_related("user")
        .first()
    )
    if membership is None:
        raise TokenRefused("driver_email", _("Nobody in this organisation has that e-mail address."))
    return membership.user
