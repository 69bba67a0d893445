"""Paying a document: what is open, and the way to the payment page. Whoever has the link may pay."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing.invoicing.settling import open_amount
from billing.models import Invoice, Payment
from billing.payments import handlers, invoice_pages, stripe_api
from billing.payments.charging import NothingToPay

_PAYABLE = (Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT)


@never_cache
@require_http_methods(["GET", "POST"])
def pay_invoice(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The amount and one button; back from the payment page, what has become of it."""
    documents = Invoice.objects.select_related("series", "account").filter(kind__in=_PAYABLE)
    invoice = get_object_or_404(documents, public_id=public_id)
    if request.method == "POST":
        return _to_page(request, invoice)
    returned = request.GET.get("page", "")
    if returned:
        _follow(returned)
    amount = open_amount(invoice)
    on_its_way = invoice.payments.filter(state=Payment.State.PROCESSING).exists()
    facts = {
        "invoice": invoice,
        "amount": amount,
        "is_paid": amount <= 0,
        "is_on_its_way": on_its_way,
        "is_on": stripe_api.is_on(),
    }
    return render(request, "billing/pay_invoice.html", facts)


def _to_page(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    language = translation.get_language()[:2]
    try:
        return redirect(invoice_pages.open_page(invoice, language=language, now=timezone.now()))
    except NothingToPay:
        messages.info(request, _("This is paid already."))
    except stripe_api.PaymentsError:
        messages.error(request, _("The payment page cannot be opened right now. Try again in a few minutes."))
    return redirect("pay-invoice", public_id=invoice.public_id)


def _follow(session_id: str) -> None:
    """What happened on the payment page is known at once; if it cannot be asked, the message tells later."""
    try:
        handlers.follow_page(session_id, now=timezone.now())
    except stripe_api.PaymentsError:
        return
