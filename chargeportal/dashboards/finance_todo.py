"""What waits for a person at the finance desk, each kind counted by one query."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Min, Q
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.closing.month import BookMonth
from billing.invoicing import delivery
from billing.invoicing.settling import with_open_amount
from billing.models import (
    Dispute,
    DunningCase,
    Export,
    Invoice,
    InvoiceRunItem,
    Payment,
    Reconciliation,
    WebhookEvent,
)
from sessions.models import SessionReview, UnmatchedStop

RECENT = dt.timedelta(days=30)
#: Files are made in the background right after the document; later than this something is wrong.
FILES_WITHIN = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Todo:
    """One kind of thing to do: how many, in words, and where."""

    key: str
    title: str
    note: str
    count: int
    url: str
    is_urgent: bool = False


def todos(operator_id: int, *, now: dt.datetime) -> list[Todo]:
    """What waits, the urgent first; kinds with nothing to do are left out."""
    found = [make(operator_id, now) for make in _KINDS]
    waiting = [each for each in found if each.count]
    return sorted(waiting, key=lambda each: not each.is_urgent)


def page(name: str, query: str = "") -> str:
    """The address of an admin page; the desk itself where that page does not exist."""
    try:
        return reverse(name) + (f"?{query}" if query else "")
    except NoReverseMatch:
        return reverse("dashboards:finance")


def _holds(operator_id: int, now: dt.datetime) -> Todo:
    mine = BookMonth.of(operator_id, now.date()).of_operator("session__station")
    found = SessionReview.objects.filter(mine, decision="").aggregate(first=Min("opened_at"))["first"]
    count = SessionReview.objects.filter(mine, decision="").count() if found else 0
    return Todo(
        "holds",
        ngettext("%(n)d held session", "%(n)d held sessions", count) % {"n": count},
        _("Not billed until somebody has decided"),
        count,
        page("admin:charging_sessions_sessionreview_changelist"),
    )


def _declined(operator_id: int, now: dt.datetime) -> Todo:  # noqa: ARG001 - as the others
    open_ = with_open_amount(Invoice.objects.filter(operator=operator_id)).filter(Q(open_amount__gt=0))
    declined = Payment.objects.filter(
        operator=operator_id, state=Payment.State.FAILED, invoice__in=open_.values("pk")
    )
    count = declined.values("invoice").distinct().count()
    return Todo(
        "declined",
        ngettext("%(n)d declined card payment", "%(n)d declined card payments", count) % {"n": count},
        _("The card is tried again by itself; the customer has been told"),
        count,
        page("admin:billing_payment_changelist", "state__exact=failed"),
    )


def _dunning(operator_id: int, now: dt.datetime) -> Todo:  # noqa: ARG001 - as the others
    cases = DunningCase.objects.filter(account__operator=operator_id)
    count = cases.filter(Q(state=DunningCase.State.COLLECTION, closed_at=None)).count()
    return Todo(
        "dunning",
        ngettext("%(n)d debt for collection", "%(n)d debts for collection", count) % {"n": count},
        _("Reminders did not help: take the list to the collection agency"),
        count,
        page("admin:billing_dunningcase_changelist", "state__exact=collection"),
    )


def _paused(operator_id: int, now: dt.datetime) -> Todo:  # noqa: ARG001 - as the others
    count = DunningCase.objects.filter(account__operator=operator_id, state=DunningCase.State.PAUSED).count()
    return Todo(
        "paused",
        ngettext("%(n)d paused dunning case", "%(n)d paused dunning cases", count) % {"n": count},
        _("Nothing happens in them until somebody goes on"),
        count,
        page("admin:billing_dunningcase_changelist", "state__exact=paused"),
    )


def _differences(operator_id: int, now: dt.datetime) -> Todo:  # noqa: ARG001 - as the others
    count = (
        Reconciliation.objects.filter(operator=operator_id, accepted_at=None).exclude(differences=[]).count()
    )
    return Todo(
        "differences",
        ngettext("%(n)d day differs", "%(n)d days differ", count) % {"n": count},
        _("Our payments and the card processor's do not agree"),
        count,
        page("admin:billing_reconciliation_changelist"),
        is_urgent=True,
    )


def _disputes(operator_id: int, now: dt.datetime) -> Todo:
    open_ = Dispute.objects.filter(payment__operator=operator_id, closed_at=None)
    count = open_.count()
    due = open_.aggregate(first=Min("evidence_due_at"))["first"] if count else None
    note = _("Answer before %(day)s") % {"day": due.date()} if due else _("The cardholder contests a payment")
    return Todo(
        "disputes",
        ngettext("%(n)d disputed payment", "%(n)d disputed payments", count) % {"n": count},
        note,
        count,
        page("admin:billing_dispute_changelist"),
        is_urgent=bool(due and due - now < dt.timedelta(days=7)),
    )


def _exports(operator_id: int, now: dt.datetime) -> Todo:
    count = Export.objects.filter(
        operator=operator_id, state=Export.State.FAILED, requested_at__gte=now - RECENT
    ).count()
    return Todo(
        "exports",
        ngettext("%(n)d export failed", "%(n)d exports failed", count) % {"n": count},
        _("Try again, or ask whoever runs the system"),
        count,
        page("admin:billing_export_changelist"),
    )


def _documents(operator_id: int, now: dt.datetime) -> Todo:
    count = Invoice.objects.filter(
        operator=operator_id, issued_at__gte=now - RECENT, issued_at__lt=now - FILES_WITHIN, documents=None
    ).count()
    return Todo(
        "documents",
        ngettext("%(n)d document without file", "%(n)d documents without file", count) % {"n": count},
        _("Issued, but the PDF is not made yet"),
        count,
        page("admin:billing_invoice_changelist"),
    )


def _unsent(operator_id: int, now: dt.datetime) -> Todo:
    mine = Invoice.objects.filter(operator=operator_id, issued_at__gte=now - RECENT)
    count = delivery.undelivered(mine, *delivery.NOT_ARRIVED).count()
    return Todo(
        "unsent",
        ngettext("%(n)d document not mailed", "%(n)d documents not mailed", count) % {"n": count},
        _("The mail server did not take it. Check the address and send it again"),
        count,
        page("admin:billing_invoice_changelist", "mail=failed"),
    )


def _run_items(operator_id: int, now: dt.datetime) -> Todo:  # noqa: ARG001 - as the others
    count = InvoiceRunItem.objects.filter(
        run__operator=operator_id, state=InvoiceRunItem.State.FAILED
    ).count()
    return Todo(
        "run_items",
        ngettext("%(n)d customer could not be invoiced", "%(n)d customers could not be invoiced", count)
        % {"n": count},
        _("The run says why; put it right and run again"),
        count,
        page("admin:billing_invoicerun_changelist"),
        is_urgent=True,
    )


def _webhooks(operator_id: int, now: dt.datetime) -> Todo:  # noqa: ARG001 - as the others
    count = WebhookEvent.objects.filter(
        handled_at=None, received_at__lt=now - dt.timedelta(minutes=15)
    ).count()
    return Todo(
        "webhooks",
        ngettext("%(n)d message not handled", "%(n)d messages not handled", count) % {"n": count},
        _("The card processor told us something that we could not use yet"),
        count,
        page("admin:billing_webhookevent_changelist"),
    )


def _stops(operator_id: int, now: dt.datetime) -> Todo:
    mine = BookMonth.of(operator_id, now.date()).of_operator("station")
    count = UnmatchedStop.objects.filter(mine, session=None).count()
    return Todo(
        "stops",
        ngettext("%(n)d stop without session", "%(n)d stops without session", count) % {"n": count},
        _("A charger ended something we do not know"),
        count,
        page("admin:charging_sessions_unmatchedstop_changelist"),
    )


_KINDS = (
    _disputes, _differences, _run_items, _holds, _declined, _dunning, _paused, _documents, _unsent, _exports,
    _webhooks, _stops,
)  # fmt: skip
