"""Stickers with the QR code of each outlet, for the operator's own staff."""

import pytest
import segno
from django.test import Client
from django.urls import reverse

from accounts.models import Organisation
from billing.web.outlets import address_of, public_outlet
from stations.models import Evse
from tests.factories import EvseFactory, MembershipFactory, UserFactory, online_evse, priced_tariff

pytestmark = pytest.mark.django_db


@pytest.fixture
def evse(settings) -> Evse:
    settings.SITE_ADDRESS = "https://ladda.example.test"
    evse = online_evse()
    Evse.objects.filter(pk=evse.pk).update(evse_id="SE*TST*E1*1")
    evse.refresh_from_db()
    priced_tariff(operator=evse.station.location.operator, ENERGY="5")
    return evse


def logged_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def staff(evse) -> Client:
    operator = evse.station.location.operator
    return logged_in(MembershipFactory(organisation=operator, role="technician").user)


def sheet(evse: Evse) -> str:
    return reverse("stickers", args=[evse.station_id])


def test_the_sheet_has_a_sticker_for_each_outlet(evse, staff):
    EvseFactory(station=evse.station, number=2)
    page = staff.get(sheet(evse)).content.decode()
    assert page.count("sticker__qr") == 2
    for text in (
        "SE*TST*E1*1",
        f"{evse.station.identity}-2",
        "SEK\u00a05.00 per kWh",
        "https://ladda.example.test/q/",
    ):
        assert text in page


def test_the_code_says_the_public_address_and_leads_to_the_outlet(evse):
    address = address_of(evse)
    assert address == "https://ladda.example.test/q/SE*TST*E1*1/"
    assert public_outlet("se*tst*e1*1") == evse
    assert segno.make(address, error="q").error == "Q"


def test_the_picture_is_a_png_with_a_harmless_name(evse, staff):
    answer = staff.get(reverse("sticker-picture", args=[evse.station_id, 1]))
    assert (answer["Content-Type"], answer.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert answer["Content-Disposition"] == 'attachment; filename="SE-TST-E1-1.png"'


def test_drivers_and_other_operators_get_no_stickers(evse):
    other = Organisation.objects.create(kind="operator", name="Other")
    stranger = MembershipFactory(organisation=other, role="operator").user
    for user in (UserFactory(), stranger):
        assert logged_in(user).get(sheet(evse)).status_code == 404
    assert Client().get(sheet(evse)).url.startswith("/account/login/")


def test_a_sheet_costs_the_same_for_one_outlet_and_three(evse, staff, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        staff.get(sheet(evse))
    EvseFactory(station=evse.station, number=2)
    EvseFactory(station=evse.station, number=3)
    with django_assert_num_queries(len(one)):
        staff.get(sheet(evse))
