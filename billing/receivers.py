"""What billing does when sessions end."""

import logging

from billing.events import CdrRated
from billing.models import GuestCheckout
from billing.tasks import advance_guest, correct_session, rate_session
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


@subscribe(CdrRated)
def finish_guest(fact: CdrRated) -> None:
    """A guest's priced session is paid from the hold; if the broker is away the sweep does it later."""
    checkout = GuestCheckout.objects.filter(start_request__session__cdrs=fact.cdr_id).first()
    if checkout is None:
        return
    try:
        advance_guest.delay(checkout_id=checkout.pk)
    except Exception:
        logger.warning("Guest checkout %s waits for the sweep", checkout.pk, exc_info=True)
