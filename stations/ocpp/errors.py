"""The error codes of CALLERROR, in 2.x spelling, and what 1.6 calls them."""

from collections.abc import Mapping
from typing import Any

NOT_IMPLEMENTED = "NotImplemented"
NOT_SUPPORTED = "NotSupported"
INTERNAL_ERROR = "InternalError"
PROTOCOL_ERROR = "ProtocolError"
SECURITY_ERROR = "SecurityError"
FORMAT_VIOLATION = "FormatViolation"
PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
GENERIC_ERROR = "GenericError"
MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
RPC_FRAMEWORK_ERROR = "RpcFrameworkError"

# OCPP-J 1.6 §4.2.3 misspells two codes and lacks two.
_IN_1_6 = {
    FORMAT_VIOLATION: "FormationViolation",
    OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    MESSAGE_TYPE_NOT_SUPPORTED: PROTOCOL_ERROR,
    RPC_FRAMEWORK_ERROR: "FormationViolation",
}


class Violation(Exception):
    """A message breaks the standard in a way that cannot be tolerated; becomes a CALLERROR."""

    def __init__(self, code: str, description: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.details = dict(details or {})


def spelt(code: str, *, version: str) -> str:
    """Return the code as the given OCPP version spells it."""
    return _IN_1_6.get(code, code) if version == "1.6" else code
