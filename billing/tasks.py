"""Work of the billing app in the background."""

import datetime as dt

from celery import shared_task
from celery.schedules import crontab
from django.utils import timezone

from billing import cdrs, dunning
from billing.dunning import mails as dunning_mails
from billing.exports import delivering, making, schedules
from billing.invoicing import credits as credit_notes
from billing.invoicing import delivery, documents, runs, vat_numbers
from billing.models import BillingAccount, Invoice, InvoiceRun, InvoiceRunItem
from billing.payments import (
    collecting,
    guest,
    guest_end,
    guest_sweep,
    invoice_pages,
    payment_sweep,
    reconciling,
    refunds,
    subscription_sweep,
    subscriptions,
    wallet_sweep,
    wallets,
    webhooks,
)
from billing.revenue import costs
from billing.spot import fetching
from billing.tariffs import simulation

SWEEP_AT_MOST = 500

BEAT_SCHEDULE = {
    "billing.sweep_exports": {
        "task": "billing.tasks.sweep_exports",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.continue_invoice_runs": {
        "task": "billing.tasks.continue_invoice_runs",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.credit_corrected_cdrs": {
        "task": "billing.tasks.credit_corrected_cdrs",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.mail_documents": {
        "task": "billing.tasks.mail_documents",
        "schedule": 20.0,
        "options": {"queue": "billing", "expires": 18},
    },
    "billing.ask_about_vat_numbers": {
        "task": "billing.tasks.ask_about_vat_numbers",
        "schedule": 900.0,
        "options": {"queue": "billing", "expires": 850},
    },
    "billing.fetch_spot_prices": {
        "task": "billing.tasks.fetch_spot_prices",
        "schedule": 900.0,
        "options": {"queue": "billing", "expires": 850},
    },
    "billing.rate_ended_sessions": {
        "task": "billing.tasks.rate_ended_sessions",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.work_out_unknown_costs": {
        "task": "billing.tasks.work_out_unknown_costs",
        "schedule": 300.0,
        "options": {"queue": "billing", "expires": 290},
    },
    "billing.correct_sessions": {
        "task": "billing.tasks.correct_sessions",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.advance_guests": {
        "task": "billing.tasks.advance_guests",
        "schedule": 20.0,
        "options": {"queue": "billing", "expires": 18},
    },
    "billing.handle_webhooks": {
        "task": "billing.tasks.handle_webhooks",
        "schedule": 30.0,
        "options": {"queue": "billing", "expires": 28},
    },
    "billing.collect_by_card": {
        "task": "billing.tasks.collect_by_card",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.follow_payments": {
        "task": "billing.tasks.follow_payments",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.dun": {
        "task": "billing.tasks.dun",
        "schedule": crontab(hour="8-17", minute="15"),
        "options": {"queue": "billing"},
    },
    "billing.reconcile_yesterday": {
        "task": "billing.tasks.reconcile_yesterday",
        "schedule": crontab(hour="3,9,15", minute="20"),
        "options": {"queue": "billing"},
    },
    "billing.look_after_wallets": {
        "task": "billing.tasks.look_after_wallets",
        "schedule": 60.0,
        "options": {"queue": "billing", "expires": 55},
    },
    "billing.keep_subscriptions": {
        "task": "billing.tasks.keep_subscriptions",
        "schedule": 600.0,
        "options": {"queue": "billing", "expires": 590},
    },
}


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def rate_session(*, session_id: int) -> None:
    """The ended session has its CDR; doing it twice makes no second one."""
    cdrs.rate_session(session_id, now=timezone.now())


@shared_task(queue="billing")
def rate_ended_sessions() -> int:
    """Ended sessions whose fact was lost are rated after all; returns how many waited."""
    waiting = cdrs.unrated_session_ids(most=SWEEP_AT_MOST)
    for session_id in waiting:
        rate_session.delay(session_id=session_id)
    return len(waiting)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def correct_session(*, session_id: int) -> None:
    """The session's record says what is known of it now; doing it twice corrects once."""
    cdrs.correct_session(session_id, now=timezone.now())


@shared_task(queue="billing")
def correct_sessions() -> int:
    """Records whose correction was lost are corrected after all; returns how many waited."""
    waiting = cdrs.uncorrected_session_ids(most=SWEEP_AT_MOST)
    for session_id in waiting:
        correct_session.delay(session_id=session_id)
    return len(waiting)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def advance_guest(*, checkout_id: int) -> None:
    """The guest's checkout has gone as far as it can go now; doing it twice does it once."""
    guest.advance(checkout_id, now=timezone.now())
    mail_guest_receipt.delay(checkout_id=checkout_id)


