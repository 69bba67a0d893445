"""The language switch of every page."""

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from accounts.language import remember_language


@require_POST
def switch_language(request: HttpRequest) -> HttpResponseBase:
    """The chosen language holds in this browser and, when logged in, for the account."""
    remember_language(request.user, language=request.POST.get("language", ""))
    return set_language(request)
