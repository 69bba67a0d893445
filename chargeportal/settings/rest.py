"""The REST API and its description."""

from chargeportal import __version__
from chargeportal.settings import environment

REST_FRAMEWORK = {
    # the key stands first: its `WWW-Authenticate` makes a request without any login a 401
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["chargeportal.common.api.parsing.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "chargeportal.common.api.filters.StrictFilters",
        "chargeportal.common.api.filters.StrictOrdering",
    ],
    "DEFAULT_PAGINATION_CLASS": "chargeportal.common.api.pagination.Pages",
    "DEFAULT_THROTTLE_CLASSES": ["chargeportal.common.api.throttling.KeyThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "key": f"{environment.number('API_REQUESTS_PER_MINUTE', 600)}/min",
        "station-calls": f"{environment.number('API_CALLS_PER_MINUTE', 60)}/min",
        "card-claims": "15/hour",
    },
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "chargeportal.common.api.problems.problem_response",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    # fields called ``kind`` have different choices; the reader of a client's code wants to know which
    "ENUM_NAME_OVERRIDES": {
        "LedgerAccountKind": "billing.models.LedgerAccount.Kind",
        "InvoiceKind": "billing.models.Invoice.Kind",
        "ExportKind": "billing.models.ExportKind",
    },
    "TITLE": "ChargePortal API",
    "DESCRIPTION": """\
Locations, charging stations, sessions, charge detail records and id tokens, and OCPP calls to stations.

Every request carries a key, `Authorization: Bearer cp_…`, made in the admin or by
`manage.py create_api_key <email>`; the key sees and does what its user may see and do.
Lists come in pages: follow `next` until it is null. Times are UTC, periods half-open
(`…_from` is in, `…_before` is out);
energy is in Wh, power in W, money in decimal strings.
Errors are problem documents (RFC 9457); programs decide by their `type`.
""",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "chargeportal.api.description.describe_problems",
    ],
    "TAGS": [
        {"name": "locations", "description": "Where cars charge"},
        {"name": "stations", "description": "Charging stations, what they are doing, and OCPP calls to them"},
        {"name": "sessions", "description": "Charging sessions and their meter samples"},
        {"name": "cdrs", "description": "Charge detail records: what a session cost, line by line"},
        {"name": "exports", "description": "Files made of the books in the background"},
        {"name": "id-tokens", "description": "Cards and other tokens that start sessions"},
    ],
}
