"""The login form of the admin."""

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm


class AdminLoginForm(AuthenticationForm):
    """Lets in who may enter the admin; whoever has a second factor uses the login page that asks for it."""

    def confirm_login_allowed(self, user: Any) -> None:
        """The account is active and has no second factor that this form would pass over."""
        super().confirm_login_allowed(user)
        if is_mfa_enabled(user):
            raise ValidationError(
                _("Your account has a second factor. Log in on the page that asks for it, below."),
                code="second_factor",
            )
