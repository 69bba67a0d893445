"""What customers are told about money that has not come: plain words, and the link to pay."""

import datetime as dt
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.dunning.blocking import address_of
from billing.dunning.ladder import is_by_card, ladder, policy_of
from billing.invoicing.settling import open_amount
from billing.models import DunningAct, DunningCase
from billing.payments import invoice_pages
from chargeportal.common.formats import format_money
from chargeportal.common.money import Money

Kind = DunningAct.Kind


def send(act_id: int, *, now: dt.datetime) -> bool:
    """The customer has a mail about the act; False without an address, or when it is paid already."""
    act = DunningAct.objects.select_related("case__account__user", "case__invoice__series").get(pk=act_id)
    case = act.case
    to = address_of(case.account)
    if not to or case.state == DunningCase.State.PAUSED:
        return False
    if act.kind != Kind.UNBLOCK and open_amount(case.invoice) <= 0:
        return False
    with override(case.account.language):
        EmailMessage(subject=_subject(act), body=_body(act, now=now), to=[to]).send()
    return True


def _subject(act: DunningAct) -> str:
    number = {"number": act.case.invoice.full_number}
    if act.kind == Kind.UNBLOCK:
        return _("Thank you. You can charge again")
    if act.kind == Kind.BLOCK:
        return _("Charging is paused until %(number)s is paid") % number
    if act.kind == Kind.COLLECTION:
        return _("%(number)s goes to a collection agency") % number
    if is_by_card(act.case.invoice):
        return _("Your card was declined for %(number)s") % number
    return _("Reminder: %(number)s is not paid") % number


def _body(act: DunningAct, *, now: dt.datetime) -> str:
    invoice = act.case.invoice
    template = "card" if is_by_card(invoice) and act.kind in {Kind.RETRY, Kind.REMINDER} else act.kind
    context: dict[str, Any] = {
        "number": invoice.full_number,
        "amount": format_money(Money(open_amount(invoice), invoice.currency), act.case.account.language),
        "due": invoice.due_date,
        "days": (now.date() - invoice.due_date).days,
        "address": invoice_pages.address_of(invoice),
        "seller": invoice.seller.get("name", ""),
        "bankgiro": invoice.seller.get("bankgiro", ""),
        "ocr": invoice.ocr,
        "is_retry": act.kind == Kind.RETRY,
        "next_try": _next_try(act),
        "is_last_reminder": _is_last_reminder(act),
        "fee": _fee(act),
    }
    return render_to_string(f"billing/email/dunning_{template}.txt", context)


def _steps(act: DunningAct) -> Any:
    policy = policy_of(act.case.invoice.operator_id)
    return ladder(policy, by_card=is_by_card(act.case.invoice))


def _next_try(act: DunningAct) -> str:
    """The day the card is tried next; empty when it is not."""
    steps = _steps(act)
    following = steps[act.step] if act.step < len(steps) else None
    if following is None or following.kind != Kind.RETRY or act.case.next_step_at is None:
        return ""
    return date_format(act.case.next_step_at.date(), "j F")


def _is_last_reminder(act: DunningAct) -> bool:
    return all(step.kind != Kind.REMINDER for step in _steps(act)[act.step :])


def _fee(act: DunningAct) -> str:
    steps = _steps(act)
    has_fee = 0 < act.step <= len(steps) and steps[act.step - 1].has_fee
    fee = policy_of(act.case.invoice.operator_id).reminder_fee
    return format_money(Money(fee, act.case.invoice.currency), act.case.account.language) if has_fee else ""
