"""The cases: opened for what is unpaid, taken step by step, closed as soon as the money has come.

The case's row is locked while a step is taken: of two workers one takes it.
"""

import datetime as dt

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from billing.dunning import blocking, fees
from billing.dunning.ladder import Step, anchor_of, due_at, is_by_card, ladder, policy_of
from billing.invoicing.settling import open_amount, with_open_amount
from billing.models import DunningAct, DunningCase, Invoice, Payment
from billing.payments.charging import NO_CARD, NothingToPay, charge_invoice

State = DunningCase.State
Kind = DunningAct.Kind
UNFINISHED = (State.OPEN, State.PAUSED, State.COLLECTION)
_OWED = (Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT)


class CannotChange(ValueError):
    """The case cannot be changed so; the text says why."""


def open_overdue(*, today: dt.date, now: dt.datetime, most: int) -> list[int]:
    """Every document that is overdue and unpaid has a case; returns those that are new."""
    overdue = (
        Invoice.objects.select_related("account")
        .filter(kind__in=_OWED, due_date__lt=today, account__isnull=False, dunning_case=None)
        .exclude(operator__dunning_policy__is_active=False)
    )
    unpaid = with_open_amount(overdue).filter(Q(open_amount__gt=0)).order_by("due_date", "pk")
    return [case.pk for invoice in unpaid[:most] if (case := _open(invoice, now=now))]


def open_declined(payment_id: int, *, now: dt.datetime) -> int | None:
    """The document whose card was declined has a case; None where a person is paying, or all is paid."""
    payment = Payment.objects.select_related("invoice__account").get(pk=payment_id)
    invoice = payment.invoice
    asked_a_card = payment.card_id is not None or payment.failure_code == NO_CARD
    if invoice is None or invoice.account is None or not asked_a_card or not is_by_card(invoice):
        return None
    if payment.state != Payment.State.FAILED or open_amount(invoice) <= 0:
        return None
    if not policy_of(invoice.operator_id).is_active:
        return None
    case = _open(invoice, now=now)
    return case.pk if case else None


def due_ids(*, now: dt.datetime, most: int) -> list[int]:
    """Open cases whose next step has come, the longest waiting first."""
    due = DunningCase.objects.filter(state=State.OPEN, next_step_at__lte=now).order_by("next_step_at")
    return list(due.values_list("pk", flat=True)[:most])


def advance(case_id: int, *, now: dt.datetime) -> DunningAct | None:
    """The case's next step is taken if its time has come; what was done, None when nothing was."""
    with transaction.atomic():
        case = _locked(case_id)
        if case.state != State.OPEN or case.next_step_at is None or case.next_step_at > now:
            return None
        if open_amount(case.invoice) <= 0:
            _finish(case, State.PAID, now=now)
            return None
        policy = policy_of(case.invoice.operator_id)
        steps = ladder(policy, by_card=is_by_card(case.invoice))
        if case.step >= len(steps):  # the ladder was shortened meanwhile
            DunningCase.objects.filter(pk=case.pk).update(next_step_at=None)
            return None
        step = steps[case.step]
        act = _record(case, step.kind, step=case.step + 1, text=_reached(case), now=now)
        _do(case, step, now=now)
        _plan_next(case, steps, now=now)
    return act


def retry(act_id: int, *, now: dt.datetime) -> Payment | None:
    """The card was tried again, once for this act; None when there was nothing left to pay.

    Raises PaymentsError when the card processor cannot be asked.
    """
    act = DunningAct.objects.select_related("case__invoice__account").get(pk=act_id)
    if act.case.state != State.OPEN:
        return None
    try:
        return charge_invoice(act.case.invoice, now=now, attempt_key=f"dunning:{act.case_id}:{act.step}")
    except NothingToPay:
        return None


def paid(invoice: Invoice, *, now: dt.datetime) -> DunningAct | None:
    """A paid document's case is closed; the act, when its customer may charge again because of it."""
    if open_amount(invoice) > 0:
        return None
    with transaction.atomic():
        case = DunningCase.objects.filter(invoice=invoice.pk, state__in=UNFINISHED).first()
        if case is None:
            return None
        case = _locked(case.pk)
        return _finish(case, State.PAID, now=now) if case.state in UNFINISHED else None


