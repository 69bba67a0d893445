"""Every page of the portal answers, in both languages."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.portal.conftest import logged_in

PUBLIC = ("portal-home", "charger-list", "account_login", "account_signup", "account_reset_password")
OWN = ("portal-home", "session-list", "card-list", "card-add", "profile", "account_email",
       "account_change_password", "account_logout", "mfa_index")  # fmt: skip


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("name", PUBLIC)
def test_visitors_pages(name, language, place, tariff):
    page = Client(headers={"accept-language": language}).get(reverse(name))
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.content.decode()


@pytest.mark.parametrize("name", OWN)
def test_drivers_pages(name, driver, place, tariff):
    assert logged_in(driver).get(reverse(name)).status_code == 200


def test_place(place, tariff, driver):
    for client in (Client(), logged_in(driver)):
        page = client.get(reverse("location", args=[place.location.public_id])).content.decode()
        assert "SEK\u00a04.95 per kWh" in page
        assert "SEK\u00a01.00 per minute while the car stays plugged in without charging" in page


def test_sessions(place, tariff, driver_client, make_session):
    for session in (make_session(number=1), make_session(number=2, running=True)):
        page = driver_client.get(reverse("session", args=[session.public_id]))
        assert page.status_code == 200
    assert driver_client.get(reverse("session-list")).status_code == 200
    assert driver_client.get(reverse("portal-home")).status_code == 200
    assert driver_client.get(reverse("session-start", args=[place.evse.public_id])).status_code == 200