@shared_task(queue="billing")
def advance_guests() -> int:
    """What was left undone of guests' checkouts is done after all; returns how many waited."""
    guest_sweep.stop_used_up(now=timezone.now())
    waiting = guest_sweep.unfinished_ids(now=timezone.now(), most=SWEEP_AT_MOST)
    for checkout_id in waiting:
        advance_guest.delay(checkout_id=checkout_id)
    for checkout_id in guest_sweep.unsent_ids(most=SWEEP_AT_MOST):
        mail_guest_receipt.delay(checkout_id=checkout_id)
    return len(waiting)


@shared_task(queue="mail", autoretry_for=(Exception,), retry_backoff=30, max_retries=5)
def mail_guest_receipt(*, checkout_id: int) -> None:
    """The guest has the receipt by mail, once, if there is one and an address."""
    guest_end.send_receipt(checkout_id, now=timezone.now())


@shared_task(queue="billing")
def run_invoices(*, run_id: int) -> int:
    """Every account that waits in the run is given to a worker; returns how many batches there are."""
    run = InvoiceRun.objects.get(pk=run_id)
    pending, unrendered = runs.pending_batches(run), runs.unrendered_batches(run)
    for item_ids in pending:
        issue_run_items.delay(run_id=run_id, item_ids=item_ids)
    for item_ids in unrendered:
        render_run_items.delay(run_id=run_id, item_ids=item_ids)
    runs.finish(run, now=timezone.now())
    return len(pending) + len(unrendered)


@shared_task(queue="billing", acks_late=True)
def issue_run_items(*, run_id: int, item_ids: list[int]) -> None:
    """The accounts' invoices are issued; what is issued already stays as it is."""
    runs.issue_items(run_id, item_ids=item_ids, now=timezone.now())
    render_run_items.delay(run_id=run_id, item_ids=item_ids)


@shared_task(queue="billing", acks_late=True)
def render_run_items(*, run_id: int, item_ids: list[int]) -> None:
    """The invoices' documents are made; the last batch finishes the run."""
    now = timezone.now()
    runs.render_items(run_id, item_ids=item_ids, now=now)
    runs.finish(InvoiceRun.objects.get(pk=run_id), now=now)
    made = InvoiceRunItem.objects.filter(pk__in=item_ids, is_rendered=True, invoice__isnull=False)
    mail_documents.delay(invoice_ids=list(made.values_list("invoice", flat=True)))


@shared_task(queue="billing")
def mail_documents(*, invoice_ids: list[int] | None = None) -> int:
    """What may be mailed waits for it, and what is due is given to workers; returns how many chunks."""
    now = timezone.now()
    delivery.give_up_silent(now=now)
    delivery.queue_new(now=now, most=SWEEP_AT_MOST, invoice_ids=invoice_ids)
    chunks = delivery.hand_out(now=now)
    for delivery_ids in chunks:
        mail_document_chunk.delay(delivery_ids=delivery_ids)
    return len(chunks)


@shared_task(queue="mail", acks_late=True)
def mail_document_chunk(*, delivery_ids: list[int]) -> None:
    """The documents are mailed; one that was, or that another worker is at, is left alone."""
    if delivery.send_chunk(delivery_ids, now=timezone.now()):
        mail_documents.delay(invoice_ids=[])  # the next ones stand behind what other mails came meanwhile


@shared_task(queue="billing")
def continue_invoice_runs() -> int:
    """Runs whose workers died go on where they were; returns how many are going on."""
    running = list(InvoiceRun.objects.filter(state=InvoiceRun.State.RUNNING).values_list("pk", flat=True))
    for run_id in running:
        run_invoices.delay(run_id=run_id)
    return len(running)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def credit_corrected_cdr(*, cdr_id: int) -> None:
    """The credit of a CDR that was billed stands on a credit note; doing it twice makes one."""
    credit_notes.credit_corrected_cdr(cdr_id, now=timezone.now())


@shared_task(queue="billing")
def credit_corrected_cdrs() -> int:
    """Credits of billed CDRs whose fact was lost get their credit notes; returns how many waited."""
    waiting = credit_notes.corrected_cdr_ids(most=SWEEP_AT_MOST)
    for cdr_id in waiting:
        credit_corrected_cdr.delay(cdr_id=cdr_id)
    return len(waiting)


@shared_task(queue="billing")
def ask_about_vat_numbers() -> int:
    """The register is asked again about numbers it had no answer for; returns how many."""
    waiting = vat_numbers.unanswered(most=20)
    for account in BillingAccount.objects.filter(pk__in=waiting):
        vat_numbers.check(account, now=timezone.now())
    return len(waiting)


