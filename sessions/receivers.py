"""What this app does about its own facts."""

import logging

from chargeportal.common.events import subscribe
from sessions.events import ReadingsCameLate
from sessions.tasks import take_late_readings

logger = logging.getLogger(__name__)


@subscribe(ReadingsCameLate)
def settle_again(fact: ReadingsCameLate) -> None:
    """A worker looks at what the session's readings prove now."""
    try:
        take_late_readings.delay(session_id=fact.session_id)
    except Exception:
        logger.warning("Late readings of session %s were not looked at", fact.session_id, exc_info=True)
