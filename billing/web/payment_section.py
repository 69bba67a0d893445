"""What a driver sees of paying: how one pays, what is open, cards, documents and the invoice address."""

from __future__ import annotations

import logging
import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from billing.invoicing import documents
from billing.invoicing.references import VAT_FORMS, is_organisation_number, is_vat_number, vat_letters
from billing.invoicing.settling import with_open_amount
from billing.models import BillingAccount, Card, Invoice
from billing.payments import saved_cards, stripe_api, wallets
from billing.payments.subscriptions import current_subscription
from billing.web.accounts import account_or_404, accounts_of

logger = logging.getLogger(__name__)

DOCUMENTS_PER_PAGE = 25
_RECENT = 5
_PAYABLE = (Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT)
Collection = BillingAccount.Collection


class DetailsForm(forms.ModelForm):
    """What an invoice says of its buyer."""

    class Meta:
        model = BillingAccount
        fields = ("name", "street", "postal_code", "city", "country", "email", "language", "reference")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].help_text = _("Write the country as two letters, such as SE.")

    def clean_country(self) -> str:
        """Two letters."""
        country = self.cleaned_data["country"].upper()
        if not (len(country) == len("SE") and country.isascii() and country.isalpha()):
            raise forms.ValidationError(_("Write the country as two letters, such as SE."))
        return country


class CompanyDetailsForm(DetailsForm):
    """The same of a company, with numbers whose form holds."""

    class Meta:
        model = BillingAccount
        fields = (*DetailsForm.Meta.fields, "registration_number", "vat_number")

    def clean(self) -> dict[str, Any]:
        """Numbers have the form of their country."""
        data = super().clean() or {}
        country, number = data.get("country", ""), data.get("registration_number")
        if number and country == "SE" and not is_organisation_number(number):
            self.add_error("registration_number", _("This is not a Swedish organisation number."))
        vat_number = data.get("vat_number")
        if (
            vat_number
            and vat_letters(country) in VAT_FORMS
            and not is_vat_number(vat_number, country=country)
        ):
            self.add_error("vat_number", _("This does not have the form of the country's VAT numbers."))
        return data


@login_required
@never_cache
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The only account's page, else the choice of one."""
    accounts = accounts_of(request)
    if len(accounts) == 1:
        return redirect("payment", public_id=accounts[0].public_id)
    return render(request, "billing/payment_accounts.html", {"section": "payment", "accounts": accounts})


