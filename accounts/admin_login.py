"""The login form of the admin."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.utils import is_mfa_enabled
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm


class AdminLoginForm(AuthenticationForm):
    """Lets in who may enter the admin, with the portal login's limit on wrong passwords.

    Whoever has a second factor uses the login page that asks for it.
    """

    def clean(self) -> dict[str, Any]:
        """The password is right, and was not guessed at too often. Raises ValidationError."""
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email and password:
            self.user_cache = get_adapter(self.request).authenticate(
                self.request, email=email, password=password
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data

    def confirm_login_allowed(self, user: Any) -> None:
        """The account is active and has no second factor that this form would pass over."""
        super().confirm_login_allowed(user)
        if is_mfa_enabled(user):
            raise ValidationError(
                _("Your account has a second factor. Log in on the page that asks for it, below."),
                code="second_factor",
            )
