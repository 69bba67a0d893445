"""Operators that may issue, accounts that pay, and CDRs of given amounts, posted as they would be."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum

from accounts.models import IdToken, Organisation, User
from billing.ledger import postings
from billing.models import BillingAccount, Cdr, CdrLine, JournalLine, SellerProfile
from chargeportal.common.money import round_half_up
from stations.models import Evse
from tests.factories import EvseFactory, LocationFactory, OrganisationFactory, SessionFactory, StationFactory

NOON = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 4, 1, 6, 0, tzinfo=dt.UTC)
APRIL_1 = dt.date(2026, 4, 1)


def operator_that_issues(name: str = "Ladda AB", **facts: Any) -> Organisation:
    """An operator with all that its invoices must state."""
    operator = OrganisationFactory(name=name, registration_number="556677-8899", vat_number="SE556677889901")
    SellerProfile.objects.create(
        organisation=operator, legal_name=name, street="Storgatan 1", postal_code="903 26", city="Umeå",
        seat="Umeå", bankgiro="991-2346", **facts,
    )  # fmt: skip
    return operator


def person_account(operator: Organisation, user: User | None = None, **facts: Any) -> BillingAccount:
    """A person who pays."""
    user = user or User.objects.create_user(f"payer{User.objects.count()}@example.test", "long enough")
    return _account(operator, {"user": user, "name": "Eva Ek", "email": user.email} | facts)


def company_account(operator: Organisation, **facts: Any) -> BillingAccount:
    """A company with a fleet that pays."""
    fleet = OrganisationFactory(kind=Organisation.Kind.FLEET)
    return _account(operator, {"organisation": fleet, "name": "Bud & Bil AB"} | facts)


def _account(operator: Organisation, facts: dict[str, Any]) -> BillingAccount:
    address = {"street": "Lillgatan 2", "postal_code": "903 27", "city": "Umeå", "language": "en"}
    number = f"C{BillingAccount.objects.count() + 1:04}"
    return BillingAccount.objects.create(operator=operator, **({"number": number} | address | facts))


def place_of(operator: Organisation, name: str = "Square") -> Any:
    """The operator's outlet of that name."""
    there = Evse.objects.filter(station__location__operator=operator, station__location__name=name).first()
    if there is not None:
        return there
    location = LocationFactory(operator=operator, name=name, city="Umeå")
    return EvseFactory(station=StationFactory(location=location), evse_id=f"SE*LAD*E{location.pk}")


@transaction.atomic
def cdr_of(
    account: BillingAccount | None,
    *,
    gross: str = "61.11",
    kwh: str = "12.345",
    rate: str | None = "0.25",
    at: dt.datetime = NOON,
    evse: Any = None,
    token: IdToken | None = None,
    operator: Organisation | None = None,
    post: bool = True,
    **facts: Any,
) -> Cdr:
    """An hour's session that cost this much for its energy, VAT inside."""
    operator = operator or account.operator  # type: ignore[union-attr]
    user = account.user if account else None
    session = SessionFactory(
        ended=True, evse=evse or place_of(operator), id_token=token, user=user, started_at=at,
        ocpp_version="2.0.1",
    )  # fmt: skip
    total = Decimal(gross)
    net = total if rate is None else round_half_up(total / (1 + Decimal(rate)), digits=2)
    cdr = Cdr.objects.create(
        **(
            {
                "session": session, "operator": operator, "account": account, "currency": "SEK",
                "payment_kind": account.collection if account else "guest", "total_excl_vat": net,
                "total_vat": total - net, "total_incl_vat": total, "energy_wh": Decimal(kwh) * 1000,
                "charging_s": 3600, "parking_s": 0, "started_at": at, "ended_at": at + dt.timedelta(hours=1),
                "time_zone": "Europe/Stockholm", "periods_snapshot": [], "rated_at": at,
            }
            | facts
        )
    )  # fmt: skip
    CdrLine.objects.create(
        cdr=cdr, position=1, dimension="ENERGY", quantity=Decimal(kwh), unit="kWh",
        unit_price=round_half_up(total / Decimal(kwh), digits=4), price_includes_vat=True,
        vat_rate=None if rate is None else Decimal(rate), amount_excl_vat=net, amount_vat=total - net,
        amount_incl_vat=total, trace={},
    )  # fmt: skip
    if post:
        postings.cdr_rated(cdr)
    return cdr


@transaction.atomic
def credit_of(cdr: Cdr, *, at: dt.datetime = NOW) -> Cdr:
    """The credit of a CDR, as the correction of its session makes it."""
    credit = Cdr.objects.create(
        session=cdr.session, sequence=cdr.sequence + 1, credits=cdr, operator=cdr.operator,
        account=cdr.account,
        payment_kind=cdr.payment_kind, currency=cdr.currency, total_excl_vat=-cdr.total_excl_vat,
        total_vat=-cdr.total_vat, total_incl_vat=-cdr.total_incl_vat, energy_wh=-cdr.energy_wh,
        charging_s=-cdr.charging_s, parking_s=0, started_at=cdr.started_at, ended_at=cdr.ended_at,
        time_zone=cdr.time_zone, periods_snapshot=[], rated_at=at,
    )  # fmt: skip
    CdrLine.objects.bulk_create(
        CdrLine(
            cdr=credit, position=line.position, dimension=line.dimension, quantity=-line.quantity,
            unit=line.unit, unit_price=line.unit_price, price_includes_vat=line.price_includes_vat,
            vat_rate=line.vat_rate, amount_excl_vat=-line.amount_excl_vat, amount_vat=-line.amount_vat,
            amount_incl_vat=-line.amount_incl_vat, trace={},
        )
        for line in cdr.lines.all()
    )  # fmt: skip
    postings.cdr_rated(credit)
    return credit


def balance(operator: Organisation, role: str) -> Decimal:
    """What stands on the operator's accounts of a role."""
    lines = JournalLine.objects.filter(account__operator=operator, account__roles__contains=[role])
    return lines.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
