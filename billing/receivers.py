"""What billing does when sessions end."""

import logging

from billing.tasks import correct_session, rate_session
from chargeportal.common.events import subscribe
from sessions.events import SessionCorrected, SessionEnded

logger = logging.getLogger(__name__)


@subscribe(SessionEnded)
def rate_ended_session(fact: SessionEnded) -> None:
    """The session is rated by a worker; if the broker is away the sweep does it later."""
    try:
        rate_session.delay(session_id=fact.session_id)
    except Exception:
        logger.warning("Session %s waits for the sweep to be rated", fact.session_id, exc_info=True)


@subscribe(SessionCorrected)
def correct_corrected_session(fact: SessionCorrected) -> None:
    """The session's record is corrected by a worker; if the broker is away the sweep does it later."""
    try:
        correct_session.delay(session_id=fact.session_id)
    except Exception:
        logger.warning("Session %s waits for the sweep to be corrected", fact.session_id, exc_info=True)
