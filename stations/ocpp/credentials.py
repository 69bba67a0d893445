"""Station passwords: random, long, kept as a salted HMAC-SHA-256 digest.

Not a slow KDF: these secrets are random (128 bits and more), so guessing gains nothing from a fast
hash, while 0.7 s of CPU each would turn a reconnect of 5,000 stations into an hour.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){16,20}")
_NOBODY = "nobody$" + "0" * 43


def new_password() -> str:
    """Return a fresh password: 40 hex digits, which is also a valid 1.6 AuthorizationKey."""
    return secrets.token_hex(20)


def digest_password(password: str | bytes) -> str:
    """Return `salt$digest`, 60 characters. Hex keys count as the same in upper and lower case."""
    salt = secrets.token_urlsafe(12)
    secret = password.encode() if isinstance(password, str) else password
    return f"{salt}${_digest(salt, _folded(secret))}"


def matches(presented: bytes, *, digests: Iterable[str]) -> bool:
    """Tell whether `presented` opens any of `digests`, in a time that does not depend on which.

    The raw bytes of a hex key, its hex text and a plain text are all accepted (OCPP 1.6-J §6.2 asks
    for the raw bytes; most stations in the field send the text).
    """
    candidates = (_folded(presented), presented.hex().encode())
    found = False
    for stored in tuple(digests) or (_NOBODY,):
        salt, _, digest = stored.partition("$")
        for candidate in candidates:
            found |= hmac.compare_digest(_digest(salt, candidate), digest)
    return found


def _folded(secret: bytes) -> bytes:
    return secret.lower() if _HEX.fullmatch(secret) else secret


def _digest(salt: str, secret: bytes) -> str:
    digest = hmac.digest(salt.encode(), secret, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
