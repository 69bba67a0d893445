"""The monthly run: an item for every account, issued in batches, restartable at any moment.

An item is locked while its invoice is issued and marked in the same transaction, so that killing a worker
loses what had not been committed and nothing else, and two workers never do one item twice.
"""

import datetime as dt
import logging
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Organisation, User
from billing.invoicing import documents, monthly, parties, tax, vat_numbers
from billing.invoicing.billable import billable
from billing.invoicing.fees import accounts_with_fees
from billing.invoicing.issuing import issue_all
from billing.models import BillingAccount, Invoice, InvoiceRun, InvoiceRunItem, VatNumberCheck

logger = logging.getLogger(__name__)

State = InvoiceRunItem.State
#: How many accounts are issued in one transaction, and how many documents are made in one.
BATCH = 25


def start_run(
    operator: Organisation,
    *,
    period_start: dt.date,
    period_end: dt.date,
    invoice_date: dt.date,
    by: User | None,
    now: dt.datetime,
) -> InvoiceRun:
    """The period's run with an item for each account that has something to bill; the same when asked twice.

    Of a run that is there already the failed items are tried again. Raises MissingSellerFacts, and ValueError
    for a period that has not ended by the invoice date.
    """
    if not period_start < period_end <= invoice_date:
        raise ValueError(_("The period must have ended by the invoice date."))
    parties.seller_facts(parties.profile_of(operator.pk))
    with transaction.atomic():
        run, is_new = InvoiceRun.objects.get_or_create(
            operator=operator,
            period_start=period_start,
            period_end=period_end,
            defaults={"invoice_date": invoice_date, "started_by": by, "started_at": now},
        )
        if is_new:
            _add_items(run)
        else:
            _reopen(run)
        audit.record(by, act="invoice_run.started", subject=f"invoice run {operator} {run}")
    return run


def pending_batches(run: InvoiceRun) -> list[list[int]]:
    """The items that wait to be issued, in batches."""
    return _batches(run.items.filter(state=State.PENDING))


def unrendered_batches(run: InvoiceRun) -> list[list[int]]:
    """The items whose documents wait to be made, in batches."""
    return _batches(run.items.filter(state=State.ISSUED, is_rendered=False))


def issue_items(run_id: int, *, item_ids: Sequence[int], now: dt.datetime) -> int:
    """The items are issued, or marked as empty or failed; returns how many this call issued.

    Items that somebody else is at, or that are done, are left alone. When one of the batch cannot be issued
    each is tried by itself.
    """
    run = InvoiceRun.objects.select_related("started_by").get(pk=run_id)
    waiting = run.items.filter(pk__in=item_ids, state=State.PENDING).select_related("account")
    checks, ready = _checks(run, list(waiting), now=now)
    if not ready:
        return 0
    try:
        return _issue(run, ready, checks, now=now)
    except Exception:
        logger.exception("Invoice run %s: a batch is issued one by one", run.pk)
    return sum(_issue_alone(run, item_id, checks, now=now) for item_id in ready)


def render_items(run_id: int, *, item_ids: Sequence[int], now: dt.datetime) -> int:
    """The documents of the items lie in the storage; returns how many this call made."""
    with transaction.atomic():
        items = list(
            InvoiceRunItem.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(run=run_id, pk__in=item_ids, state=State.ISSUED, is_rendered=False)
            .order_by("pk")
        )
        invoices = documents.with_parts(Invoice.objects.filter(pk__in=[item.invoice_id for item in items]))
        for invoice in invoices:
            documents.store(invoice, now)
        InvoiceRunItem.objects.filter(pk__in=[item.pk for item in items]).update(is_rendered=True)
    return len(items)


