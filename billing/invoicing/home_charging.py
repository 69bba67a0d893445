"""Statements of what drivers get back for charging a company's car at home, one line a session."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.customers import account_of_person
from billing.invoicing import books, parties
from billing.invoicing.drafts import Draft, DraftLine
from billing.invoicing.issuing import issue
from billing.invoicing.lines import unit_price
from billing.models import BillingAccount, Cdr, HomeChargingAgreement, Invoice, InvoiceRun, SpotPrice
from chargeportal.common.formats import format_energy
from chargeportal.common.money import round_half_up

DIMENSION = "HOME_CHARGING"


class SpotPriceMissing(LookupError):
    """A session at home cannot be valued: the day-ahead price of its time is not known yet."""


def reimburse_drivers(run: InvoiceRun, *, now: dt.datetime) -> list[Invoice]:
    """Each driver with charging at home has the statement of the run's month; doing it twice adds none.

    A session counts in the month in which it was rated. Raises SpotPriceMissing, CannotIssue.
    """
    with transaction.atomic():
        run = InvoiceRun.objects.select_for_update().get(pk=run.pk)
        done = set(run.invoices.filter(kind=Invoice.Kind.REIMBURSEMENT).values_list("account", flat=True))
        by_driver: dict[int, list[HomeChargingAgreement]] = {}
        for agreement in _agreements(run):
            by_driver.setdefault(agreement.user_id, []).append(agreement)
        issued = []
        for agreements in by_driver.values():
            account = account_of_person(agreements[0].user, operator_id=run.operator_id)
            draft = _draft(run, account, agreements) if account.pk not in done else None
            if draft is not None and sum((line.net for line in draft.lines), Decimal(0)) > 0:
                issued.append(issue(draft, now=now, issued_by=run.started_by, run=run))
        return issued


def value_of(agreement: HomeChargingAgreement, cdr: Cdr) -> Decimal:
    """What the energy of the session is worth, to the öre; negative for the credit of one."""
    if agreement.price_kind == HomeChargingAgreement.PriceKind.FIXED:
        return round_half_up(cdr.energy_wh / 1000 * agreement.price_per_kwh, digits=2)
    measured = cdr.credits or cdr
    value = sum((_spot_value(agreement, period) for period in measured.periods_snapshot), Decimal(0))
    return round_half_up(-value if cdr.credits is not None else value, digits=2)


def _agreements(run: InvoiceRun) -> Iterable[HomeChargingAgreement]:
    return (
        HomeChargingAgreement.objects.filter(account__operator=run.operator_id, valid_from__lt=run.period_end)
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=run.period_start))
        .select_related("account", "user", "station")
        .order_by("user", "pk")
    )


def _draft(run: InvoiceRun, account: BillingAccount, agreements: list[HomeChargingAgreement]) -> Draft | None:
    with override(account.language):
        lines = tuple(
            _line(agreement, cdr, account)
            for agreement in agreements
            for cdr in _sessions(agreement, run)
            if cdr.energy_wh
        )
    if not lines:
        return None
    bank = {"iban": agreements[0].iban, "bic": agreements[0].bic}
    return Draft(
        operator_id=run.operator_id,
        account=account,
        kind=Invoice.Kind.REIMBURSEMENT,
        currency=account.currency,
        invoice_date=run.invoice_date,
        language=account.language,
        period_start=run.period_start,
        period_end=run.period_end,
        buyer=parties.buyer_facts(account) | bank | {"employer": agreements[0].account.name},
        lines=lines,
        billed_cdr_ids=(),
    )


def _sessions(agreement: HomeChargingAgreement, run: InvoiceRun) -> Iterable[Cdr]:
    begins = max(run.period_start, agreement.valid_from)
    ends = min(run.period_end, agreement.valid_until or run.period_end)
    return (
        Cdr.objects.filter(
            session__station=agreement.station_id,
            session__user=agreement.user_id,
            rated_at__gte=books.start_of(begins),
            rated_at__lt=books.start_of(ends),
        )
        .select_related("credits")
        .order_by("ended_at", "pk")
    )


def _line(agreement: HomeChargingAgreement, cdr: Cdr, account: BillingAccount) -> DraftLine:
    net = value_of(agreement, cdr)
    kwh = round_half_up(cdr.energy_wh / 1000, digits=6)
    quantity, price = unit_price(net, kwh, wanted=agreement.price_per_kwh)
    begins = books.day_of(cdr.started_at)
    return DraftLine(
        dimension=DIMENSION,
        description=_("Charging at home %(day)s, %(energy)s")
        % {"day": begins.isoformat(), "energy": format_energy(cdr.energy_wh, account.language)},
        quantity=quantity,
        unit="kWh" if abs(quantity) == abs(kwh) else "x",
        unit_price_net=price,
        vat_rate=None,
        net=net,
        vat=Decimal(0),
        gross=net,
        currency=account.currency,
        started_at=cdr.started_at,
        ended_at=cdr.ended_at,
    )


def _spot_value(agreement: HomeChargingAgreement, period: dict[str, Any]) -> Decimal:
    """The energy of a measured period, spread evenly over its time, at the price of each market period."""
    begins, ends = (dt.datetime.fromisoformat(period[name]) for name in ("start", "end"))
    energy_kwh = Decimal(period["energy_wh"]) / 1000
    if not energy_kwh:
        return Decimal(0)
    whole_s = Decimal((ends - begins).total_seconds())
    value, priced_s = Decimal(0), Decimal(0)
    for spot in SpotPrice.objects.filter(
        area=agreement.bidding_area,
        currency=agreement.account.currency,
        starts_at__lt=ends,
        ends_at__gt=begins,
    ):
        part_s = Decimal((min(ends, spot.ends_at) - max(begins, spot.starts_at)).total_seconds())
        value += energy_kwh * part_s / whole_s * (spot.price_per_kwh + agreement.price_per_kwh)
        priced_s += part_s
    if priced_s != whole_s:
        raise SpotPriceMissing(
            _("The day-ahead price in %(area)s is missing for some of %(start)s.")
            % {"area": agreement.bidding_area, "start": period["start"]}
        )
    return value
