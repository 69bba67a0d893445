"""Issues and checks the bearer keys of the REST API.

A key is 32 random bytes, so a plain SHA-256 is all the protection its digest needs; the key itself is
shown once and kept nowhere.
"""

import datetime as dt
import hashlib
import secrets

from django.db.models import Q

from accounts.models import ApiKey, User

PREFIX = "cp_"
SHOWN_CHARACTERS = 10
#: ``last_used_at`` is written at most this often, so that reading does not become writing.
LAST_USED_PRECISION = dt.timedelta(minutes=1)


def issue(user: User, *, name: str, expires_at: dt.datetime | None = None) -> tuple[ApiKey, str]:
    """A new key of the user, and its secret, which cannot be had again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        user=user,
        name=name,
        prefix=secret[:SHOWN_CHARACTERS],
        digest=_digest(secret),
        expires_at=expires_at,
    )
    return key, secret


def user_of(secret: str, *, now: dt.datetime) -> User | None:
    """Whose key it is; None for a key that opens nothing."""
    key = key_of(secret, now=now)
    return None if key is None else key.user


def key_of(secret: str, *, now: dt.datetime) -> ApiKey | None:
    """The key with its user; None for unknown, expired and revoked keys and for users who may not log in.

    Found by the digest alone, so nothing is compared whose time would tell how near a guess came.
    """
    key = (
        ApiKey.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=now),
            digest=_digest(secret),
            revoked_at=None,
            user__is_active=True,
        )
        .select_related("user")
        .first()
    )
    if key is None:
        return None
    ApiKey.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_PRECISION), pk=key.pk
    ).update(last_used_at=now)
    return key


def revoke(key: ApiKey, *, now: dt.datetime) -> None:
    """The key opens nothing any more; the first revocation's time stays."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    key.refresh_from_db(fields=["revoked_at"])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