@login_required
@never_cache
@require_GET
def account_page(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Everything about paying with one account, the open amounts first."""
    account = account_or_404(request, public_id)
    if request.GET.get("page"):
        return _back_from_card_page(request, account, request.GET["page"])
    listed = documents_of(account)
    payable = list(listed.filter(kind__in=_PAYABLE, open_amount__gt=0))
    page = {
        **page_of(account),
        "open_documents": payable,
        "open_total": sum((document.open_amount for document in payable), Decimal(0)),
        "recent": list(listed[:_RECENT]),
        "cards": saved_cards.cards_of(account),
        "balance": wallets.balance(account),
        "subscription": current_subscription(account, today=timezone.localdate()),
        "methods": methods_of(account),
        "is_on": stripe_api.is_on(),
    }
    return render(request, "billing/payment.html", page)


@login_required
@require_http_methods(["GET", "POST"])
def details(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The invoice address and a company's facts."""
    account = account_or_404(request, public_id)
    form_class = CompanyDetailsForm if account.is_business else DetailsForm
    form = form_class(request.POST or None, instance=account)
    if request.method == "POST" and form.is_valid():
        form.save()
        audit.record(
            request.user,
            act="billingaccount.changed",
            subject=f"account {account.number}",
            details={"fields": sorted(form.changed_data)},
        )
        messages.success(
            request, _("Saved. New invoices and receipts say so; those issued stay as they are.")
        )
        return redirect("payment", public_id=account.public_id)
    return render(request, "billing/payment_details.html", page_of(account) | {"form": form})


@login_required
@require_POST
def choose_method(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """How sessions are paid for from now on."""
    account = account_or_404(request, public_id)
    chosen = request.POST.get("method", "")
    if chosen not in methods_of(account):
        messages.error(request, _("That way to pay is not possible here."))
    elif chosen != account.collection:
        BillingAccount.objects.filter(pk=account.pk).update(collection=chosen)
        audit.record(
            request.user,
            act="billingaccount.collection",
            subject=f"account {account.number}",
            details={"from": account.collection, "to": chosen},
        )
        messages.success(request, _("From now on your charging is paid this way."))
    return redirect("payment", public_id=account.public_id)


@login_required
@require_POST
def add_card(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Leads to the page of the card processor on which a card is saved."""
    account = account_or_404(request, public_id)
    own_page = request.build_absolute_uri(reverse("payment", args=[account.public_id]))
    try:
        return redirect(
            saved_cards.start_adding(
                account,
                success_url=f"{own_page}?page={{CHECKOUT_SESSION_ID}}",
                cancel_url=own_page,
                language=(get_language() or "sv")[:2],
                now=timezone.now(),
            )
        )
    except saved_cards.TooManyCards:
        messages.error(request, _("You have as many cards as fit. Remove one first."))
    except stripe_api.PaymentsError:
        logger.warning("The page for saving a card could not be opened", exc_info=True)
        messages.error(request, _("The card page cannot be reached right now. Try again in a moment."))
    return redirect("payment", public_id=account.public_id)


@login_required
@require_POST
def prefer_card(request: HttpRequest, public_id: uuid.UUID, pk: int) -> HttpResponse:
    """The card is the one used first."""
    account = account_or_404(request, public_id)
    saved_cards.make_default(get_object_or_404(saved_cards.cards_of(account), pk=pk))
    return redirect("payment", public_id=account.public_id)


@login_required
@require_POST
def remove_card(request: HttpRequest, public_id: uuid.UUID, pk: int) -> HttpResponse:
    """The card is not used any more."""
    account = account_or_404(request, public_id)
    card: Card = get_object_or_404(saved_cards.cards_of(account), pk=pk)
    try:
        saved_cards.remove(card, now=timezone.now())
        audit.record(request.user, act="card.removed", subject=f"account {account.number}", details={})
        messages.success(request, _("The card is removed."))
    except stripe_api.PaymentsError:
        logger.warning("A card could not be removed", exc_info=True)
        messages.error(request, _("The card could not be removed right now. Try again in a moment."))
    return redirect("payment", public_id=account.public_id)


@login_required
@require_GET
def document_list(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Every receipt, invoice and credit note of the account, newest first."""
    account = account_or_404(request, public_id)
    page = Paginator(documents_of(account), DOCUMENTS_PER_PAGE).get_page(request.GET.get("page", "1"))
    return render(request, "billing/payment_documents.html", page_of(account) | {"page": page})


@login_required
@require_GET
def document_pdf(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """A document as a PDF, for whoever may see it."""
    visible = documents.with_parts(Invoice.objects.visible_to(request.user))
    invoice = get_object_or_404(visible, public_id=public_id)
    name = documents.file_name(invoice, "pdf")
    return HttpResponse(
        documents.pdf(invoice),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


def page_of(account: BillingAccount) -> dict[str, Any]:
    """What every page of the section shows."""
    return {"section": "payment", "account": account}


def documents_of(account: BillingAccount) -> Any:
    """The account's documents with what is open on each, newest first."""
    shown = Invoice.objects.filter(account=account).select_related("series")
    return with_open_amount(shown).order_by("-invoice_date", "-pk")


def methods_of(account: BillingAccount) -> list[str]:
    """The ways to pay that the account may choose: a monthly invoice only where the operator allows it."""
    methods = [Collection.CARD.value, Collection.WALLET.value]
    if account.is_business or account.collection == Collection.INVOICE or settings.INVOICES_FOR_EVERYBODY:
        methods.append(Collection.INVOICE.value)
    return methods


def _back_from_card_page(request: HttpRequest, account: BillingAccount, session_id: str) -> HttpResponse:
    try:
        if saved_cards.take_page(account, session_id[:200], now=timezone.now()) is not None:
            messages.success(request, _("Your card is saved."))
    except stripe_api.PaymentsError:
        logger.warning("A saved card could not be looked up", exc_info=True)
        messages.info(request, _("Your card will be listed here in a moment."))
    return redirect("payment", public_id=account.public_id)
