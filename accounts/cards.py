"""A driver's own cards: adding one by its number, naming it, and blocking it when it is lost."""

from __future__ import annotations

import datetime as dt
import re

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import IdToken, User

#: Why a card is blocked when its owner said so; only such a block may be taken back by the owner.
REPORTED_LOST = "reported lost by its owner"
MOST_CARDS = 20
_SEPARATORS = re.compile(r"[\s:.-]+")
_NUMBER = re.compile(r"[0-9A-Z]{4,20}")


class CardRefused(Exception):
    """The card cannot be added or changed; the text says why, without telling about other people."""


def normalised_number(text: str) -> str:
    """The number as chargers send it: upper case, without the separators people write.

    Raises: CardRefused.
    """
    number = _SEPARATORS.sub("", text).upper()
    if not _NUMBER.fullmatch(number):
        raise CardRefused(_("A card number is 4 to 20 letters and digits."))
    return number


def claim(user: User, *, number: str, label: str = "") -> IdToken:
    """The card is the person's: new, or known before but nobody's.

    Raises: CardRefused, with one and the same text for every card that is somebody else's.
    """
    uid = normalised_number(number)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        known = IdToken.objects.select_for_update().filter(uid__iexact=uid).first()
        if known is not None and known.user_id == user.pk:
            raise CardRefused(_("You have already added this card."))
        if cards_of(user).count() >= MOST_CARDS:
            raise CardRefused(
                _("You have as many cards as an account can hold. Ask our support to remove one.")
            )
        card = _take_over(known, user, label) if known else _create(user, uid, label)
        audit.record(user, act="idtoken.added", subject=_subject(card))
        return card


def _create(user: User, uid: str, label: str) -> IdToken:
    try:
        with transaction.atomic():
            return IdToken.objects.create(uid=uid, user=user, label=label, type=IdToken.Type.RFID)
    except IntegrityError:
        raise _not_yours() from None


def _take_over(known: IdToken, user: User, label: str) -> IdToken:
    if known.user_id or known.organisation_id or known.blocked_at or known.type == IdToken.Type.CENTRAL:
        raise _not_yours()
    known.user, known.label = user, label or known.label
    known.save(update_fields=["user", "label"])
    return known


def _not_yours() -> CardRefused:
    return CardRefused(_("This card cannot be added. If it is yours, contact our support."))


def cards_of(user: User):
    """The person's cards, without the token that stands for the portal itself."""
    return IdToken.objects.visible_to(user).filter(user=user).exclude(type=IdToken.Type.CENTRAL)


def block(card: IdToken, *, actor: User, now: dt.datetime) -> bool:
    """The card starts no more sessions; False when it was blocked before."""
    free = IdToken.objects.filter(pk=card.pk, blocked_at__isnull=True)
    with transaction.atomic():
        done = bool(free.update(blocked_at=now, block_reason=REPORTED_LOST))
        if done:
            audit.record(
                actor, act="idtoken.blocked", subject=_subject(card), details={"reason": REPORTED_LOST}
            )
    return done


def unblock(card: IdToken, *, actor: User) -> bool:
    """The card works again; False when it is not blocked, or was blocked by someone else than its owner."""
    lost = IdToken.objects.filter(pk=card.pk, blocked_at__isnull=False, block_reason=REPORTED_LOST)
    with transaction.atomic():
        done = bool(lost.update(blocked_at=None, block_reason=""))
        if done:
            audit.record(actor, act="idtoken.unblocked", subject=_subject(card))
    return done


def _subject(card: IdToken) -> str:
    return f"idtoken {card.uid}"
