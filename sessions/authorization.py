"""May this token charge? One verdict for Authorize, for transactions and for remote starts."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from sessions import ports
from stations.ocpp.messages import IdTokenInfo

ACCEPTED = "accepted"
UNKNOWN = "unknown"

# A thousand of these a second are plain SQL: compiling the query would cost more than running it.
_TOKENS = """
SELECT upper(t.uid), t.id, t.user_id, coalesce(g.uid, ''), t.valid_from, t.valid_until,
    t.blocked_at IS NOT NULL OR u.is_active IS FALSE OR o.is_active IS FALSE
FROM accounts_idtoken t
LEFT JOIN accounts_idtokengroup g ON g.id = t.group_id
LEFT JOIN accounts_user u ON u.id = t.user_id
LEFT JOIN accounts_organisation o ON o.id = t.organisation_id
WHERE upper(t.uid) = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a token, and whose it is. ``status`` is an AuthorizationStatus in our spelling."""

    status: str
    token_id: int | None = None
    user_id: int | None = None
    group_uid: str = ""
    expires_at: dt.datetime | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether charging may begin."""
        return self.status == ACCEPTED

    def info(self) -> IdTokenInfo:
        """The verdict as the station gets it."""
        return IdTokenInfo(status=self.status, group_uid=self.group_uid, expires_at=self.expires_at)


@dataclass(frozen=True, slots=True)
class _Token:
    """What a verdict depends on. ``is_blocked`` by itself, its driver's account or its organisation."""

    token_id: int
    user_id: int | None
    group_uid: str
    valid_from: dt.datetime | None
    valid_until: dt.datetime | None
    is_blocked: bool

    def verdict(self, *, now: dt.datetime) -> Verdict:
        return Verdict(self._status(now=now), self.token_id, self.user_id, self.group_uid, self.valid_until)

    def _status(self, *, now: dt.datetime) -> str:
        if self.is_blocked:
            return "blocked"
        if self.valid_until is not None and self.valid_until <= now:
            return "expired"
        if self.valid_from is not None and self.valid_from > now:
            return "invalid"
        return ports.payment_guarantee().refusal(user_id=self.user_id, evse_id=None) or ACCEPTED


def judge(uids: Iterable[str], *, now: dt.datetime) -> dict[str, Verdict]:
    """The verdict on each token, by its text in upper case; one query however many there are."""
    folded = {uid.upper() for uid in uids}
    with connection.cursor() as cursor:
        cursor.execute(_TOKENS, [list(folded)])
        tokens = {uid: _Token(*rest) for uid, *rest in cursor.fetchall()}
    return {uid: tokens[uid].verdict(now=now) if uid in tokens else Verdict(UNKNOWN) for uid in folded}


def judge_one(uid: str, *, now: dt.datetime) -> Verdict:
    """The verdict on one token."""
    return judge([uid], now=now)[uid.upper()]
