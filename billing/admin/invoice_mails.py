"""What finance sees of a document's mail: where it went and when, why not, and that it may go once more."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import person
from billing.invoicing import delivery
from billing.models import Invoice, InvoiceDelivery
from billing.tasks import mail_documents
from chargeportal.templatetags.chargeportal_formats import local

State = InvoiceDelivery.State


class MailFilter(admin.SimpleListFilter):
    """Documents that did not reach their customer."""

    title = _("mail")
    parameter_name = "mail"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("failed", _("could not be sent")), ("no_address", _("no e-mail address"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        states = {"failed": delivery.NOT_ARRIVED, "no_address": (State.NO_ADDRESS,)}.get(self.value() or "")
        return queryset if states is None else delivery.undelivered(queryset, *states)


def mails_of(invoice: Invoice) -> SafeString | str:
    """Where the document went and when, a line for each time."""
    lines = ((_words(each),) for each in invoice.deliveries.all())
    return format_html_join("", "<div>{}</div>", lines) or "–"


def events_of(invoice: Invoice) -> Iterator[tuple[dt.datetime, str]]:
    """The mails that went, for the document's story."""
    for each in invoice.deliveries.select_related("asked_by"):
        if each.sent_at is not None:
            by = f" · {each.asked_by}" if each.asked_by else ""
            yield each.sent_at, _now("Mailed to %(address)s") % {"address": each.address} + by


def send_again_view(site: AdminSite, request: HttpRequest, invoice: Invoice | None) -> HttpResponse:
    """Asks, and says where to; posted, the document is mailed once more."""
    if invoice is None:
        raise Http404
    page = reverse("admin:billing_invoice_change", args=[invoice.pk])
    if request.method == "POST":
        try:
            again = delivery.send_again(invoice, by=person(request), now=timezone.now())
        except delivery.CannotSend as refused:
            messages.error(request, str(refused))
        else:
            mail_documents.delay_on_commit(invoice_ids=[])
            messages.success(request, _now("It is sent to %(address)s.") % {"address": again.address})
        return redirect(page)
    context = site.each_context(request) | {
        "title": _now("Send %(invoice)s again") % {"invoice": invoice.full_number},
        "invoice": invoice,
        "mails": mails_of(invoice),
        "address": delivery.customer_address(invoice),
    }
    return TemplateResponse(request, "admin/invoices/send_again.html", context)


def _words(each: InvoiceDelivery) -> str:
    if each.sent_at is not None:
        return _now("Sent to %(address)s at %(time)s") % {
            "address": each.address,
            "time": local(each.sent_at),
        }
    parts = (each.address, each.get_state_display(), each.error)
    return ": ".join(part for part in parts if part)
