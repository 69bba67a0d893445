"""The tariff editor, the tariff's page, and who may do what there."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from billing.models import PriceComponent, PriceGroup, Tariff, TariffAssignment, TariffElement
from tests.factories import EvseFactory, LocationFactory, StationFactory, TariffFactory

PRICES = "elements-0-price_components"


@pytest.fixture
def place(operator):
    return EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)), max_power_kw=150)


@pytest.fixture
def draft(operator) -> Tariff:
    tariff = TariffFactory(operator=operator, name="Fast")
    element = TariffElement.objects.create(tariff=tariff)
    PriceComponent.objects.create(element=element, type="ENERGY", price=Decimal("5.00"))
    PriceComponent.objects.create(element=element, type="PARKING_TIME", price=Decimal(60))
    return tariff


@pytest.fixture
def published(draft) -> Tariff:
    TariffAssignment.objects.create(tariff=draft, valid_from=timezone.now() - dt.timedelta(days=1))
    Tariff.objects.update(published_at=timezone.now())
    draft.refresh_from_db()
    return draft


def form(operator, **changes) -> dict:
    return {
        "name": "Day",
        "operator": operator.pk,
        "type": "REGULAR",
        "currency": "SEK",
        "tax_included": "YES",
        "idle_grace_minutes": 0,
        "elements-TOTAL_FORMS": 1,
        "elements-INITIAL_FORMS": 0,
        f"{PRICES}-TOTAL_FORMS": 2,
        f"{PRICES}-INITIAL_FORMS": 0,
        f"{PRICES}-0-type": "ENERGY",
        f"{PRICES}-0-price": "4.95",
        f"{PRICES}-0-vat_percent": "25",
        f"{PRICES}-0-step_size": 1,
        f"{PRICES}-1-type": "FLAT",
        f"{PRICES}-1-price": "10",
        f"{PRICES}-1-vat_percent": "25",
        f"{PRICES}-1-step_size": 1,
        "dynamic_price-TOTAL_FORMS": 0,
        "dynamic_price-INITIAL_FORMS": 0,
        "incentives-TOTAL_FORMS": 0,
        "incentives-INITIAL_FORMS": 0,
        **changes,
    }


class TestTheEditor:
    def test_a_tariff_is_made_with_its_prices_and_hours_in_one_form(self, operator, colleague, browser):
        given = {
            "elements-0-start_time": "06:00",
            "elements-0-end_time": "22:00",
            "elements-0-day_of_week": ["MONDAY", "FRIDAY"],
            "elements-0-max_kwh": "80",
            "elements-0-max_duration": "90",
            "most": "500",
        }
        client = browser(colleague("finance"))
        response = client.post(reverse("admin:billing_tariff_add"), form(operator, **given))
        tariff = Tariff.objects.get()
        assert response["Location"] == reverse("dashboards:tariff", args=[tariff.pk])
        (element,) = tariff.elements.all()
        assert {c.type: c.price for c in element.price_components.all()} == {
            "ENERGY": Decimal("4.95"), "FLAT": Decimal(10),
        }  # fmt: skip
        assert element.restrictions == {
            "start_time": "06:00", "end_time": "22:00", "day_of_week": ["MONDAY", "FRIDAY"], "max_kwh": "80",
            "max_duration": 5400,
        }  # fmt: skip
        assert tariff.max_price == {"before_taxes": "400.0000", "after_taxes": "500"}
        assert (tariff.published_at, tariff.assignments.count()) == (None, 0)
        listed = client.get(reverse("admin:billing_tariff_changelist")).content.decode()
        words = "06:00–22:00, Mon, Fri, the first 80 kWh, the first 1\u00a0h\u00a030\u00a0min"
        assert f"SEK\u00a04.95/kWh ({words}) · SEK\u00a010.00 to start ({words})" in listed
        assert "draft" in listed

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            (
                {"elements-0-start_time": "08:00", "elements-0-end_time": "08:00"},
                "Group of prices 1:",
            ),
            ({"elements-0-min_kwh": "10", "elements-0-max_kwh": "5"}, "The lowest energy is not below"),
            ({"elements-0-end_date": "2020-01-01"}, "The dates have passed"),
            ({"currency": "KRO"}, "KRO is not a currency"),
        ],
    )
    def test_what_the_linter_refuses_is_not_saved_and_the_reason_is_shown(
        self, given, why, operator, colleague, browser
    ):
        page = browser(colleague("finance")).post(
            reverse("admin:billing_tariff_add"), form(operator, **given)
        )
        assert page.status_code == 200
        assert why in page.content.decode()
        assert not Tariff.objects.exists()

    def test_a_negative_price_is_refused(self, operator, colleague, browser):
        given = {f"{PRICES}-0-price": "-1"}
        page = browser(colleague("finance")).post(
            reverse("admin:billing_tariff_add"), form(operator, **given)
        )
        assert page.status_code == 200
        assert not Tariff.objects.exists()

    def test_a_published_version_has_no_editor(self, published, colleague, browser):
        address = reverse("admin:billing_tariff_change", args=[published.pk])
        client = browser(colleague("operator"))
        assert client.get(address)["Location"] == reverse("dashboards:tariff", args=[published.pk])
        assert client.post(address, {"name": "Other"})["Location"] == reverse(
            "dashboards:tariff", args=[published.pk]
        )
        published.refresh_from_db()
        assert published.name == "Fast"

    def test_the_editor_shows_what_is_stored(self, draft, colleague, browser):
        TariffElement.objects.update(restrictions={"start_time": "06:00", "min_duration": 3600})
        page = browser(colleague("finance")).get(reverse("admin:billing_tariff_change", args=[draft.pk]))
        (element,) = page.context["inline_admin_formsets"][0].formset.initial_forms
        assert (element["start_time"].value(), element["min_duration"].value()) == ("06:00", 60)


class TestThePage:
    def test_shows_prices_and_what_a_session_would_cost(self, draft, colleague, browser):
        """20 kWh x 5 is 100, half an hour of parking at 60 an hour 30."""
        address = reverse("dashboards:tariff", args=[draft.pk])
        page = browser(colleague("support")).get(address)
        words = page.content.decode()
        assert "SEK\u00a05.00 per kWh" in words
        assert page.context["price"].total_incl_vat == Decimal("130.00")
        assert [each["line"].dimension for each in page.context["lines"]] == ["ENERGY", "PARKING_TIME"]
        tried = {
            "starts_at": "2026-03-10T18:00", "energy_kwh": "10", "charging_minutes": "20",
            "parking_minutes": "6",
        }  # fmt: skip
        assert browser(colleague("finance")).get(address, tried).context["price"].total_incl_vat == Decimal(
            "56.00"
        )

    def test_is_published_from_there(self, draft, place, operator, colleague, browser):
        user = colleague("finance")
        group = PriceGroup.objects.create(operator=operator, name="Staff")
        given = {"locations": [place.station.location_id], "price_group": group.pk}
        browser(user).post(reverse("dashboards:tariff_publish", args=[draft.pk]), given)
        draft.refresh_from_db()
        (held,) = draft.assignments.all()
        assert draft.published_at is not None
        assert (held.location_id, held.price_group) == (place.station.location_id, group)
        assert AuditEntry.objects.get().act == "tariff.published"

    def test_afir_refuses_a_start_fee_for_guests_at_150_kw(self, draft, place, colleague, browser):
        Tariff.objects.update(type="AD_HOC_PAYMENT")
        PriceComponent.objects.create(element=draft.elements.get(), type="FLAT", price=5)
        page = browser(colleague("finance")).post(
            reverse("dashboards:tariff_publish", args=[draft.pk]), {"evses": [place.pk]}
        )
        words = page.content.decode()
        assert "A start fee is not allowed" in words
        assert "Article 5(4)" in words
        assert "Group of prices 1, line 3" in words
        draft.refresh_from_db()
        assert (draft.published_at, TariffAssignment.objects.count()) == (None, 0)

    def test_a_new_version_is_scheduled_and_withdrawn(self, published, colleague, browser):
        client = browser(colleague("finance"))
        client.post(reverse("dashboards:tariff_version", args=[published.pk]))
        second = Tariff.objects.get(version=2)
        start = timezone.localtime() + dt.timedelta(days=2)
        given = {"starts_at": f"{start:%Y-%m-%dT%H:%M}", "same": "on"}
        client.post(reverse("dashboards:tariff_publish", args=[second.pk]), given)
        until = published.assignments.get().valid_until
        assert second.assignments.get().valid_from == until == start.replace(second=0, microsecond=0)
        assert "scheduled" in client.get(reverse("dashboards:tariff", args=[second.pk])).content.decode()
        client.post(reverse("dashboards:tariff_withdraw", args=[second.pk]))
        assert (published.assignments.get().valid_until, second.assignments.count()) == (None, 0)

    def test_a_place_is_ended(self, published, colleague, browser):
        held = published.assignments.get()
        start = timezone.localtime() + dt.timedelta(days=2)
        browser(colleague("operator")).post(
            reverse("dashboards:tariff_end", args=[published.pk, held.pk]),
            {"ends_at": f"{start:%Y-%m-%dT%H:%M}"},
        )
        held.refresh_from_db()
        assert held.valid_until == start.replace(second=0, microsecond=0)

    def test_costs_the_same_with_one_place_and_with_three(self, published, operator, colleague, browser):
        client = browser(colleague("finance"))
        address = reverse("dashboards:tariff", args=[published.pk])

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address).status_code == 200
            return len(captured)

        def grow() -> None:
            evse = EvseFactory(station=StationFactory(location=LocationFactory(operator=operator)))
            TariffAssignment.objects.create(tariff=published, evse=evse, valid_from=timezone.now())

        grow()
        client.get(address)
        at_one = queries()
        grow()
        grow()
        assert queries() == at_one


class TestWhoMay:
    ACTS = ("tariff_publish", "tariff_version", "tariff_withdraw")

    def test_strangers_find_nothing(self, published, stranger, browser):
        client = browser(stranger)
        assert client.get(reverse("dashboards:tariff", args=[published.pk])).status_code == 404
        for act in self.ACTS:
            assert client.post(reverse(f"dashboards:{act}", args=[published.pk])).status_code == 404

    def test_support_looks_and_touches_nothing(self, published, colleague, browser):
        client = browser(colleague("support"))
        page = client.get(reverse("dashboards:tariff", args=[published.pk]))
        assert (page.status_code, "New version" in page.content.decode()) == (200, False)
        for act in self.ACTS:
            assert client.post(reverse(f"dashboards:{act}", args=[published.pk])).status_code == 403
        assert Tariff.objects.count() == 1

    def test_technicians_see_no_prices(self, published, colleague, browser):
        address = reverse("dashboards:tariff", args=[published.pk])
        assert browser(colleague("technician")).get(address).status_code == 404


@pytest.mark.parametrize(
    ("state", "found"), [("draft", 0), ("in_force", 1), ("scheduled", 0), ("past", 0), ("", 1)]
)
def test_the_list_is_narrowed_by_state(state, found, published, colleague, browser):
    page = browser(colleague("finance")).get(reverse("admin:billing_tariff_changelist"), {"state": state})
    assert page.context["cl"].result_count == found
