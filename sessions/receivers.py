"""What this app does about its own facts."""

import logging

from chargeportal.common.events import subscribe
from sessions.events import ReadingsCameLate, SessionHeld
from sessions.tasks import add_stake, take_late_readings

logger = logging.getLogger(__name__)


@subscribe(ReadingsCameLate)
def settle_again(fact: ReadingsCameLate) -> None:
    """A worker looks at what the session's readings prove now."""
    try:
        take_late_readings.delay(session_id=fact.session_id)
    except Exception:
        logger.warning("Late readings of session %s were not looked at", fact.session_id, exc_info=True)


@subscribe(SessionHeld)
def work_out_stake(fact: SessionHeld) -> None:
    """A worker works out what the bill would say; if the broker is away the sweep does it later."""
    try:
        add_stake.delay(review_id=fact.review_id)
    except Exception:
        logger.warning("Review %s waits for the sweep to know its amount", fact.review_id, exc_info=True)
