"""Facts this app publishes, delivered after the commit that makes them true."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A station reported a transaction we did not know."""

    session_id: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session has its end and its energy; it may be priced unless it is held."""

    session_id: int


@dataclass(frozen=True, slots=True)
class SessionCorrected:
    """Data came for a session that had ended already."""

    session_id: int


@dataclass(frozen=True, slots=True)
class ReadingsCameLate:
    """Meter readings came for a session that had ended already."""

    session_id: int


@dataclass(frozen=True, slots=True)
class SessionHeld:
    """A session waits for a person; its review has new evidence."""

    review_id: int
