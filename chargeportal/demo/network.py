"""Organisation, locations, stations and prices of the demo."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import Organisation
from billing.models import PriceComponent, PriceGroup, Tariff, TariffAssignment, TariffElement
from chargeportal.simulation.fleet import DEMO_FLEET
from stations.models import ChargingStation, Connector, Evse, Location
from stations.ocpp.credentials import digest_password

OPERATOR_NAME = "Norrsken Laddning AB"
STATION_PASSWORD = "charge-demo-station"  # noqa: S105  (the demo's, printed on its start page)
VAT = Decimal(25)


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """A location of the demo."""

    key: str
    name: str
    address: str
    postal_code: str
    city: str
    latitude: str
    longitude: str


PLACES = (
    DemoPlace(
        "stockholm-liljeholmen", "Liljeholmen", "Liljeholmstorget 7", "117 63", "Stockholm",
        "59.310600", "18.022900",
    ),
    DemoPlace(
        "goteborg-lindholmen", "Lindholmen", "Lindholmspiren 5", "417 56", "Göteborg",
        "57.706700", "11.938200",
    ),
    DemoPlace("malmo-hyllie", "Hyllie", "Hyllie stationstorg 2", "215 32", "Malmö", "55.562600", "12.975600"),
    DemoPlace("umea-centrum", "Umeå centrum", "Rådhustorget 1", "903 26", "Umeå", "63.825100", "20.262900"),
)  # fmt: skip


def seed_operator() -> Organisation:
    """The operator that runs the demo network."""
    return Organisation.objects.create(
        kind=Organisation.Kind.OPERATOR,
        name=OPERATOR_NAME,
        registration_number="556000-0001",
        vat_number="SE556000000101",
        party_id="NOL",
    )


def seed_locations(operator: Organisation) -> dict[str, Location]:
    """The demo's locations by key."""
    return {
        place.key: Location.objects.create(
            operator=operator,
            name=place.name,
            address=place.address,
            postal_code=place.postal_code,
            city=place.city,
            latitude=Decimal(place.latitude),
            longitude=Decimal(place.longitude),
            opening_hours={"twentyfourseven": True},
        )
        for place in PLACES
    }


def seed_stations(locations: dict[str, Location]) -> None:
    """DEMO-AC-1, left free for a charger of one's own, and the simulated fleet."""
    _station("DEMO-AC-1", locations["stockholm-liljeholmen"], kind="AC", evses=1, max_power_kw=Decimal(22))
    for entry in DEMO_FLEET:
        _station(
            entry.identity,
            locations[entry.location],
            kind=entry.kind.upper(),
            evses=entry.evses,
            max_power_kw=Decimal(str(entry.max_power_kw)),
        )


def _station(identity: str, location: Location, *, kind: str, evses: int, max_power_kw: Decimal) -> None:
    station = ChargingStation.objects.create(
        identity=identity,
        location=location,
        password_digest=digest_password(STATION_PASSWORD),
        max_power_kw=max_power_kw * evses,
    )
    is_ac = kind == "AC"
    for number in range(1, evses + 1):
        evse = Evse.objects.create(
            station=station,
            number=number,
            evse_id=f"SE*NOL*E{identity.replace('-', '')}*{number}",
            current_type=kind,
            max_power_kw=max_power_kw,
        )
        Connector.objects.create(
            evse=evse,
            number=1,
            standard=Connector.Standard.TYPE_2 if is_ac else Connector.Standard.CCS_2,
            format=Connector.Format.SOCKET if is_ac else Connector.Format.CABLE,
            max_voltage_v=400 if is_ac else 920,
            max_current_a=32 if is_ac else 500,
        )


def seed_tariffs(operator: Organisation, *, since: dt.datetime) -> None:
    """An AC price everywhere, and a DC price with a parking fee at the fast chargers."""
    normal = _tariff(operator, "Normalladdning", since=since, ENERGY="4.95")
    TariffAssignment.objects.create(tariff=normal, valid_from=since)
    fast = _tariff(operator, "Snabbladdning", since=since, ENERGY="6.95", PARKING_TIME="60.00")
    for evse in Evse.objects.filter(current_type=Evse.CurrentType.DC):
        TariffAssignment.objects.create(tariff=fast, evse=evse, valid_from=since)
    staff = PriceGroup.objects.create(
        operator=operator, name="Personal", kind=PriceGroup.Kind.HOST_STAFF, rank=10
    )
    theirs = _tariff(operator, "Normalladdning personal", since=since, ENERGY="2.95")
    TariffAssignment.objects.create(tariff=theirs, price_group=staff, valid_from=since)


def _tariff(operator: Organisation, name: str, *, since: dt.datetime, **prices: str) -> Tariff:
    """A published tariff; once it is published its prices stand."""
    tariff = Tariff.objects.create(operator=operator, name=name, currency="SEK")
    element = TariffElement.objects.create(tariff=tariff, position=1)
    for component_type, price in prices.items():
        PriceComponent.objects.create(
            element=element, type=component_type, price=Decimal(price), vat_percent=VAT
        )
    tariff.published_at = since
    tariff.save(update_fields=["published_at"])
    return tariff