def close_paid(*, now: dt.datetime, most: int) -> list[int]:
    """Cases whose payment was not heard of are closed after all; the acts that let somebody charge again."""
    documents = Invoice.objects.filter(dunning_case__state__in=UNFINISHED)
    settled = with_open_amount(documents).filter(Q(open_amount__lte=0))[:most]
    acts = [paid(invoice, now=now) for invoice in settled]
    return [act.pk for act in acts if act is not None]


def pause(case: DunningCase, *, note: str, by: User, now: dt.datetime) -> None:
    """Nothing happens in the case until it is resumed."""
    _decide(case, (State.OPEN,), State.PAUSED, note=note, by=by, now=now)


def resume(case: DunningCase, *, note: str, by: User, now: dt.datetime) -> None:
    """The case goes on where it was paused, its next step not before tomorrow."""
    _decide(case, (State.PAUSED,), State.OPEN, note=note, by=by, now=now)


def close(case: DunningCase, *, note: str, by: User, now: dt.datetime) -> None:
    """The case is over though the money has not come, and the customer may charge again."""
    _decide(case, UNFINISHED, State.CLOSED, note=note, by=by, now=now)


def _open(invoice: Invoice, *, now: dt.datetime) -> DunningCase | None:
    """The document's case, made now; None when it has one, or nobody we know owes it."""
    if invoice.account is None:
        return None
    case, is_new = DunningCase.objects.get_or_create(
        invoice=invoice, defaults={"account": invoice.account, "opened_at": now}
    )
    if not is_new:
        return None
    steps = ladder(policy_of(invoice.operator_id), by_card=is_by_card(invoice))
    if steps:
        case.next_step_at = due_at(anchor_of(case), steps[0], before=None, now=now)
        case.save(update_fields=["next_step_at"])
    return case


def _do(case: DunningCase, step: Step, *, now: dt.datetime) -> None:
    if step.kind == Kind.BLOCK:
        blocking.block(case, now=now)
    elif step.kind == Kind.COLLECTION:
        DunningCase.objects.filter(pk=case.pk).update(state=State.COLLECTION)
    elif step.has_fee:
        fees.charge(case, now=now)


def _plan_next(case: DunningCase, steps: tuple[Step, ...], *, now: dt.datetime) -> None:
    done, following = steps[case.step], steps[case.step + 1 : case.step + 2]
    next_at = due_at(anchor_of(case), following[0], before=done, now=now) if following else None
    DunningCase.objects.filter(pk=case.pk).update(step=case.step + 1, next_step_at=next_at)


def _decide(
    case: DunningCase, expected: tuple[str, ...], state: str, *, note: str, by: User, now: dt.datetime
) -> None:
    if not note.strip():
        raise CannotChange(_("Write a note: why."))
    with transaction.atomic():
        locked = _locked(case.pk)
        if locked.state not in expected:
            raise CannotChange(_("Somebody has changed the case meanwhile."))
        _record(locked, Kind.NOTE, step=locked.step, text=f"{by}: {note.strip()}"[:300], now=now)
        if state == State.CLOSED:
            _finish(locked, state, now=now)
        else:
            tomorrow = now + dt.timedelta(days=1)
            next_at = (
                max(locked.next_step_at or tomorrow, tomorrow) if state == State.OPEN else locked.next_step_at
            )
            DunningCase.objects.filter(pk=locked.pk).update(state=state, next_step_at=next_at)
        audit.record(
            by,
            act=f"dunning.{state}",
            subject=f"case of {locked.invoice}",
            details={"note": note.strip()[:300]},
        )


def _finish(case: DunningCase, state: str, *, now: dt.datetime) -> DunningAct | None:
    """The case is over; the act, when its customer may charge again because of it."""
    DunningCase.objects.filter(pk=case.pk).update(state=state, closed_at=now, next_step_at=None)
    if not blocking.unblock(case):
        return None
    return _record(case, Kind.UNBLOCK, step=case.step, text=_reached(case), now=now)


def _reached(case: DunningCase) -> str:
    """How the customer is told of the step, for whoever reads the case."""
    email = blocking.address_of(case.account)
    return (
        _("e-mail to %(address)s") % {"address": email}
        if email
        else _("no e-mail address: call the customer")
    )


def _record(case: DunningCase, kind: str, *, step: int, text: str, now: dt.datetime) -> DunningAct:
    return DunningAct.objects.create(case=case, kind=kind, step=step, text=text, done_at=now)


def _locked(case_id: int) -> DunningCase:
    return (
        DunningCase.objects.select_for_update(of=("self",))
        .select_related("account__user", "invoice__series")
        .get(pk=case_id)
    )
