"""Facts this app publishes, delivered after the commit that makes them true."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CdrRated:
    """A charge detail record was made: a charge, or the credit of one (then ``credits`` is set)."""

    cdr_id: int