@shared_task(queue="billing")
def handle_webhook(*, event_id: int) -> None:
    """The card processor's message has been handled, or waits for the sweep; doing it twice does it once."""
    webhooks.handle(event_id, now=timezone.now())


@shared_task(queue="billing")
def handle_webhooks() -> int:
    """Messages whose task was lost or failed are handled after all; returns how many waited."""
    waiting = webhooks.unhandled_ids(now=timezone.now(), most=SWEEP_AT_MOST)
    for event_id in waiting:
        handle_webhook.delay(event_id=event_id)
    return len(waiting)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=30, max_retries=3)
def collect_cdr(*, cdr_id: int) -> None:
    """The session of an account that pays by card has its receipt, and the card was asked; once."""
    collecting.collect_cdr(cdr_id, now=timezone.now())


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=30, max_retries=3)
def pay_back(*, credit_note_id: int) -> None:
    """What the credit note owes has gone back the way it came; doing it twice does it once."""
    credit_note = Invoice.objects.select_related("credits", "series", "account").get(pk=credit_note_id)
    guest_end.carry_over(credit_note, now=timezone.now())
    wallets.pay_back(credit_note, now=timezone.now())
    refunds.pay_back(credit_note, now=timezone.now())


@shared_task(queue="billing")
def collect_by_card() -> int:
    """Sessions and credit notes whose fact was lost are collected and paid back; returns how many."""
    cdr_ids = collecting.uncollected_cdr_ids(now=timezone.now(), most=SWEEP_AT_MOST)
    for cdr_id in cdr_ids:
        collect_cdr.delay(cdr_id=cdr_id)
    credit_note_ids = collecting.unrefunded_credit_note_ids(now=timezone.now(), most=SWEEP_AT_MOST)
    for credit_note_id in credit_note_ids:
        pay_back.delay(credit_note_id=credit_note_id)
    return len(cdr_ids) + len(credit_note_ids)


@shared_task(queue="billing")
def follow_payments() -> int:
    """Charges and refunds whose outcome is not known are asked about again; returns how many."""
    return payment_sweep.follow(now=timezone.now(), most=SWEEP_AT_MOST)


@shared_task(queue="mail", autoretry_for=(Exception,), retry_backoff=30, max_retries=5)
def mail_payment_approval(*, payment_id: int) -> None:
    """The customer knows that the bank wants an approval, and where to give it."""
    invoice_pages.mail_approval(payment_id)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=300, max_retries=5)
def reconcile_yesterday(*, with_today: bool = False) -> None:
    """The card processor's balance is held against our books, for the past days and today if asked."""
    reconciling.reconcile_recent(now=timezone.now(), with_today=with_today)


@shared_task(queue="billing")
def run_tariff_simulation(*, simulation_id: int) -> None:
    """The simulation has its result; doing it twice changes nothing."""
    simulation.run(simulation_id, now=timezone.now())


@shared_task(queue="billing")
def fetch_spot_prices() -> list[str]:
    """The day-ahead prices of today and tomorrow are there, or are asked for again next time."""
    return sorted(fetching.fetch_missing(now=timezone.now()))


@shared_task(queue="billing")
def dun() -> int:
    """What is overdue has a case, what is paid has none open, and steps that have come are taken."""
    now = timezone.now()
    for act_id in dunning.close_paid(now=now, most=SWEEP_AT_MOST):
        mail_dunning.delay(act_id=act_id)
    dunning.open_overdue(today=timezone.localdate(now), now=now, most=SWEEP_AT_MOST)
    due = dunning.due_ids(now=now, most=SWEEP_AT_MOST)
    for case_id in due:
        advance_dunning.delay(case_id=case_id)
    return len(due)


@shared_task(queue="billing")
def open_dunning(*, payment_id: int) -> None:
    """The document whose card was declined has a case, and its customer has been told."""
    case_id = dunning.open_declined(payment_id, now=timezone.now())
    if case_id is not None:
        advance_dunning.delay(case_id=case_id)


@shared_task(queue="billing")
def advance_dunning(*, case_id: int) -> None:
    """The case's step that has come is taken, once; the customer is told, or the card is tried again."""
    act = dunning.advance(case_id, now=timezone.now())
    if act is not None and act.kind == act.Kind.RETRY:
        retry_card.delay(act_id=act.pk)
    elif act is not None:
        mail_dunning.delay(act_id=act.pk)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=60, max_retries=5)
def retry_card(*, act_id: int) -> None:
    """The card was tried again, once; the customer is told when it was declined again."""
    payment = dunning.retry(act_id, now=timezone.now())
    if payment is not None and payment.state == payment.State.FAILED:
        mail_dunning.delay(act_id=act_id)


