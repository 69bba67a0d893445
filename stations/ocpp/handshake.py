"""Who knocks, with which password, and how often they may get it wrong."""

import base64
import binascii
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from stations.ocpp.credentials import matches
from stations.ocpp.messages import StationRecord

PREFIX = b"/ocpp/"
MAX_IDENTITY = 48
MAX_FAILURES = 5
FAILURE_WINDOW_S = 60.0
MAX_REMEMBERED = 20_000


def identity_in(raw_path: bytes) -> str | None:
    """Return the identity at the end of the path, percent-decoded once; None when there is none.

    "/ocpp/RDAM%2F1" is the station "RDAM/1"; "/ocpp/RDAM/1" is nobody.
    """
    start = raw_path.rfind(PREFIX)
    if start < 0:
        return None
    segment = raw_path[start + len(PREFIX) :].split(b"?", 1)[0]
    if not segment or b"/" in segment:
        return None
    try:
        identity = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return None
    if not 0 < len(identity) <= MAX_IDENTITY or any(ord(letter) < 32 for letter in identity):
        return None
    return identity


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """What came in the Authorization header. The password is bytes: a 1.6 key need not be text."""

    username: str
    password: bytes


def credentials_in(headers: list[tuple[bytes, bytes]]) -> BasicCredentials | None:
    """Return the Basic credentials, split at the first colon; None when there are none to be read."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, encoded = value.strip().partition(b" ")
            if scheme.lower() != b"basic":
                return None
            try:
                username, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
            except (binascii.Error, ValueError):
                return None
            return BasicCredentials(username.decode("utf-8", "replace"), password) if colon else None
    return None


def address_of(scope: dict[str, Any]) -> str:
    """Return the address the socket comes from, "" when unknown."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class Failures:
    """Wrong passwords of the last minute, by address and identity.

    By both, so that nobody can lock a station out from elsewhere, and stations behind one address do
    not lock each other out.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def retry_after_s(self, address: str, identity: str) -> int:
        """Return how long this one must wait, 0 when it may try now."""
        recent = self._recent((address, identity.casefold()))
        if len(recent) < MAX_FAILURES:
            return 0
        return max(1, int(recent[0] + FAILURE_WINDOW_S - time.monotonic()) + 1)

    def add(self, address: str, identity: str) -> None:
        """Remember one wrong password."""
        key = (address, identity.casefold())
        self._failures[key] = [*self._recent(key), time.monotonic()]
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def clear(self, address: str, identity: str) -> None:
        """Forget what was wrong before a right password."""
        self._failures.pop((address, identity.casefold()), None)

    def _recent(self, key: tuple[str, str]) -> list[float]:
        since = time.monotonic() - FAILURE_WINDOW_S
        return [moment for moment in self._failures.get(key, ()) if moment > since]


def admitted(record: StationRecord, credentials: BasicCredentials | None) -> bool:
    """Tell whether the station may come in.

    Without a password in our books only a station of security profile 0 may, and one that waits for
    approval. The user name must be the identity, in whatever case.
    """
    if not record.password_digests:
        return record.security_profile == 0 or record.registration_status.lower() == "pending"
    if credentials is None:
        return False
    named = credentials.username.casefold() == record.identity.casefold()
    return matches(credentials.password, digests=record.password_digests) and named
