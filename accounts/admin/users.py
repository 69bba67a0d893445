"""Users and their roles."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin import people
from accounts.admin.base import NetworkAdmin, NetworkInline
from accounts.backends import organisations_allowing
from accounts.models import Membership, Organisation, User


class MembershipInline(NetworkInline):
    """The roles of a person, in the organisations where one may give them."""

    model = Membership
    verbose_name_plural = _("roles")
    fields = ("organisation", "role")

    def get_min_num(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """Whoever is not a superuser adds people to its own organisation, not out of nowhere."""
        return 0 if obj is not None or request.user.is_superuser else 1

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        memberships = super().get_queryset(request).select_related("organisation", "user")
        if request.user.is_superuser:
            return memberships
        return memberships.filter(
            organisation__in=organisations_allowing(request.user, "accounts.view_membership")
        )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "organisation" and not request.user.is_superuser:
            mine = organisations_allowing(request.user, "accounts.add_membership")
            kwargs["queryset"] = Organisation.objects.filter(pk__in=mine)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(User)
class UserAdmin(NetworkAdmin, DjangoUserAdmin):
    """Colleagues and drivers. Only superusers make superusers."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "roles", "is_staff", "is_active", "date_joined")
    list_filter = (
        "is_active", "is_staff", "memberships__role", ("memberships__organisation", RelatedDropdownFilter),
    )  # fmt: skip
    search_fields = ("email", "name", "id_tokens__uid")
    search_help_text = _("E-mail address, name or token")
    ordering = ("email",)
    date_hierarchy = "date_joined"
    inlines = (MembershipInline,)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "name", "language")}),
        (_("Access"), {"fields": ("is_active", "is_staff")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "language", "is_staff", "password1", "password2")}),)

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        return rows.filter(people.known_to(organisation_ids))

    def in_scope(self, rows: QuerySet, user: Any, *, verb: str) -> QuerySet:
        if verb == "view" or user.is_superuser:
            return super().in_scope(rows, user, verb=verb)
        return rows.filter(people.in_the_hands_of(organisations_allowing(user, self.permission(verb))))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        memberships = Membership.objects.select_related("organisation")
        return super().get_queryset(request).prefetch_related(Prefetch("memberships", queryset=memberships))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not request.user.is_superuser:
            return fieldsets
        return (*fieldsets[:2], (_("All rights"), {"fields": ("is_superuser",)}), *fieldsets[2:])

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        """The person's roles, by organisation."""
        roles = [f"{m.get_role_display()} · {m.organisation}" for m in user.memberships.all()]
        return ", ".join(roles) or "–"
