"""Delivers the exports of schedules: by e-mail, or into a folder from which an SFTP server serves them."""

import datetime as dt
import os
import shutil
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.exports.downloads import content_type, take
from billing.models import Export, ExportSchedule

#: An export whose delivery was not heard of for so long is delivered again.
LATE = dt.timedelta(minutes=5)


def deliver(export_id: int, *, now: dt.datetime) -> bool:
    """The export is where its schedule wants it; False when it was, or is not to be delivered."""
    export = (
        Export.objects.select_related("schedule", "operator", "requested_by")
        .filter(pk=export_id, state=Export.State.DONE, delivered_at__isnull=True, schedule__isnull=False)
        .first()
    )
    if export is None or export.schedule is None:
        return False
    if export.schedule.delivery == ExportSchedule.Delivery.FOLDER:
        _lay_down(export, now=now)
    else:
        with override(getattr(export.requested_by, "language", "") or "sv"):
            _mail(export, export.schedule.recipient, now=now)
    return bool(Export.objects.filter(pk=export.pk, delivered_at__isnull=True).update(delivered_at=now))


def undelivered_ids(*, now: dt.datetime) -> list[int]:
    """Exports of schedules that were made and not delivered."""
    waiting = Export.objects.filter(
        state=Export.State.DONE, schedule__isnull=False, delivered_at__isnull=True, finished_at__lt=now - LATE
    )
    return list(waiting.order_by("finished_at").values_list("pk", flat=True)[:100])


def outbox_path(export: Export) -> Path:
    """Where the file lies in the outbox: a folder for each operator, a name nothing else has."""
    folder = Path(settings.EXPORT_OUTBOX_DIR) / str(export.operator.public_id)
    return folder / f"{export.period_start}_{export.public_id.hex[:8]}_{export.file_name}"


def _lay_down(export: Export, *, now: dt.datetime) -> None:
    """The whole file appears at once: it is written under another name and renamed."""
    target = outbox_path(export)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    with take(export, by=None, now=now, how="outbox") as source, unfinished.open("wb") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        os.fsync(copy.fileno())
    unfinished.replace(target)


def _mail(export: Export, recipient: str, *, now: dt.datetime) -> None:
    """Small files go along; large ones, and mails that cannot carry them, lead to the download."""
    link = settings.SITE_ADDRESS + reverse("admin:billing_export_change", args=[export.pk])
    goes_along = (export.size_bytes or 0) <= settings.EXPORT_MAIL_LIMIT_BYTES
    words = {"what": export.get_kind_display(), "from": export.period_start,
             "to": export.period_end - dt.timedelta(days=1), "link": link}  # fmt: skip
    text = _("%(what)s, %(from)s to %(to)s.") % words
    text += "\n\n" + (
        _("The file is attached.") if goes_along else _("The file is large. Fetch it here: %(link)s") % words
    )
    subject = _("%(what)s, %(from)s to %(to)s") % words
    message = EmailMessage(f"{export.operator.name}: {subject}", f"{text}\n", to=[recipient])
    if goes_along:
        with take(export, by=None, now=now, how=f"e-mail to {recipient}") as file:
            message.attach(export.file_name, file.read(), content_type(export).split(";", maxsplit=1)[0])
    message.send()
