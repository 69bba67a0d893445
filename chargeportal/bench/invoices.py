"""Measures a monthly invoice run with its documents; a worker is killed in the middle and started again.

    python -m chargeportal.bench.invoices [--accounts 10000] [--cdrs 10] [--workers 2] [--no-kill]

Starts its own durable PostgreSQL and two workers that do what the Celery tasks do. Prints one line of JSON.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from chargeportal.bench.__main__ import services


def main() -> None:
    """Run the trial, or one worker of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--cdrs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--worker", type=int, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        _work(options.worker, options.workers)
        return
    with tempfile.TemporaryDirectory(prefix="chargeportal-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with services(home):
            print(json.dumps(_trial(options)), flush=True)


def _trial(options: argparse.Namespace) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from billing.invoicing import runs
    from chargeportal.bench import invoice_rows

    call_command("migrate", interactive=False, verbosity=0)
    operator = invoice_rows.make(accounts=options.accounts, cdrs=options.cdrs)
    _vacuum()
    load, began = os.getloadavg()[0], time.monotonic()
    run = runs.start_run(
        operator, period_start=invoice_rows.MARCH, period_end=invoice_rows.APRIL,
        invoice_date=invoice_rows.APRIL, by=None, now=timezone.now(),
    )  # fmt: skip
    started_s = time.monotonic() - began
    workers = [_worker(number, options.workers) for number in range(options.workers)]
    unchanged = True if options.no_kill else _kill_and_restart(run, workers, options)
    for worker in workers:
        if worker.wait():
            raise RuntimeError("A worker failed")
    seconds = time.monotonic() - began
    if not runs.finish(run, now=timezone.now()):
        raise RuntimeError("The run is not finished")
    numbers = list(run.invoices.order_by("number").values_list("number", flat=True))
    return {
        "case": "invoice run", "accounts": options.accounts, "cdrs": options.accounts * options.cdrs,
        "workers": options.workers, "seconds": round(seconds, 1), "start_s": round(started_s, 2),
        "invoices": len(numbers), "without_gap": numbers == list(range(1, options.accounts + 1)),
        "killed_and_restarted": not options.no_kill, "issued_before_the_kill_unchanged": unchanged,
        "documents": _documents(run), "load_average_before": round(load, 2),
    }  # fmt: skip


def _kill_and_restart(run: Any, workers: list[Any], options: argparse.Namespace) -> bool:
    """Whether what was issued when a worker was killed is the same when the other workers are done."""
    while run.invoices.count() < options.accounts // 3:
        time.sleep(0.05)
    workers[0].kill()
    workers[0].wait()
    before = list(run.invoices.order_by("number").values_list("number", flat=True))
    digest = _digest(run, len(before))
    workers[0] = _worker(0, options.workers)
    for worker in workers:
        worker.wait()
    return digest == _digest(run, len(before))


def _digest(run: Any, count: int) -> str:
    rows = run.invoices.filter(number__lte=count).order_by("number").values_list()
    return hashlib.sha256(repr(list(rows)).encode()).hexdigest()


def _documents(run: Any) -> int:
    from billing.models import InvoiceDocument

    return InvoiceDocument.objects.filter(invoice__run=run).count()


def _vacuum() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _worker(number: int, of: int) -> Any:
    command = [
        sys.executable,
        "-m",
        "chargeportal.bench.invoices",
        "--worker",
        str(number),
        "--workers",
        str(of),
    ]
    return subprocess.Popen(command)  # noqa: S603  (our own command)


def _work(number: int, of: int) -> None:
    """Issue, then make documents, each worker beginning elsewhere, until nothing waits."""
    import django

    django.setup()
    from django.utils import timezone

    from billing.invoicing import runs
    from billing.models import InvoiceRun

    run = InvoiceRun.objects.get()
    for item_ids in runs.pending_batches(run)[number::of]:
        runs.issue_items(run.pk, item_ids=item_ids, now=timezone.now())
        runs.render_items(run.pk, item_ids=item_ids, now=timezone.now())
    while batches := [*runs.pending_batches(run), *runs.unrendered_batches(run)]:
        for item_ids in batches:
            runs.issue_items(run.pk, item_ids=item_ids, now=timezone.now())
            runs.render_items(run.pk, item_ids=item_ids, now=timezone.now())


if __name__ == "__main__":
    main()
