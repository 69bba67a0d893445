"""May this token charge? One verdict for Authorize, for transactions and for remote starts."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models.functions import Upper

from accounts.models import IdToken
from sessions import ports
from stations.ocpp.messages import IdTokenInfo

ACCEPTED = "accepted"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a token, and whose it is. ``status`` is an AuthorizationStatus in our spelling."""

    status: str
    token: IdToken | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether charging may begin."""
        return self.status == ACCEPTED

    def info(self) -> IdTokenInfo:
        """The verdict as the station gets it."""
        token = self.token
        return IdTokenInfo(
            status=self.status,
            group_uid=token.group.uid if token and token.group else "",
            expires_at=token.valid_until if token else None,
        )


def judge(uids: Iterable[str], *, now: dt.datetime) -> dict[str, Verdict]:
    """The verdict on each token, by its text in upper case; one query however many there are."""
    folded = {uid.upper() for uid in uids}
    tokens = (
        IdToken.objects.annotate(folded=Upper("uid"))
        .filter(folded__in=folded)
        .select_related("group", "user", "organisation")
    )
    verdicts = {token.folded: Verdict(_status(token, now=now), token) for token in tokens}
    return {uid: verdicts.get(uid, Verdict(UNKNOWN)) for uid in folded}


def judge_one(uid: str, *, now: dt.datetime) -> Verdict:
    """The verdict on one token."""
    return judge([uid], now=now)[uid.upper()]


def _status(token: IdToken, *, now: dt.datetime) -> str:
    if token.blocked_at is not None:
        return "blocked"
    if token.user is not None and not token.user.is_active:
        return "blocked"
    if token.organisation is not None and not token.organisation.is_active:
        return "blocked"
    if token.valid_until is not None and token.valid_until <= now:
        return "expired"
    if token.valid_from is not None and token.valid_from > now:
        return "invalid"
    return ports.payment_guarantee().refusal(user_id=token.user_id, evse_id=None) or ACCEPTED
