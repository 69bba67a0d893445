"""Makes the files of exports: one worker each, however many are told to; taken up again when one dies."""

import datetime as dt
import hashlib
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.events import ExportMade
from billing.exports.kinds import MAKERS
from billing.exports.period import Period, period_of
from billing.exports.refusals import ExportRefused
from billing.models import Export
from chargeportal.common.events import publish

logger = logging.getLogger(__name__)

#: A worker that was not heard of for so long is taken for dead.
SILENCE = dt.timedelta(minutes=5)
#: Waiting exports older than this were lost on the way to the workers.
LOST_AFTER = dt.timedelta(minutes=1)
MOST_ATTEMPTS = 4
_BEAT_S = 1.0
_BLOCK = 1 << 20
State = Export.State
Clock = Callable[[], dt.datetime]


class LostClaim(RuntimeError):
    """Another worker took the export over; what this one made does not count."""


def make(export_id: int, *, clock: Clock = timezone.now) -> bool:
    """The export's file is made, or its failure explained; False when it is another worker's or done."""
    export = _claim(export_id, now=clock())
    if export is None:
        return False
    try:
        with override(_language(export)):
            _make(export, clock)
    except LostClaim:
        return False
    except ExportRefused as refusal:
        _fail(export, str(refusal), now=clock())
    except Exception:
        logger.exception("Export %s failed", export.public_id)
        _fail(export, _("Something went wrong. It has been logged. Try again."), now=clock())
    return True


def unfinished_ids(*, now: dt.datetime) -> list[int]:
    """Exports that wait for a worker that never heard of them, or whose worker died."""
    _give_up(now=now)
    lost = Q(state=State.WAITING, requested_at__lt=now - LOST_AFTER)
    dead = Q(state=State.RUNNING, heartbeat_at__lt=now - SILENCE)
    return list(
        Export.objects.filter(lost | dead).order_by("requested_at").values_list("pk", flat=True)[:100]
    )


def _claim(export_id: int, *, now: dt.datetime) -> Export | None:
    free = Q(state=State.WAITING) | Q(state=State.RUNNING, heartbeat_at__lt=now - SILENCE)
    claimed = Export.objects.filter(free, pk=export_id, attempts__lt=MOST_ATTEMPTS).update(
        state=State.RUNNING, attempts=F("attempts") + 1, heartbeat_at=now, done_rows=0, total_rows=None
    )
    return Export.objects.select_related("operator", "requested_by").get(pk=export_id) if claimed else None


def _give_up(*, now: dt.datetime) -> None:
    """Exports whose workers died again and again are failed: they would take down the next one too."""
    Export.objects.filter(
        state=State.RUNNING, attempts__gte=MOST_ATTEMPTS, heartbeat_at__lt=now - SILENCE
    ).update(
        state=State.FAILED,
        finished_at=now,
        error=_("The worker stopped several times while making it. Try a shorter period."),
    )


def _mine(export: Export) -> Q:
    return Q(pk=export.pk, state=State.RUNNING, attempts=export.attempts)


@dataclass
class _Heartbeat:
    """Tells how far the export is, about once a second, and that its worker lives."""

    export: Export
    clock: Clock
    told_at: dt.datetime | None = None

    def __call__(self, done: int, *, total: int | None = None) -> None:
        now = self.clock()
        if total is None and self.told_at and (now - self.told_at).total_seconds() < _BEAT_S:
            return
        self.told_at = now
        changes = {"done_rows": done, "heartbeat_at": now} | ({} if total is None else {"total_rows": total})
        if not Export.objects.filter(_mine(self.export)).update(**changes):
            raise LostClaim


def _make(export: Export, clock: Clock) -> None:
    period = period_of(export, now=clock())
    earlier = _made_of_locked(export, period)
    if earlier is not None:
        _finish(export, earlier.path, earlier, rows=earlier.done_rows, now=clock())
        return
    maker, last = MAKERS[export.kind], [0]
    beat = _Heartbeat(export, clock)

    def tick(done: int, *, total: int | None = None) -> None:
        last[0] = done
        beat(done, total=total)

    with tempfile.TemporaryFile() as file:
        extension = maker.make(period, file, tick, export.parameters)
        name = f"{maker.name}_{period.name}.{extension}"
        facts = _Facts(name, *_digest(file))
        file.seek(0)
        wanted = f"exports/{export.public_id}/{export.attempts}/{name}"
        path = default_storage.save(wanted, File(file, name=name))
    _finish(export, path, facts, rows=last[0], now=clock())


@dataclass(frozen=True, slots=True)
class _Facts:
    file_name: str
    size_bytes: int
    sha256: str


def _digest(file: BinaryIO) -> tuple[int, str]:
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


def _made_of_locked(export: Export, period: Period) -> Export | None:
    """The same export of the same locked days: a name that was changed since must not change the file."""
    if period.locked_at is None:
        return None
    earlier = Export.objects.filter(
        operator=export.operator_id, kind=export.kind, period_start=export.period_start,
        period_end=export.period_end, parameters=export.parameters, state=State.DONE,
        heartbeat_at__gt=period.locked_at,
    ).order_by("finished_at")  # fmt: skip
    return next((each for each in earlier if default_storage.exists(each.path)), None)


def _finish(export: Export, path: str, facts: "_Facts | Export", *, rows: int, now: dt.datetime) -> None:
    with transaction.atomic():
        changed = Export.objects.filter(_mine(export)).update(
            state=State.DONE, path=path, file_name=facts.file_name, sha256=facts.sha256,
            size_bytes=facts.size_bytes, done_rows=rows, total_rows=rows, finished_at=now, heartbeat_at=now,
            error="",
        )  # fmt: skip
        if not changed:
            raise LostClaim
        if export.schedule_id is not None:
            publish(ExportMade(export.pk))


def _fail(export: Export, reason: str, *, now: dt.datetime) -> None:
    Export.objects.filter(_mine(export)).update(state=State.FAILED, error=reason[:300], finished_at=now)


def _language(export: Export) -> str:
    """The language in which refusals are explained."""
    return getattr(export.requested_by, "language", "") or "en"
