"""Prices as drivers read them: in the order of the law, per minute, and the driver's own."""

import datetime as dt
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template
from django.test import RequestFactory

from accounts.models import User
from billing.models import DynamicPrice, OffPeakIncentive, PriceComponent, PriceGroup, SpotPrice, Tariff
from billing.price_groups import Driver
from billing.price_lists import price_list_of, price_lists
from billing.templatetags.prices import in_words
from stations.models import Evse
from tests.billing.conftest import MakeTariff
from tests.sessions.conftest import NOON

pytestmark = pytest.mark.django_db


def words(tariff: Tariff, *, at: dt.datetime | None = None) -> list[str]:
    return [text.replace("\u00a0", " ") for text in in_words(price_list_of(tariff, at=at))]


def test_per_kwh_then_per_minute_then_per_session_then_other(make_tariff: MakeTariff) -> None:
    tariff = make_tariff(FLAT="5", PARKING_TIME="60", TIME="6", ENERGY="4.95")
    tariff.max_price, tariff.day_cap, tariff.idle_grace_minutes = {"after_taxes": "200"}, Decimal(300), 15
    assert words(tariff) == [
        "SEK 4.95 per kWh",
        "SEK 0.10 per minute while the car charges",
        "SEK 1.00 per minute while the car stays plugged in without charging",
        "SEK 5.00 for each start",
        "The first 15 minutes without charging are free",
        "A session costs at most SEK 200.00",
        "You pay at most SEK 300.00 a day",
    ]


def test_a_price_that_is_no_whole_oere_a_minute_says_both(make_tariff: MakeTariff) -> None:
    (text,) = words(make_tariff(PARKING_TIME="5"))
    assert text == (
        "SEK 0.0833 per minute (SEK 5.00 per hour) while the car stays plugged in without charging"
    )


def test_when_a_price_holds_stands_beside_it(make_tariff: MakeTariff) -> None:
    tariff = make_tariff(ENERGY="4.95")
    tariff.elements.update(position=2)
    night = tariff.elements.create(
        position=1,
        restrictions={
            "start_time": "22:00",
            "end_time": "06:00",
            "day_of_week": ["SATURDAY", "SUNDAY"],
            "min_kwh": 20,
        },
    )
    PriceComponent.objects.create(element=night, type="ENERGY", price=Decimal("2.95"))
    assert words(Tariff.objects.get()) == [
        "SEK 4.95 per kWh",
        "SEK 2.95 per kWh (22:00–06:00, weekends, after the first 20 kWh)",
    ]
    assert price_list_of(Tariff.objects.get()).per_kwh == Decimal("4.95")


def test_prices_without_vat_are_shown_with_it(make_tariff: MakeTariff) -> None:
    assert words(make_tariff(ENERGY="4", tax_included="NO")) == ["SEK 5.00 per kWh"]


def test_a_price_that_follows_the_market_is_that_of_the_moment(make_tariff: MakeTariff) -> None:
    """(1.00 + 10 %) + 0.50 is 1.60 without VAT, 2.00 with it; without a market price the fallback 4 is 5."""
    tariff = make_tariff(ENERGY="9")
    DynamicPrice.objects.create(
        tariff=tariff, area="SE3", add_percent=10, add_per_kwh=Decimal("0.5"), fallback_per_kwh=4
    )
    tariff = Tariff.objects.get()
    follows = "per kWh right now, following the market price of electricity"
    assert words(tariff, at=NOON) == [f"SEK 5.00 {follows}"]
    SpotPrice.objects.create(
        area="SE3", starts_at=NOON, ends_at=NOON + dt.timedelta(minutes=15), price_per_kwh=1, source="test",
        imported_at=NOON,
    )  # fmt: skip
    assert words(tariff, at=NOON) == [f"SEK 2.00 {follows}"]
    assert price_list_of(tariff, at=NOON).varies
    # on a printed sign no moment is meant
    assert words(tariff) == [
        "The price per kWh follows the market price of electricity; you see it before you start"
    ]


def test_a_discount_is_told_with_its_hours(make_tariff: MakeTariff) -> None:
    tariff = make_tariff(ENERGY="4.95")
    OffPeakIncentive.objects.create(
        tariff=tariff, name="Night", percent=20, start_time=dt.time(22), end_time=dt.time(6)
    )
    assert words(tariff)[1] == "Night: 20% off the energy price (22:00–06:00)"


def test_each_driver_sees_the_own_price_and_strangers_the_public_one(make_tariff: MakeTariff) -> None:
    person = User.objects.create_user("someone@example.test", "long enough words")
    stranger = User.objects.create_user("stranger@example.test", "long enough words")
    public, staff = make_tariff("Public", ENERGY="5"), make_tariff("Staff", ENERGY="2")
    group = PriceGroup.objects.create(operator=public.operator, name="Staff")
    group.users.add(person)
    staff.assignments.update(price_group=group)
    evse = Evse.objects.get()
    page = Template("{% load prices %}{% price_lists ids as found %}{{ found|held_at:evse|per_kwh }}")

    def seen(user: object) -> str:
        request = RequestFactory().get("/")
        request.user = user
        return page.render(Context({"request": request, "ids": [evse.pk], "evse": evse.pk}))

    assert [seen(user).replace("\u00a0", " ") for user in (person, stranger, AnonymousUser())] == [
        "SEK 2.00/kWh",
        "SEK 5.00/kWh",
        "SEK 5.00/kWh",
    ]
    assert price_lists([evse.pk], at=NOON, driver=Driver(user_id=person.pk))[evse.pk].tariff_id == staff.pk
