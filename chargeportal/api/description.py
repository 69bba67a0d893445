"""What the API's description says of every operation alike."""

from typing import Any

from chargeportal.common.api.problems import CONTENT_TYPE

_PROBLEM = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ALWAYS = {
    "400": "The input is not valid",
    "401": "No key, or one that opens nothing",
    "403": "Your roles do not allow it",
    "404": "It does not exist, or not for you",
    "429": "Too many requests",
    "default": "Any other problem",
}
_WITH_BODY = {"413": "The body is too large", "415": "The body is not JSON"}
_BODIES = ("post", "put", "patch")


def describe_problems(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Every operation may answer with a problem document; a postprocessing hook of drf-spectacular."""
    for operations in result["paths"].values():
        for method, operation in operations.items():
            answers = _ALWAYS | (_WITH_BODY if method in _BODIES else {})
            for status, meaning in answers.items():
                operation["responses"].setdefault(status, {"description": meaning, "content": _PROBLEM})
    return result
