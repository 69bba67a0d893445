"""May this token charge? One verdict for Authorize, for transactions and for remote starts."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import connection

from sessions import ports
from stations.ocpp.messages import IdTokenInfo

ACCEPTED = "accepted"
UNKNOWN = "unknown"

# A thousand of these a second are plain SQL: compiling the query would cost more than running it.
_TOKENS = """
SELECT upper(t.uid), t.id, t.user_id, t.organisation_id, coalesce(g.uid, ''), t.valid_from, t.valid_until,
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
class Shown:
    """A token's text, and as far as it is known, where it is shown."""

    uid: str
    station_id: int | None = None
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    """What a verdict depends on. ``is_blocked`` by itself, its driver's account or its organisation."""

    token_id: int
    user_id: int | None
    organisation_id: int | None
    group_uid: str
    valid_from: dt.datetime | None
    valid_until: dt.datetime | None
    is_blocked: bool

    def verdict(self, *, now: dt.datetime) -> Verdict:
        return Verdict(self._status(now=now), self.token_id, self.user_id, self.group_uid, self.valid_until)

    def bearer(self, shown: Shown) -> ports.Bearer:
        return ports.Bearer(
            self.token_id, self.user_id, self.organisation_id, shown.station_id, shown.evse_id
        )

    def _status(self, *, now: dt.datetime) -> str:
        if self.is_blocked:
            return "blocked"
        if self.valid_until is not None and self.valid_until <= now:
            return "expired"
        if self.valid_from is not None and self.valid_from > now:
            return "invalid"
        return ACCEPTED


def judge(shown: Iterable[Shown], *, now: dt.datetime) -> dict[Shown, Verdict]:
    """The verdict on each token where it is shown; two queries however many there are.

    The tokens themselves are asked first; those that hold must be paid for (`ports.PaymentGuarantee`).
    """
    shown = set(shown)
    with connection.cursor() as cursor:
        cursor.execute(_TOKENS, [list({one.uid.upper() for one in shown})])
        tokens = {uid: _Token(*rest) for uid, *rest in cursor.fetchall()}
    known = {one: tokens[one.uid.upper()] for one in shown if one.uid.upper() in tokens}
    verdicts = {one: token.verdict(now=now) for one, token in known.items()}
    welcome = {one: known[one].bearer(one) for one, verdict in verdicts.items() if verdict.is_accepted}
    refusals = ports.payment_guarantee().refusals(set(welcome.values())) if welcome else {}
    for one, bearer in welcome.items():
        if bearer in refusals:
            verdicts[one] = replace(verdicts[one], status=refusals[bearer])
    return {one: verdicts.get(one) or Verdict(UNKNOWN) for one in shown}


def judge_one(
    uid: str, *, station_id: int | None = None, evse_id: int | None = None, now: dt.datetime
) -> Verdict:
    """The verdict on one token."""
    shown = Shown(uid, station_id, evse_id)
    return judge([shown], now=now)[shown]
