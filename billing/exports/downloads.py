"""Hands out exports, and keeps who took what."""

import datetime as dt
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.backends import organisations_allowing
from accounts.models import User
from billing.exports.kinds import CONTENT_TYPES
from billing.exports.refusals import ExportRefused
from billing.models import Export, ExportDownload

VIEW = "billing.view_export"
ADD = "billing.add_export"


def exports_of(user: Any) -> QuerySet[Export]:
    """The exports the person may see and take: those of operators for which it keeps the books."""
    visible = Export.objects.visible_to(user)
    return visible if user.is_superuser else visible.filter(operator__in=organisations_allowing(user, VIEW))


def take(export: Export, *, by: User | None, now: dt.datetime, how: str = "download") -> File:
    """The file, opened; that it was taken is on record. The caller has asked whether the person may.

    Raises: ExportRefused when it is not ready, or the storage has lost it.
    """
    if export.state != Export.State.DONE:
        raise ExportRefused(_("The export is not ready."))
    try:
        file = default_storage.open(export.path)
    except FileNotFoundError:
        raise ExportRefused(_("The file is gone from the storage. Make the export again.")) from None
    with transaction.atomic():
        ExportDownload.objects.create(export=export, user=by, taken_at=now)
        audit.record(
            by,
            act="export.taken",
            subject=f"export {export.public_id}",
            details={"kind": export.kind, "file": export.file_name, "sha256": export.sha256, "how": how},
        )
    return file


def content_type(export: Export) -> str:
    """The media type of the file."""
    extension = export.file_name.rsplit(".", 1)[-1]
    return CONTENT_TYPES.get(extension, "application/octet-stream")
