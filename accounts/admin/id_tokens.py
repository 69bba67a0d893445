"""Cards, tags and app tokens."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import action, display

from accounts import audit
from accounts.admin import people
from accounts.admin.base import NetworkAdmin
from accounts.models import IdToken, IdTokenGroup, User


class BlockedFilter(admin.SimpleListFilter):
    """Usable or blocked tokens."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("usable", _("usable")), ("blocked", _("blocked")), ("expired", _("expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        now = timezone.now()
        wanted = {
            "usable": Q(blocked_at__isnull=True) & (Q(valid_until__isnull=True) | Q(valid_until__gt=now)),
            "blocked": Q(blocked_at__isnull=False),
            "expired": Q(valid_until__lte=now),
        }
        value = self.value() or ""
        return queryset.filter(wanted[value]) if value in wanted else queryset


@admin.register(IdToken)
class IdTokenAdmin(NetworkAdmin):
    """Tokens of one's organisations and of the drivers one deals with; blocking takes effect at once."""

    list_display = ("uid", "label", "type", "driver", "organisation", "group", "state", "valid_until")
    list_filter = (
        BlockedFilter,
        "type",
        ("organisation", RelatedDropdownFilter),
        ("group", RelatedDropdownFilter),
    )
    list_select_related = ("user", "organisation", "group")
    search_fields = ("uid", "label", "user__email", "user__name")
    search_help_text = _("Token, label or driver")
    autocomplete_fields = ("user", "group")
    actions = ("block", "unblock")
    readonly_fields = ("created_at",)
    fieldsets = (
        (None, {"fields": ("uid", "type", "label")}),
        (_("Whose"), {"fields": ("user", "organisation", "group")}),
        (
            _("Validity"),
            {"fields": ("valid_from", "valid_until", "blocked_at", "block_reason", "created_at")},
        ),
    )

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        drivers = User.objects.filter(people.known_to(organisation_ids))
        return rows.filter(
            Q(organisation__in=organisation_ids) | Q(organisation=None, user__in=drivers.values("pk"))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whoever may not add tokens may block and unblock them, and no more."""
        if obj is None or self.has_add_permission(request):
            return self.readonly_fields
        return (
            "uid",
            "type",
            "label",
            "user",
            "organisation",
            "group",
            "valid_from",
            "valid_until",
            "created_at",
        )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "organisation" and not request.user.is_superuser:
            self.default_organisation(field, request)
        return field

    @staticmethod
    def default_organisation(field: Any, request: HttpRequest) -> None:
        """A token somebody adds for a company belongs to that company."""
        if "/add/" in request.path:
            field.required = True
            field.initial = field.queryset.order_by("pk").values_list("pk", flat=True).first()

    @display(description=_("driver"), ordering="user__email")
    def driver(self, token: IdToken) -> str:
        """Who carries it."""
        return str(token.user) if token.user else "–"

    @display(description=_("state"), label={"usable": "success", "blocked": "danger", "expired": "warning"})
    def state(self, token: IdToken) -> tuple[str, Any]:
        """Whether a charger would accept it."""
        if token.blocked_at is not None:
            return "blocked", _("blocked")
        if token.valid_until is not None and token.valid_until <= timezone.now():
            return "expired", _("expired")
        return "usable", _("usable")

    @action(description=_("Block the tokens"), permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet) -> None:
        """The chosen tokens are refused by every charger from now on."""
        tokens = list(self._changeable(request, queryset).filter(blocked_at=None))
        for token in tokens:
            IdToken.objects.filter(pk=token.pk, blocked_at=None).update(blocked_at=timezone.now())
            audit.record(request.user, act="idtoken.blocked", subject=f"idtoken {token.uid}"[:160])
        self._report(request, ngettext("%(n)d token blocked.", "%(n)d tokens blocked.", len(tokens)), tokens)

    @action(description=_("Unblock the tokens"), permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: QuerySet) -> None:
        """The chosen tokens are accepted again."""
        tokens = list(self._changeable(request, queryset).exclude(blocked_at=None))
        for token in tokens:
            IdToken.objects.filter(pk=token.pk).update(blocked_at=None, block_reason="")
            audit.record(request.user, act="idtoken.unblocked", subject=f"idtoken {token.uid}"[:160])
        self._report(
            request, ngettext("%(n)d token unblocked.", "%(n)d tokens unblocked.", len(tokens)), tokens
        )

    def _changeable(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return self.in_scope(queryset, request.user, verb="change")

    def _report(self, request: HttpRequest, text: str, tokens: list[IdToken]) -> None:
        self.message_user(request, text % {"n": len(tokens)})


@admin.register(IdTokenGroup)
class IdTokenGroupAdmin(NetworkAdmin):
    """Groups whose members may stop each other's charging."""

    operator_path = "organisation"
    list_display = ("name", "uid", "organisation")
    list_select_related = ("organisation",)
    search_fields = ("name", "uid")
    formfield_for_foreignkey = IdTokenAdmin.formfield_for_foreignkey
    default_organisation = staticmethod(IdTokenAdmin.default_organisation)
