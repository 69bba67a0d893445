"""How far invoice runs are, counted from their items."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from billing.models import Invoice, InvoiceRun, InvoiceRunItem

State = InvoiceRunItem.State
_COUNTS = ("total", "issued", "empty", "failed", "rendered")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; ``amount`` is what has been issued, by currency."""

    total: int
    issued: int
    empty: int
    failed: int
    rendered: int
    amount: tuple[tuple[str, Decimal], ...]

    @property
    def done(self) -> int:
        """Accounts that need nothing more."""
        return self.empty + self.failed + self.rendered

    @property
    def percent(self) -> int:
        """Of the work, where issuing is half and the documents are half."""
        if not self.total:
            return 100
        return 100 * (self.issued + self.rendered + 2 * (self.empty + self.failed)) // (2 * self.total)


def progress(run: InvoiceRun) -> Progress:
    """How far the run is."""
    return progress_of([run.pk])[run.pk]


def progress_of(run_ids: Sequence[int]) -> dict[int, Progress]:
    """How far each of the runs is, in two queries."""
    counts = (
        InvoiceRunItem.objects.filter(run__in=run_ids)
        .values("run")
        .annotate(
            total=Count("pk"),
            issued=Count("pk", filter=Q(state=State.ISSUED)),
            empty=Count("pk", filter=Q(state=State.EMPTY)),
            failed=Count("pk", filter=Q(state=State.FAILED)),
            rendered=Count("pk", filter=Q(state=State.ISSUED, is_rendered=True)),
        )
    )
    issued = Invoice.objects.filter(run__in=run_ids, kind=Invoice.Kind.INVOICE).order_by()
    sums: dict[int, list[tuple[str, Decimal]]] = {run_id: [] for run_id in run_ids}
    for row in issued.values("run", "currency").annotate(sum=Sum("payable")).order_by("currency"):
        sums[row["run"]].append((row["currency"], row["sum"]))
    by_run = {
        row["run"]: {name: row[name] for name in _COUNTS} for row in counts.order_by().values("run", *_COUNTS)
    }
    nothing = dict.fromkeys(_COUNTS, 0)
    return {run_id: Progress(**by_run.get(run_id, nothing), amount=tuple(sums[run_id])) for run_id in run_ids}
