"""Pages that other packages bring, in the look of this admin; for superusers only (no role carries them)."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.models import Group
from unfold.admin import ModelAdmin

for _model in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, Group):
    _admin = admin.site._registry.get(_model)
    _bases = (ModelAdmin, type(_admin)) if _admin is not None else (ModelAdmin,)
    if _admin is not None:
        admin.site.unregister(_model)
    admin.site.register(_model, type(f"{_model.__name__}Admin", _bases, {"list_fullwidth": True}))
