"""Keys of the REST API: made here, shown once, revoked here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from accounts import api_keys, audit
from accounts.admin import people
from accounts.admin.base import NetworkAdmin, person
from accounts.backends import organisations_allowing
from accounts.models import ApiKey, User


@admin.register(ApiKey)
class ApiKeyAdmin(NetworkAdmin):
    """A person makes keys for herself; who keeps the accounts of others sees and revokes theirs."""

    list_display = ("name", "user", "begins_with", "state", "created_at", "last_used_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__email")
    fields = ("user", "name", "expires_at")
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    def in_scope(self, rows: QuerySet, user: Any, *, verb: str) -> QuerySet:
        if user.is_superuser:
            return rows
        kept = people.in_the_hands_of(organisations_allowing(user, "accounts.change_user"))
        colleagues = User.objects.filter(kept)
        return rows.filter(Q(user=user) | Q(user__in=colleagues.values("pk")))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("user", "name", "expires_at") if request.user.is_superuser else ("name", "expires_at")
        return ("name", "user", "begins_with", "created_at", "last_used_at", "expires_at", "revoked_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are revoked, so that the trail of what they did keeps its name."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:  # noqa: FBT001
        """A new key is stored; its secret waits on the request to be shown once."""
        if change:
            return
        owner = obj.user if obj.user_id else person(request)
        key, request.new_secret = api_keys.issue(owner, name=obj.name, expires_at=obj.expires_at)
        obj.pk, obj.user, obj.prefix, obj.digest = key.pk, key.user, key.prefix, key.digest
        obj.created_at, obj._state.adding = key.created_at, False
        audit.record(request.user, act="apikey.added", subject=f"apikey {key}"[:160])

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None) -> HttpResponse:
        """The page that shows the secret, this once."""
        context = self.admin_site.each_context(request) | {
            "title": _("Your new API key"), "opts": self.opts, "key": obj, "secret": request.new_secret,
        }  # fmt: skip
        return TemplateResponse(request, "accounts/admin/api_key_made.html", context)

    @display(description=_("begins with"), ordering="prefix")
    def begins_with(self, key: ApiKey) -> str:
        """How the owner recognises it."""
        return f"{key.prefix}…"

    @display(description=_("state"), label={"valid": "success", "revoked": "danger", "expired": "warning"})
    def state(self, key: ApiKey) -> tuple[str, Any]:
        """Whether it opens anything."""
        if key.revoked_at is not None:
            return "revoked", _("revoked")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return "expired", _("expired")
        return "valid", _("valid")

    @action(description=_("Revoke the keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet) -> None:
        """The chosen keys open nothing any more."""
        keys = list(self.in_scope(queryset, request.user, verb="change").filter(revoked_at=None))
        for key in keys:
            api_keys.revoke(key, now=timezone.now())
            audit.record(request.user, act="apikey.revoked", subject=f"apikey {key}"[:160])
        text = ngettext("%(n)d key revoked.", "%(n)d keys revoked.", len(keys))
        self.message_user(request, text % {"n": len(keys)})
