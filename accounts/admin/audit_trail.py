"""Who did what."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter

from accounts.admin import people
from accounts.admin.base import ReadOnlyAdmin
from accounts.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The acts of one's colleagues; nobody can change an entry."""

    list_display = ("at", "actor", "act", "subject")
    list_filter = (("at", RangeDateTimeFilter), "act")
    list_select_related = ("actor",)
    search_fields = ("act", "subject", "actor__email", "actor__name")
    search_help_text = _("Act, subject or person")
    date_hierarchy = "at"

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        return rows.filter(Q(actor__in=people.members_of(organisation_ids).values("pk")))
