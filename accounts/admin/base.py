"""The admin pages of every app stand on this: rows and choices end at one's own network."""

from typing import Any, cast

from django.contrib.auth import get_permission_codename
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from accounts import audit
from accounts.backends import organisations_allowing
from accounts.models import User


class ChoicesInScope:
    """Foreign keys offer, and accept, only rows that the person may see in the admin."""

    def formfield_for_foreignkey(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        related = self.admin_site._registry.get(db_field.related_model)
        if "queryset" not in kwargs and related is not None and isinstance(related, NetworkAdmin):
            kwargs["queryset"] = related.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin


class NetworkAdmin(ChoicesInScope, ModelAdmin):
    """Shows rows of the organisations in which the person has the permission; superusers see all.

    ``operator_path`` is the lookup from a row to the operator it belongs to.
    """

    operator_path = ""
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return self.in_scope(super().get_queryset(request), request.user, verb="view")

    def in_scope(self, rows: QuerySet, user: Any, *, verb: str) -> QuerySet:
        """Those of the rows with which the person may do this."""
        if user.is_superuser:
            return rows
        return self.narrowed(rows, user, organisations_allowing(user, self.permission(verb)))

    def narrowed(self, rows: QuerySet, user: Any, organisation_ids: list[int]) -> QuerySet:
        """Those of the rows that belong to the organisations."""
        return rows.filter(**{f"{self.operator_path}__in": organisation_ids})

    def permission(self, verb: str) -> str:
        """The name of the permission to do this with rows of the model."""
        return f"{self.opts.app_label}.{get_permission_codename(verb, self.opts)}"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._reaches(request, obj, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._reaches(request, obj, "delete")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and self._reaches(request, obj, "view")

    def _reaches(self, request: HttpRequest, obj: Model | None, verb: str) -> bool:
        if obj is None or obj.pk is None or request.user.is_superuser:
            return True
        return self.in_scope(self.model._default_manager.filter(pk=obj.pk), request.user, verb=verb).exists()

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001
        """The row is saved and the act is in the audit trail."""
        super().save_model(request, obj, form, change)
        verb = "changed" if change else "added"
        audit.record(
            request.user,
            act=f"{self.opts.model_name}.{verb}",
            subject=f"{self.opts.model_name} {obj}"[:160],
            details={"fields": sorted(form.changed_data)} if form is not None else {},
        )

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """The row is gone and the act is in the audit trail."""
        subject = f"{self.opts.model_name} {obj}"[:160]
        super().delete_model(request, obj)
        audit.record(request.user, act=f"{self.opts.model_name}.deleted", subject=subject)


class ReadOnlyAdmin(NetworkAdmin):
    """Shows what was recorded; nobody adds, changes or deletes it here."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class NetworkInline(ChoicesInScope, TabularInline):
    """Rows below another row, which has been checked already."""

    extra = 0


def person(request: HttpRequest) -> User:
    """Who asks; every page of the admin is behind the login."""
    return cast(User, request.user)