def finish(run: InvoiceRun, *, now: dt.datetime) -> bool:
    """The run is done once nothing waits any more; says whether it is."""
    left = Q(state=State.PENDING) | Q(state=State.ISSUED, is_rendered=False)
    if run.items.filter(left).exists():
        return False
    has_failed = run.items.filter(state=State.FAILED).exists()
    InvoiceRun.objects.filter(pk=run.pk, state=InvoiceRun.State.RUNNING).update(
        state=InvoiceRun.State.FAILED if has_failed else InvoiceRun.State.DONE, finished_at=now
    )
    return True


def _add_items(run: InvoiceRun) -> None:
    to_bill = billable(run.operator_id, before=run.period_end).order_by()
    account_ids = set(to_bill.values_list("account", flat=True).distinct())
    account_ids |= accounts_with_fees(
        run.operator_id, period_start=run.period_start, period_end=run.period_end
    )
    InvoiceRunItem.objects.bulk_create(
        (InvoiceRunItem(run=run, account_id=account_id) for account_id in sorted(account_ids)),
        batch_size=2000,
        ignore_conflicts=True,
    )


def _reopen(run: InvoiceRun) -> None:
    again = run.items.filter(state=State.FAILED).update(state=State.PENDING, error="")
    if again:
        InvoiceRun.objects.filter(pk=run.pk).update(state=InvoiceRun.State.RUNNING, finished_at=None)


def _batches(items: Iterable[InvoiceRunItem]) -> list[list[int]]:
    ids = list(items.order_by("pk").values_list("pk", flat=True))  # type: ignore[attr-defined]
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _checks(
    run: InvoiceRun, items: list[InvoiceRunItem], *, now: dt.datetime
) -> tuple[dict[int, VatNumberCheck], list[int]]:
    """Answers about VAT numbers, and the items that can go on; those without an answer wait."""
    country = monthly.seller_country(run.operator_id)
    abroad = [item for item in items if tax.may_reverse(item.account, seller_country=country)]
    checks: dict[int, VatNumberCheck] = {}
    waiting: set[int] = set()
    away = ""
    for item in abroad:
        check = vat_numbers.known(item.account, now=now)
        try:  # a register that does not answer is not asked about the rest of the batch
            check = check or (
                None if away else vat_numbers.checked(item.account, seller_country=country, now=now)
            )
        except vat_numbers.RegisterAway as silence:
            away = str(silence)
        if check is None:
            waiting.add(item.pk)
        else:
            checks[item.account_id] = check
    InvoiceRunItem.objects.filter(pk__in=waiting).update(error=away[:300])
    return checks, [item.pk for item in items if item.pk not in waiting]


def _issue(
    run: InvoiceRun, item_ids: Sequence[int], checks: dict[int, VatNumberCheck], *, now: dt.datetime
) -> int:
    with transaction.atomic():
        items = list(
            InvoiceRunItem.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(run=run, pk__in=item_ids, state=State.PENDING)
            .order_by("pk")
        )
        accounts = BillingAccount.objects.in_bulk([item.account_id for item in items])
        drafts = monthly.drafts_of(run, list(accounts.values()), checks=checks)
        wanted = [each.draft for each in drafts.values()]
        invoices = issue_all(wanted, now=now, issued_by=run.started_by, run=run)
        by_account = dict(zip(drafts, invoices, strict=True))
        for item in items:
            invoice = by_account.get(item.account_id)
            item.invoice = invoice
            item.state = State.ISSUED if invoice else State.EMPTY
            item.error = drafts[item.account_id].remark[:300] if invoice else ""
        InvoiceRunItem.objects.bulk_update(items, ["invoice", "state", "error"])
    return len(invoices)


def _issue_alone(
    run: InvoiceRun, item_id: int, checks: dict[int, VatNumberCheck], *, now: dt.datetime
) -> int:
    try:
        return _issue(run, [item_id], checks, now=now)
    except Exception as failed:
        logger.exception("Invoice run %s: item %s failed", run.pk, item_id)
        run.items.filter(pk=item_id, state=State.PENDING).update(state=State.FAILED, error=str(failed)[:300])
        return 0
