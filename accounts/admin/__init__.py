"""People, organisations, tokens, keys and the audit trail in the admin."""

from accounts.admin import api_keys, audit_trail, id_tokens, organisations, third_party, users  # noqa: F401