@shared_task(queue="mail", autoretry_for=(Exception,), retry_backoff=30, max_retries=5)
def mail_dunning(*, act_id: int) -> None:
    """The customer knows what was done about the unpaid document."""
    dunning_mails.send(act_id, now=timezone.now())


@shared_task(queue="billing")
def make_export(*, export_id: int) -> None:
    """The export's file is made, unless another worker has it."""
    making.make(export_id)


@shared_task(queue="mail", autoretry_for=(Exception,), retry_backoff=30, max_retries=5)
def deliver_export(*, export_id: int) -> None:
    """The export is where its schedule wants it."""
    delivering.deliver(export_id, now=timezone.now())


@shared_task(queue="billing")
def sweep_exports() -> int:
    """Schedules that are due have asked, and exports left behind are taken up again; returns how many."""
    now = timezone.now()
    asked = schedules.run_due(now=now)
    unfinished, undelivered = making.unfinished_ids(now=now), delivering.undelivered_ids(now=now)
    for export_id in unfinished:
        make_export.delay(export_id=export_id)
    for export_id in undelivered:
        deliver_export.delay(export_id=export_id)
    return asked + len(unfinished) + len(undelivered)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def work_out_costs(*, cdr_ids: list[int]) -> None:
    """The records have their costs as far as they are known; doing it twice changes nothing."""
    costs.work_out(cdr_ids, now=timezone.now())


@shared_task(queue="billing")
def work_out_unknown_costs() -> int:
    """Records whose costs were not known are looked at again; returns how many."""
    waiting = costs.unknown(most=SWEEP_AT_MOST, now=timezone.now())
    costs.work_out(waiting, now=timezone.now())
    return len(waiting)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def work_out_costs_of_location(*, location_id: int, since: str) -> None:
    """What was charged at the location since that day costs what the purchase prices say now."""
    found = costs.of_location(location_id, since=dt.date.fromisoformat(since))
    for start in range(0, len(found), SWEEP_AT_MOST):
        work_out_costs.delay(cdr_ids=found[start : start + SWEEP_AT_MOST])


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def collect_from_wallet(*, cdr_id: int) -> None:
    """The session's receipt is paid from the wallet, which fills itself if it is low; twice does it once."""
    receipt = wallets.collect_cdr(cdr_id, now=timezone.now())
    if receipt is not None and receipt.account_id is not None:
        wallets.top_up_if_low(receipt.account_id, now=timezone.now())


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def fill_wallet(*, account_id: int) -> None:
    """A wallet that fills itself and is low has asked its card."""
    wallets.top_up_if_low(account_id, now=timezone.now())


@shared_task(queue="billing")
def look_after_wallets() -> None:
    """Sessions that used up their wallet stop; what wallets should have paid, they pay; low ones fill up."""
    now = timezone.now()
    wallet_sweep.stop_empty(now=now)
    wallet_sweep.pay_open(now=now, most=SWEEP_AT_MOST)
    for cdr_id in wallet_sweep.uncollected_cdr_ids(now=now, most=SWEEP_AT_MOST):
        collect_from_wallet.delay(cdr_id=cdr_id)
    for credit_note_id in wallet_sweep.unreturned_credit_note_ids(now=now, most=SWEEP_AT_MOST):
        pay_back.delay(credit_note_id=credit_note_id)
    for account_id in wallet_sweep.low_account_ids(most=SWEEP_AT_MOST):
        fill_wallet.delay(account_id=account_id)


@shared_task(queue="billing")
def keep_subscriptions() -> None:
    """Subscriptions have their month, months point to their invoices, and those that are over are earned."""
    today = timezone.localdate()
    subscriptions.open_months(today=today)
    subscriptions.mark_billed()
    subscriptions.recognise(today=today)
    for invoice_id in subscription_sweep.uncollected_ids(now=timezone.now(), most=SWEEP_AT_MOST):
        collect_fee.delay(invoice_id=invoice_id)


@shared_task(queue="billing", autoretry_for=(Exception,), retry_backoff=5, max_retries=5)
def collect_fee(*, invoice_id: int) -> None:
    """The card of an account that pays by card has been asked for an invoice with a fee, once."""
    subscription_sweep.collect(invoice_id, now=timezone.now())


@shared_task(queue="billing", acks_late=True)
def render_documents(*, invoice_ids: list[int]) -> None:
    """The documents lie in the storage; made again they have the same bytes."""
    for invoice in documents.with_parts(Invoice.objects.filter(pk__in=invoice_ids)):
        documents.store(invoice, timezone.now())
