"""An operator with accounts and CDRs of a month, for the trial of the invoice run."""

import datetime as dt
from decimal import Decimal
from itertools import islice
from typing import Any

MARCH, APRIL = dt.date(2026, 3, 1), dt.date(2026, 4, 1)
_FIRST = dt.datetime(2026, 3, 2, 6, 0, tzinfo=dt.UTC)
_BATCH = 2_000


def make(*, accounts: int, cdrs: int) -> Any:
    """The operator; each of its accounts has that many sessions of March, none of them billed."""
    from accounts.models import Organisation, User
    from billing.models import BillingAccount, SellerProfile

    operator = Organisation.objects.create(
        kind="operator", name="Bench AB", registration_number="556000-4615", vat_number="SE556000461501"
    )
    SellerProfile.objects.create(
        organisation=operator, legal_name="Bench AB", street="Storgatan 1", postal_code="903 26", city="Umeå",
        seat="Umeå", bankgiro="991-2346", peppol_id="5560004615",
    )  # fmt: skip
    users = User.objects.bulk_create(
        [User(email=f"p{n}@example.test", password="!", name=f"Person {n}") for n in range(accounts)], _BATCH
    )
    payers = BillingAccount.objects.bulk_create(
        [
            BillingAccount(
                operator=operator, user=user, number=f"B{n:06}", name=f"Åsa Öberg {n}", email=user.email,
                street="Lillgatan 2", postal_code="903 27", city="Umeå",
            )
            for n, user in enumerate(users)
        ],
        _BATCH,
    )  # fmt: skip
    _sessions(operator, payers, cdrs)
    return operator


def _sessions(operator: Any, payers: list[Any], cdrs: int) -> None:
    from django.db import transaction

    from billing.models import Cdr, CdrLine
    from sessions.models import ChargingSession

    places = _places(operator)
    wanted = ((payer, n) for payer in payers for n in range(cdrs))
    while batch := list(islice(wanted, _BATCH)):
        with transaction.atomic():
            sessions = ChargingSession.objects.bulk_create(
                _session(payer, n, places[(payer.pk + n) % len(places)]) for payer, n in batch
            )
            rated = Cdr.objects.bulk_create(
                _cdr(operator, payer, session, n) for session, (payer, n) in zip(sessions, batch, strict=True)
            )
            CdrLine.objects.bulk_create(_line(cdr) for cdr in rated)


def _places(operator: Any) -> list[Any]:
    from stations.models import ChargingStation, Evse, Location

    places = []
    for n in range(20):
        location = Location.objects.create(
            operator=operator, name=f"Torget {n}", address="Torget 1", city="Umeå"
        )
        station = ChargingStation.objects.create(identity=f"BENCH-{n}", location=location)
        places.append(Evse.objects.create(station=station, number=1, evse_id=f"SE*BEN*E{n}"))
    return places


def _session(payer: Any, n: int, evse: Any) -> Any:
    from sessions.models import ChargingSession

    begins = _FIRST + dt.timedelta(days=n, minutes=payer.pk % 600)
    return ChargingSession(
        station_id=evse.station_id, evse=evse, connector_number=1, transaction_ref=f"{payer.pk}-{n}",
        ocpp_version="2.0.1", user_id=payer.user_id, authorization_status="accepted", state="ended",
        started_at=begins, ended_at=begins + dt.timedelta(hours=1), start_received_at=begins,
        end_received_at=begins, meter_start_wh=0, meter_stop_wh=12_345, energy_wh=12_345,
    )  # fmt: skip


def _cdr(operator: Any, payer: Any, session: Any, n: int) -> Any:
    from billing.models import Cdr

    net = Decimal("48.89") + n
    vat = (net / 4).quantize(Decimal("0.01"))
    return Cdr(
        session=session, operator=operator, account=payer, payment_kind="invoice", currency="SEK",
        total_excl_vat=net, total_vat=vat, total_incl_vat=net + vat, energy_wh=12_345, charging_s=3600,
        parking_s=0, started_at=session.started_at, ended_at=session.ended_at, time_zone="Europe/Stockholm",
        tariff_snapshot={}, periods_snapshot=[], evidence={}, rated_at=session.ended_at,
    )  # fmt: skip


def _line(cdr: Any) -> Any:
    from billing.models import CdrLine

    return CdrLine(
        cdr=cdr, position=1, dimension="ENERGY", quantity=Decimal("12.345"), unit="kWh",
        unit_price=(cdr.total_incl_vat / Decimal("12.345")).quantize(Decimal("0.0001")),
        price_includes_vat=True, vat_rate=Decimal("0.25"), amount_excl_vat=cdr.total_excl_vat,
        amount_vat=cdr.total_vat, amount_incl_vat=cdr.total_incl_vat, trace={},
    )  # fmt: skip
