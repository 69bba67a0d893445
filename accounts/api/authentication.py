"""``Authorization: Bearer cp_…``: who asks is whose key it is."""

from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import api_keys
from accounts.models import ApiKey, User

SCHEME = "Bearer"
_WORDS = 2


class BearerKeyAuthentication(BaseAuthentication):
    """Takes a key of ``accounts.api_keys``; requests without one are left to the session cookie."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's user. Raises: AuthenticationFailed, the same for every key that opens nothing."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != SCHEME.lower().encode():
            return None
        key = api_keys.key_of(_secret(words), now=timezone.now())
        if key is None:
            raise AuthenticationFailed(_("The key is not valid."))
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return f'{SCHEME} realm="api"'


def person(request: Request) -> User:
    """Who asks; only for views that let nobody in without a key or login."""
    return cast(User, request.user)


def _secret(words: list[bytes]) -> str:
    if len(words) != _WORDS:
        raise AuthenticationFailed(_("Write Authorization: Bearer and the key."))
    return words[1].decode("latin-1")


class BearerKeyScheme(OpenApiAuthenticationExtension):
    """The key in the API's description."""

    target_class = BearerKeyAuthentication
    name = "bearerKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """A key is made in the admin or by ``manage.py create_api_key``."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key made in the admin or by `manage.py create_api_key <email>`."
            " It may do what its user may do.",
        }
