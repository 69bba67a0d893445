"""Lines of documents made of CDRs: the amounts are the CDR's, the unit price is what leads to them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, QuerySet
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from billing.invoicing.drafts import DraftLine
from billing.models import Cdr, CdrLine, CostCentre
from chargeportal.common.formats import format_energy
from chargeportal.common.money import EXACT, round_half_up

_MOST_DIGITS = 6
#: What a line is for, in plain words.
_WHAT = {
    "ENERGY": _("Charging"),
    "TIME": _("Charging time"),
    "PARKING_TIME": _("Parking after charging"),
    "FLAT": _("Starting fee"),
    "RESERVATION_TIME": _("Reservation"),
    "RESERVATION_FLAT": _("Reservation fee"),
    "MIN_PRICE": _("Up to the lowest price"),
    "MAX_PRICE": _("Down to the highest price"),
}


def with_what_lines_need(cdrs: QuerySet[Cdr]) -> QuerySet[Cdr]:
    """The CDRs in the order of a bill, with all that their lines are written from: three queries."""
    lines = CdrLine.objects.defer("trace").order_by("cdr", "position")
    return (
        cdrs.select_related("session__station__location", "session__evse")
        .defer("tariff_snapshot", "periods_snapshot", "evidence")
        .prefetch_related(Prefetch("lines", queryset=lines))
        .order_by("ended_at", "pk")
    )


def of_cdrs(
    cdrs: Iterable[Cdr],
    *,
    language: str,
    cost_centres: dict[int, str] | None = None,
    is_reverse_charge: bool = False,
) -> list[DraftLine]:
    """The lines of the CDRs in the account's language; without VAT under reverse charge.

    ``cost_centres`` names the cost centre of a CDR by its id; lines are in the order of cost centres then.
    """
    centres = cost_centres or {}
    ordered = sorted(cdrs, key=lambda cdr: centres.get(cdr.pk, "")) if centres else cdrs
    with translation.override(language):
        return [
            _line(cdr, line, centres.get(cdr.pk, ""), language, is_reverse_charge=is_reverse_charge)
            for cdr in ordered
            for line in cdr.lines.all()
        ]


def cost_centres_of(account_ids: Sequence[int], cdrs: Iterable[Cdr]) -> dict[int, str]:
    """The cost centre of each CDR of these accounts, by the token that was shown, else by the driver.

    CDRs outside every cost centre are not in the answer.
    """
    by_token, by_user = _cost_centre_members(account_ids)
    named = {}
    for cdr in cdrs:
        session = cdr.session
        centre = by_token.get((cdr.account_id, session.id_token_id)) or by_user.get(
            (cdr.account_id, session.user_id)
        )
        if centre:
            named[cdr.pk] = centre
    return named


def unit_price(net: Decimal, quantity: Decimal, *, wanted: Decimal) -> tuple[Decimal, Decimal]:
    """The quantity and the price without VAT whose product is ``net`` to the öre.

    The price has as few decimals as that takes, two at least, beginning with ``wanted``, the tariff's own.
    A price is never negative: the quantity takes the sign. Without a quantity it is one times the amount.
    """
    if not quantity or (net and (net < 0) != (quantity < 0) and not wanted):
        return (Decimal(1) if net >= 0 else Decimal(-1)), abs(net)
    if net and (net < 0) != (quantity < 0):
        quantity = -quantity
    size, amount = abs(quantity), abs(net)
    for price in (abs(wanted), EXACT.divide(amount, size)):
        for digits in range(2, _MOST_DIGITS + 1):
            rounded = round_half_up(price, digits=digits)
            if round_half_up(EXACT.multiply(rounded, size), digits=2) == amount:
                return quantity, rounded
    return (Decimal(1) if net >= 0 else Decimal(-1)), amount


def _line(cdr: Cdr, line: CdrLine, centre: str, language: str, *, is_reverse_charge: bool) -> DraftLine:
    rate = line.vat_rate
    net_price = line.unit_price
    if line.price_includes_vat and rate:
        net_price = EXACT.divide(net_price, 1 + rate)
    quantity, price = unit_price(line.amount_excl_vat, line.quantity, wanted=net_price)
    unit = line.unit if quantity in (line.quantity, -line.quantity) else "x"
    session = cdr.session
    vat = Decimal(0) if is_reverse_charge else line.amount_vat
    return DraftLine(
        dimension=line.dimension,
        description=_description(cdr, line, language),
        quantity=quantity,
        unit=unit,
        unit_price_net=price,
        vat_rate=Decimal(0) if is_reverse_charge else rate,
        net=line.amount_excl_vat,
        vat=vat,
        gross=line.amount_excl_vat + vat,
        currency=cdr.currency,
        cdr_id=cdr.pk,
        location_id=session.station.location_id,
        cost_centre=centre,
        started_at=cdr.started_at,
        ended_at=cdr.ended_at,
        earned_vat_rate=rate,
    )


def _description(cdr: Cdr, line: CdrLine, language: str) -> str:
    """`Charging, Square Umeå, SE*ABC*E1, 2026-03-10 13:00-14:00, 11.00 kWh`."""
    station, evse = cdr.session.station, cdr.session.evse
    place = station.location.name if station.location is not None else str(station)
    if station.location is not None and station.location.city not in place:
        place = f"{place} {station.location.city}"
    outlet = evse.evse_id if evse is not None and evse.evse_id else station.identity
    zone = ZoneInfo(cdr.time_zone)
    begins, ends = cdr.started_at.astimezone(zone), cdr.ended_at.astimezone(zone)
    until = f"{ends:%H:%M}" if ends.date() == begins.date() else f"{ends:%Y-%m-%d %H:%M}"
    words = [
        str(_WHAT.get(line.dimension, _WHAT["ENERGY"])),
        place,
        outlet,
        f"{begins:%Y-%m-%d %H:%M}–{until}",
    ]
    if line.dimension == "ENERGY":
        words.append(format_energy(cdr.energy_wh, language))
    return ", ".join(words)


def _cost_centre_members(account_ids: Sequence[int]) -> tuple[dict, dict]:
    by_token: dict[tuple[int, int], str] = defaultdict(str)
    by_user: dict[tuple[int, int], str] = defaultdict(str)
    centres = CostCentre.objects.filter(account__in=account_ids).order_by("code")
    for centre in centres.prefetch_related("id_tokens", "users"):
        name = str(centre)
        for token in centre.id_tokens.all():
            by_token.setdefault((centre.account_id, token.pk), name)
        for user in centre.users.all():
            by_user.setdefault((centre.account_id, user.pk), name)
    return by_token, by_user
