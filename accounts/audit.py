"""Keeps the audit trail."""

from typing import Any

from django.contrib.auth.models import AnonymousUser

from accounts.models import AuditEntry, User


def record(
    actor: User | AnonymousUser | None, *, act: str, subject: str, details: dict[str, Any] | None = None
) -> AuditEntry:
    """The act is in the audit trail, for good; ``actor`` is None for what the system did by itself."""
    return AuditEntry.objects.create(
        actor=actor if actor is not None and actor.is_authenticated else None,
        act=act[:60],
        subject=subject[:160],
        details=details or {},
    )
