"""Operators, hosts and fleets."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import NetworkAdmin, NetworkInline
from accounts.backends import organisations_allowing
from accounts.models import Membership, Organisation


class MemberInline(NetworkInline):
    """Who has which role here."""

    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    verbose_name_plural = _("people")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("user", "organisation")


@admin.register(Organisation)
class OrganisationAdmin(NetworkAdmin):
    """One's own organisations, and the hosts of one's locations; superusers add new ones."""

    list_display = ("name", "kind", "registration_number", "country", "people", "is_active")
    list_filter = ("kind", "is_active", "country")
    search_fields = ("name", "registration_number", "vat_number", "party_id")
    inlines = (MemberInline,)
    fieldsets = (
        (None, {"fields": ("name", "kind", "is_active")}),
        (_("Company"), {"fields": ("registration_number", "vat_number", "country", "party_id")}),
    )

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        return rows.filter(Q(pk__in=organisation_ids) | self._hosts_of(organisation_ids))

    @staticmethod
    def _hosts_of(organisation_ids: list[int]) -> Q:
        hosts = Organisation.objects.filter(hosted_locations__operator__in=organisation_ids)
        return Q(pk__in=hosts.values("pk"))

    def in_scope(self, rows: QuerySet, user: Any, *, verb: str) -> QuerySet:
        if verb == "view" or user.is_superuser:
            return super().in_scope(rows, user, verb=verb)
        return rows.filter(pk__in=organisations_allowing(user, self.permission(verb)))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(member_count=Count("memberships__user", distinct=True))

    @display(description=_("people"), ordering="member_count")
    def people(self, organisation: Organisation) -> int:
        """How many people have a role here."""
        return organisation.member_count
