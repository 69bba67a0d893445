"""Who pays for a session: the account of its driver or of the organisation whose token was shown."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts import access
from accounts.models import Organisation, User
from billing.models import BillingAccount, GuestCheckout, PaymentKind
from sessions.models import ChargingSession
from stations.models import Evse

_PAYMENT_KINDS = {
    BillingAccount.Collection.CARD: PaymentKind.CARD,
    BillingAccount.Collection.INVOICE: PaymentKind.INVOICE,
    BillingAccount.Collection.WALLET: PaymentKind.WALLET,
}


@dataclass(frozen=True, slots=True)
class Payer:
    """The account that pays, None for guests and where nobody is known to; and how."""

    account: BillingAccount | None
    payment_kind: str


def operator_id_of(session: ChargingSession) -> int | None:
    """The operator that sells the session; None where a station belongs to nobody in particular."""
    location = session.station.location
    return location.operator_id if location else access.sole_operator_id()


def operator_id_at(evse: Evse) -> int | None:
    """The operator that sells at the EVSE."""
    location = evse.station.location
    return location.operator_id if location else access.sole_operator_id()


def is_guests(session: ChargingSession) -> bool:
    """Whether a guest charges: the session follows from a guest's checkout."""
    of_session = Q(session=session) | Q(start_request__session=session)
    return GuestCheckout.objects.filter(of_session).exists()


def payer_of(session: ChargingSession) -> Payer:
    """Who pays: the guest, else the token's organisation, else the driver; opens accounts as needed."""
    if is_guests(session):
        return Payer(None, PaymentKind.GUEST)
    operator_id = operator_id_of(session)
    account = None if operator_id is None else _account(session, operator_id)
    if account is None:
        return Payer(None, PaymentKind.NONE)
    return Payer(account, payment_kind_of(account))


def payment_kind_of(account: BillingAccount) -> str:
    """How the account pays for sessions now."""
    return _PAYMENT_KINDS[BillingAccount.Collection(account.collection)]


def account_of_person(user: User, *, operator_id: int) -> BillingAccount:
    """The person's account with the operator, opened now unless it was there."""
    return _open(
        {"operator_id": operator_id, "user": user},
        {
            "name": user.name or user.email,
            "email": user.email,
            "language": getattr(user, "language", "") or "sv",
        },
    )


def account_of_organisation(organisation: Organisation, *, operator_id: int) -> BillingAccount:
    """The organisation's account with the operator, opened now unless it was there."""
    return _open(
        {"operator_id": operator_id, "organisation": organisation},
        {
            "name": organisation.name,
            "country": organisation.country,
            "registration_number": organisation.registration_number,
            "vat_number": organisation.vat_number,
        },
    )


def _account(session: ChargingSession, operator_id: int) -> BillingAccount | None:
    token = session.id_token
    holder = token.organisation if token is not None else None
    if holder is not None and holder.pk != operator_id:
        return account_of_organisation(holder, operator_id=operator_id)
    return None if session.user is None else account_of_person(session.user, operator_id=operator_id)


def _open(holder: dict, facts: dict) -> BillingAccount:
    existing = BillingAccount.objects.filter(**holder).first()
    if existing is not None:
        return existing
    who = holder.get("user") or holder["organisation"]
    letter = "P" if "user" in holder else "O"
    try:
        with transaction.atomic():
            return BillingAccount.objects.create(**holder, **facts, number=f"{letter}{who.pk:06d}")
    except IntegrityError:  # somebody opened it at the same moment
        return BillingAccount.objects.get(**holder)
