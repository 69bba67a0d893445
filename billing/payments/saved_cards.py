"""The cards of an account: added on the card processor's page, one of them used first, removed at a click.

Of a card we keep brand, last four digits and expiry, and what the processor calls it.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from django.db import transaction

from billing.models import BillingAccount, Card, WebhookEvent
from billing.payments import stripe_api
from billing.payments.customers import account_of, stripe_customer
from billing.payments.webhooks import about, handles

MOST_CARDS = 10


class TooManyCards(ValueError):
    """The account has as many cards as it may have."""


def start_adding(
    account: BillingAccount, *, success_url: str, cancel_url: str, language: str, now: dt.datetime
) -> str:
    """The address of the page on which a card is saved; nothing is charged.

    Raises: TooManyCards, PaymentsError.
    """
    if cards_of(account).count() >= MOST_CARDS:
        raise TooManyCards
    page = stripe_api.start_card_page(
        stripe_customer(account),
        currency=account.currency,
        success_url=success_url,
        cancel_url=cancel_url,
        language=language,
        key=f"card-page:{account.public_id}:{now:%Y%m%d%H%M%S%f}",
    )
    return page.url


def take_page(account: BillingAccount, session_id: str, *, now: dt.datetime) -> Card | None:
    """The card saved on that page of the account's; None when none was. Raises PaymentsError."""
    page = stripe_api.checkout_session(session_id)
    if page.mode != "setup" or not page.setup_intent or page.customer != stripe_customer(account):
        return None
    saved = stripe_api.setup_intent(page.setup_intent)
    return keep(saved.card, now=now) if saved.status == "succeeded" and saved.card else None


def keep(card_id: str, *, now: dt.datetime) -> Card | None:
    """The card as the processor has it is on its account, the first one as the one used first; once.

    None when it belongs to no account of ours, or was detached.
    """
    facts = stripe_api.card(card_id)
    account = account_of(facts.customer) if facts.customer else None
    if account is None:
        return None
    with transaction.atomic():
        BillingAccount.objects.select_for_update().get(pk=account.pk)
        existing = Card.objects.filter(stripe_id=facts.id).first()
        if existing is not None:
            return existing if existing.removed_at is None else None
        return Card.objects.create(
            account=account,
            stripe_id=facts.id,
            kind=facts.kind[:30],
            brand=facts.brand[:30],
            last4=facts.last4[:4],
            exp_month=facts.exp_month,
            exp_year=facts.exp_year,
            is_default=not cards_of(account).filter(is_default=True).exists(),
            added_at=now,
        )


def make_default(card: Card) -> None:
    """The card is the one used first."""
    with transaction.atomic():
        BillingAccount.objects.select_for_update().get(pk=card.account_id)
        _prefer(card)


def remove(card: Card, *, now: dt.datetime) -> None:
    """The card is not used any more and the processor has forgotten it; the newest other one comes first.

    Raises PaymentsError when the processor cannot be asked: then nothing has happened.
    """
    with suppress(stripe_api.Refused):  # it was forgotten before
        stripe_api.detach_card(card.stripe_id, key=f"detach:{card.stripe_id}")
    with transaction.atomic():
        BillingAccount.objects.select_for_update().get(pk=card.account_id)
        Card.objects.filter(pk=card.pk, removed_at=None).update(removed_at=now, is_default=False)
        others = cards_of(card.account)
        if not others.filter(is_default=True).exists() and (newest := others.order_by("-added_at").first()):
            _prefer(newest)


def cards_of(account: BillingAccount):
    """The cards that the account may be charged on."""
    return Card.objects.filter(account=account, removed_at=None)


@handles("payment_method.attached", "setup_intent.succeeded")
def card_saved(event: WebhookEvent, *, now: dt.datetime) -> None:
    """A card saved on any page of the processor is on its account."""
    if event.type == "payment_method.attached":
        keep(about(event), now=now)
        return
    saved = stripe_api.setup_intent(about(event))
    if saved.card:
        keep(saved.card, now=now)


def _prefer(card: Card) -> None:
    cards_of(card.account).filter(is_default=True).exclude(pk=card.pk).update(is_default=False)
    Card.objects.filter(pk=card.pk, removed_at=None).update(is_default=True)
