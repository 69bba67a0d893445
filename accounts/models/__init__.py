"""Who people are, what they may do and which tokens stand for them."""

from accounts.models.api_keys import ApiKey
from accounts.models.audit import AuditEntry
from accounts.models.id_tokens import IdToken, IdTokenGroup
from accounts.models.organisations import Membership, Organisation
from accounts.models.users import User

__all__ = ["ApiKey", "AuditEntry", "IdToken", "IdTokenGroup", "Membership", "Organisation", "User"]
