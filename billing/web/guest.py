"""Charging without an account: the page behind the QR code, and the page of one guest's charging."""

from __future__ import annotations

import logging
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from billing.invoicing import documents
from billing.models import GuestCheckout
from billing.payments import guest, guest_end, stripe_api
from billing.price_lists import price_list_of
from billing.tariff_selection import tariff_for
from billing.tasks import mail_guest_receipt
from billing.web.guest_words import page_of, sign_of
from billing.web.limits import is_too_often
from billing.web.outlets import code_of, public_outlet
from sessions.remote_control import StartRefused, StopRefused, request_stop
from sessions.web.location import outlet_of
from stations.models import Evse

logger = logging.getLogger(__name__)

_SALT = "guest-attempt"
#: A page that has been open for longer is loaded anew before one can pay: its price may be old.
_PAGE_GOOD_S = 3600


class GuestForm(forms.Form):
    """Where the receipt goes, and which attempt this is: two clicks are one attempt."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail for the receipt"),
        help_text=gettext_lazy("If you leave it empty, you find the receipt on the page of your session."),
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
    )
    attempt = forms.CharField(max_length=400, widget=forms.HiddenInput)


class EmailForm(forms.Form):
    """Where the receipt goes, told afterwards."""

    email = forms.EmailField(label=gettext_lazy("E-mail for the receipt"), max_length=254)


@never_cache
@require_http_methods(["GET", "POST"])
def outlet(request: HttpRequest, code: str) -> HttpResponse:
    """The price, what is reserved and why; a POST leads to the payment page."""
    evse = public_outlet(code)
    if evse is None:
        return render(request, "billing/no_outlet.html", {"code": code[:60]}, status=404)
    form, refusal = GuestForm(request.POST or None, initial={"attempt": _attempt(evse)}), ""
    if request.method == "POST" and form.is_valid():
        if is_too_often(request, what="guest-checkout", most=settings.GUEST_CHECKOUTS_PER_ADDRESS):
            return render(request, "429.html", status=429)
        try:
            return redirect(_to_payment(request, evse, form.cleaned_data))
        except (guest.CannotPay, StartRefused) as error:
            refusal = str(error)
        except stripe_api.PaymentsError:
            logger.warning("A guest could not get to the payment page", exc_info=True)
            refusal = _("The payment page cannot be reached right now. Try again in a moment.")
        except signing.BadSignature:
            refusal = _("This page had been open for a long time. Look at the price again, then go on.")
    if form.is_bound:
        form = (
            GuestForm(initial={"attempt": _attempt(evse), "email": form["email"].value()})
            if refusal
            else form
        )
    return render(
        request, "billing/guest_outlet.html", _outlet_page(request, evse, form=form, refusal=refusal)
    )


@never_cache
@require_GET
def session(request: HttpRequest, token: str) -> HttpResponse:
    """What has become of the guest's charging; the page follows it by itself."""
    checkout = _checkout(token)
    try:
        if checkout.state not in {guest.State.CHARGING, guest.State.DONE}:
            checkout = guest.advance(checkout.pk, now=timezone.now())
    except stripe_api.PaymentsError:
        logger.warning("A guest's payment could not be looked up", exc_info=True)
        checkout = _checkout(token)
    page = page_of(checkout, now=timezone.now())
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, "billing/guest_session.html", page | {"email_form": EmailForm()})
    if request.GET.get("phase") != page["phase"]:
        return HttpResponseClientRedirect(reverse("guest-session", args=[token]))
    if request.GET.get("seen") == sign_of(page):
        return HttpResponse(status=204)  # nothing new: what is on the page stays, and is not read out again
    return render(request, "billing/guest_progress.html", page)


@require_POST
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Asks the charger to stop the guest's session."""
    checkout = _checkout(token)
    try:
        if checkout.session is not None:
            request_stop(checkout.session, user=None, now=timezone.now())
    except StopRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("guest-session", token=token)


@never_cache
@require_GET
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """The receipt as a PDF."""
    invoice = guest_end.receipt_of(_checkout(token))
    if invoice is None:
        raise Http404
    name = documents.file_name(invoice, "pdf")
    return HttpResponse(
        documents.pdf(invoice),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


@require_POST
def receipt_email(request: HttpRequest, token: str) -> HttpResponse:
    """The receipt is mailed to an address that was not told before."""
    checkout, form = _checkout(token), EmailForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That is not an e-mail address."))
    elif is_too_often(request, what="guest-receipt", most=settings.GUEST_CHECKOUTS_PER_ADDRESS):
        return render(request, "429.html", status=429)
    elif GuestCheckout.objects.filter(pk=checkout.pk, receipt_sent_at=None).update(
        email=form.cleaned_data["email"]
    ):
        mail_guest_receipt.delay(checkout_id=checkout.pk)
        messages.success(request, _("The receipt is on its way."))
    return redirect("guest-session", token=token)


def _to_payment(request: HttpRequest, evse: Evse, wishes: dict[str, Any]) -> str:
    told = signing.loads(wishes["attempt"], salt=_SALT, max_age=_PAGE_GOOD_S)
    if told["evse"] != evse.pk:
        raise signing.BadSignature
    checkout = guest.open_checkout(
        evse,
        token=told["token"],
        email=wishes["email"],
        language=(get_language() or "sv")[:2],
        now=timezone.now(),
    )
    own_page = request.build_absolute_uri(reverse("guest-session", args=[checkout.token]))
    if checkout.state != guest.State.CHECKOUT:
        return own_page
    back = request.build_absolute_uri(reverse("guest-outlet", args=[code_of(evse)]))
    return guest.payment_page(checkout, success_url=own_page, cancel_url=f"{back}?cancelled=1") or own_page


def _attempt(evse: Evse) -> str:
    return signing.dumps({"token": guest.new_token(), "evse": evse.pk}, salt=_SALT)


def _outlet_page(request: HttpRequest, evse: Evse, **context: Any) -> dict[str, Any]:
    now = timezone.now()
    tariff = tariff_for(evse.pk, at=now, driver=guest.GUEST)
    try:
        hold, cannot = guest.hold_for(evse, now=now), ""
    except guest.CannotPay as error:
        hold, cannot = None, str(error)
    return {
        "evse": evse,
        "code": code_of(evse),
        "outlet": outlet_of(evse.pk, request.user),
        "location": evse.station.location,
        "prices": price_list_of(tariff, at=now) if tariff else None,
        "hold": hold,
        "cannot": cannot,
        "is_on": guest.can_pay_at(evse),
        "was_cancelled": "cancelled" in request.GET,
        **context,
    }


def _checkout(token: str) -> GuestCheckout:
    checkouts = GuestCheckout.objects.select_related(
        "payment",
        "evse__station__location",
        "start_request__command",
        "session__station__location",
        "session__evse",
    )
    return get_object_or_404(checkouts, token=token)
