"""The finder: what is free, what it costs, and what is nearest."""

import re

import pytest
from django.test import Client

from stations.models import ConnectorStatus, Location
from stations.web.finder import Position, find_places
from tests.portal.conftest import connect, logged_in, set_status

URL = "/chargers/"


def names(page) -> list[str]:
    return [place.location.name for place in page.object_list]


@pytest.fixture
def towns(make_place):
    return {
        name: make_place(name, city=city, latitude=latitude, longitude=longitude)
        for name, city, latitude, longitude in (
            ("Hamnen", "Malmö", "55.6110", "12.9943"),
            ("Stationen", "Umeå", "63.8302", "20.2666"),
            ("Torget", "Umeå", "63.8258", "20.2630"),
        )
    }


def test_it_says_how_many_outlets_are_free(place, tariff):
    page = Client().get(URL, headers={"accept-language": "en"}).content.decode()
    assert "1 of 2 free" in page
    assert "from SEK\u00a04.95/kWh" in page
    assert "up to 22\u00a0kW" in page


def test_a_place_without_connection_is_offline_whatever_it_said_last(make_place):
    place = make_place("Utan kontakt")
    set_status(place.evse, ConnectorStatus.AVAILABLE)
    page = Client().get(URL, headers={"accept-language": "en"}).content.decode()
    assert "Offline" in page
    assert "free" not in page.split('class="places"')[1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("umeå", ["Stationen", "Torget"]),
        ("torget umeå", ["Torget"]),
        ("malmö torget", []),
        ("", ["Hamnen", "Stationen", "Torget"]),
    ],
)
def test_search_wants_every_word_somewhere(text, found, towns, driver):
    assert names(find_places(driver, text=text)) == found


def test_the_nearest_comes_first(towns, driver):
    page = find_places(driver, position=Position(63.8255, 20.2635))
    assert names(page) == ["Torget", "Stationen", "Hamnen"]
    assert [round(place.distance_km, 1) for place in page.object_list] == [0.0, 0.5, 998.7]


@pytest.mark.parametrize(
    "position", ["lat=NaN&lon=1", "lat=91&lon=1", "lat=abc&lon=1", "lat=1", "lat=inf&lon=0"]
)
def test_an_impossible_position_is_none(position, towns):
    page = Client().get(f"{URL}?{position}")
    assert page.status_code == 200
    assert page.context["position"] is None


def test_unpublished_places_and_unapproved_stations_are_not_found(towns, driver):
    Location.objects.filter(name="Hamnen").update(is_published=False)
    towns["Torget"].station.registration = "pending"
    towns["Torget"].station.save()
    assert names(find_places(driver)) == ["Stationen"]


def test_htmx_gets_the_list_alone(towns):
    page = Client().get(f"{URL}?q=malm", headers={"hx-request": "true"}).content.decode()
    assert "Hamnen" in page
    assert "<html" not in page


def test_more_places_than_a_page_holds_are_fetched_in_pages(make_place):
    for number in range(23):
        make_place(f"Plats {number:02d}")
    first = Client().get(URL)
    assert len(first.context["places"]) == 20
    assert "page=2" in first.content.decode()
    second = Client().get(f"{URL}?page=2", headers={"hx-request": "true"}).content.decode()
    assert "Plats 22" in second
    assert "Plats 19" not in second


def test_an_open_list_learns_what_is_free_now(place, towns):
    page = Client(headers={"accept-language": "en"})
    listed = page.get(URL).content.decode()
    address = re.search(r'hx-get="([^"]*availability[^"]*)"', listed)[1].replace("&amp;", "&")
    set_status(place.evse, ConnectorStatus.CHARGING)
    fresh = page.get(address).content.decode()
    chip = fresh.split(f'id="place-{place.location.public_id}" hx-swap-oob="true"')[1]
    assert "None free" in chip.split('id="place-')[0]
    assert fresh.count("hx-swap-oob") == 4


def test_availability_tells_nothing_of_unpublished_places(place, driver):
    Location.objects.update(is_published=False)
    for wanted in (place.location.public_id, "nonsense", "00000000-0000-0000-0000-000000000000"):
        answer = logged_in(driver).get(f"{URL}availability/?place={wanted}")
        assert answer.content.decode().strip() == ""


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow_with_the_number_of_places(count, make_place, driver, django_assert_num_queries):
    for number in range(count):
        connect(make_place(f"Plats {number}").station)
    client = logged_in(driver)
    with django_assert_num_queries(QUERIES):
        client.get(URL)


#: session, user, roles as operator and as host, places, outlets (2), connected, statuses, prices (2)
QUERIES = 12
