"""OCPP-J frames: JSON arrays with a message type, a message id, and what goes with the type.

`read` turns a text into a `Call`, `CallResult`, `CallError` or `Send`, or raises `BadFrame`, which
knows under which id the sender must be told.
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from stations.ocpp import errors

CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6
UNREADABLE_ID = "-1"
MAX_ID_LENGTH = 255  # the standard says 36; longer ones are seen in the field and harm nobody
MAX_DEPTH = 64  # of what is kept of a payload that is nested more deeply than can be written again
TRANSACTION_ACTIONS = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})
_ID_IN_BROKEN_JSON = re.compile(r'\s*\[\s*\d+\s*,\s*"([^"\\\x00-\x1f]{1,64})"\s*[,\]]')


@dataclass(slots=True)
class Call:
    """A request of the other side. `sent` is the JSON of the payload, fit for a jsonb column."""

    message_id: str
    action: str
    payload: dict[str, Any]
    sent: bytes
    flags: list[str]


@dataclass(slots=True)
class CallResult:
    """The answer to one of our requests."""

    message_id: str
    payload: dict[str, Any]


@dataclass(slots=True)
class CallError:
    """The refusal of one of our requests."""

    message_id: str
    code: str
    description: str
    details: Any


@dataclass(slots=True)
class Send:
    """A 2.1 message that wants no answer."""

    message_id: str
    action: str
    payload: dict[str, Any]


Frame = Call | CallResult | CallError | Send


class BadFrame(errors.Violation):
    """The frame cannot be read. `message_id` is "-1" when not even that could be found.

    `wants_answer` is False for a broken answer to one of ours: an error about an error helps nobody.
    """

    def __init__(
        self, code: str, description: str, *, message_id: str = UNREADABLE_ID, wants_answer: bool = True
    ) -> None:
        super().__init__(code, description)
        self.message_id = message_id
        self.wants_answer = wants_answer


def read(text: str, *, version: str) -> Frame:
    """Return the frame in `text`. Raises `BadFrame`."""
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _unreadable(text, f"not JSON: {error}") from None
    if type(frame) is not list or len(frame) < 2:
        raise BadFrame(errors.RPC_FRAMEWORK_ERROR, "a frame is an array of a message type, an id and more")
    kind, message_id = frame[0], frame[1]
    if type(message_id) is not str or not 0 < len(message_id) <= MAX_ID_LENGTH:
        raise BadFrame(errors.RPC_FRAMEWORK_ERROR, "the message id must be a text of 1 to 36 characters")
    has_nul = "\\u0000" in text
    if kind == CALL:
        return _call(frame, version, has_nul=has_nul)
    if kind == CALLRESULT:
        return _call_result(frame, has_nul=has_nul)
    if kind == CALLERROR or (kind == CALLRESULTERROR and version == "2.1"):
        return CallError(message_id, *_padded(frame[2:5], has_nul=has_nul))
    if kind == SEND and version == "2.1":
        call = _call(frame, version, has_nul=has_nul)
        return Send(message_id, call.action, call.payload)
    raise BadFrame(
        errors.MESSAGE_TYPE_NOT_SUPPORTED, f"message type {kind!r:.20} is not known", message_id=message_id
    )


def unreadable(raw: str, description: str) -> BadFrame:
    """Return the error for a frame that is refused unread, under its id if that can be found."""
    return _unreadable(raw, description)


def write_call(message_id: str, action: str, payload: Any) -> str:
    """Return the text of a CALL."""
    return orjson.dumps([CALL, message_id, action, payload]).decode()


def write_result(message_id: str, payload: bytes) -> str:
    """Return the text of a CALLRESULT around an encoded payload."""
    return f"[3,{orjson.dumps(message_id).decode()},{payload.decode()}]"


def write_error(message_id: str, code: str, description: str, details: Any = None, *, version: str) -> str:
    """Return the text of a CALLERROR, the code in the spelling of the version."""
    return orjson.dumps(
        [CALLERROR, message_id, errors.spelt(code, version=version), description[:255], details or {}],
        default=str,
    ).decode()


def _call(frame: list[Any], version: str, *, has_nul: bool) -> Call:
    message_id = frame[1]
    if len(frame) != 4 or type(frame[2]) is not str:
        raise BadFrame(
            errors.RPC_FRAMEWORK_ERROR, "a CALL is [2, id, action, payload]", message_id=message_id
        )
    action, payload = frame[2], frame[3]
    flags: list[str] = []
    if payload is None and version == "1.6":
        payload = {}
        flags.append("null_removed")
    if type(payload) is not dict:
        raise BadFrame(errors.FORMAT_VIOLATION, "the payload must be an object", message_id=message_id)
    sent = _written(payload)
    if sent is None:
        if action not in TRANSACTION_ACTIONS:  # those are stored as far as they can be, never refused
            raise BadFrame(errors.FORMAT_VIOLATION, "nested too deeply", message_id=message_id)
        payload = _without_depths(payload)
        flags.append("nested_too_deeply")
        sent = orjson.dumps(payload)
    if has_nul:
        payload = without_nul(payload, flags)
        sent = orjson.dumps(payload)
    return Call(message_id, action, payload, sent, flags)


def _call_result(frame: list[Any], *, has_nul: bool) -> CallResult:
    payload = frame[2] if len(frame) > 2 else {}
    return CallResult(frame[1], _storable(payload, has_nul=has_nul) if type(payload) is dict else {})


def _padded(parts: list[Any], *, has_nul: bool) -> tuple[str, str, Any]:
    code, description, details = (
        _storable(parts[n], has_nul=has_nul) if n < len(parts) else "" for n in range(3)
    )
    return str(code), str(description), details


def _storable(value: Any, *, has_nul: bool) -> Any:
    """Return what a jsonb column can keep of a part of an answer."""
    if _written(value) is None:
        value = _without_depths(value)
    return without_nul(value, []) if has_nul else value


def _written(value: Any) -> bytes | None:
    """Return the value as JSON, None when it is nested too deeply for that."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return None


def _without_depths(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return `value` without what lies more than `depth` levels down."""
    if isinstance(value, list):
        return [_without_depths(item, depth - 1) for item in value] if depth else []
    if isinstance(value, dict):
        return {key: _without_depths(item, depth - 1) for key, item in value.items()} if depth else {}
    return value


def without_nul(value: Any, flags: list[str]) -> Any:
    """Return `value` with U+0000 taken out of every text: PostgreSQL cannot keep it."""
    if isinstance(value, str):
        if "\x00" in value:
            if "nul_in_text" not in flags:
                flags.append("nul_in_text")
            return value.replace("\x00", "")
        return value
    if isinstance(value, list):
        return [without_nul(item, flags) for item in value]
    if isinstance(value, dict):
        return {without_nul(key, flags): without_nul(item, flags) for key, item in value.items()}
    return value


def _unreadable(raw: str, description: str) -> BadFrame:
    found = _ID_IN_BROKEN_JSON.match(raw)
    if found:
        return BadFrame(errors.FORMAT_VIOLATION, description, message_id=found.group(1))
    return BadFrame(errors.RPC_FRAMEWORK_ERROR, description)
