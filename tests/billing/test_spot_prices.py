"""Day-ahead prices come in once, whoever tells them, and until a day has no gap."""

import datetime as dt
import io
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing import tasks
from billing.models import SpotPrice
from billing.spot import fetching
from billing.spot.fetching import market_day
from billing.spot.importing import store
from billing.spot.reading import Unreadable, Wanted, read_csv, read_json

NOW = dt.datetime(2026, 11, 20, 13, 0, tzinfo=dt.UTC)  # 14:00 in Stockholm
SEK = Wanted("SEK", "SE3", Decimal("11.50"))


def quarters(day: dt.date, price: str = "0.50") -> list[dict[str, Any]]:
    """A day as the usual Swedish source tells it."""
    start, end = market_day(day)
    count = round((end - start) / dt.timedelta(minutes=15))
    return [
        {
            "SEK_per_kWh": float(price) + n / 1000,
            "EUR_per_kWh": 0.04,
            "EXR": 11.2,
            "time_start": (start + n * dt.timedelta(minutes=15)).isoformat(),
            "time_end": (start + (n + 1) * dt.timedelta(minutes=15)).isoformat(),
        }
        for n in range(count)
    ]


def row(**fields: Any) -> dict[str, Any]:
    return {"time_start": "2026-11-20T00:00:00+01:00", "SEK_per_kWh": 0.5} | fields


READ = {
    "swedish kronor": (row(), "0.5"),
    "negative": (row(SEK_per_kWh=-0.0123), "-0.0123"),
    "euro by the row's own rate": (row(SEK_per_kWh=None, EUR_per_kWh=0.1, EXR=11.2), "1.12"),
    "euro by our rate": (row(SEK_per_kWh=None, EUR_per_kWh=0.1), "1.15"),
    "euro a MWh": (row(SEK_per_kWh=None, EUR_per_MWh=100), "1.15"),
    "plain": (row(SEK_per_kWh=None, price="0.42"), "0.42"),
    "plain in euro": (row(SEK_per_kWh=None, price="0.1", currency="EUR"), "1.15"),
}


@pytest.mark.parametrize(("told", "price"), READ.values(), ids=READ.keys())
def test_a_price_is_read_in_the_currency_wanted(told: dict, price: str) -> None:
    reading = read_json(json.dumps([told]), wanted=SEK)
    assert [(each.area, each.price, each.end - each.start) for each in reading.told] == [
        ("SE3", Decimal(price), dt.timedelta(minutes=15))
    ]
    assert reading.told[0].start == dt.datetime(2026, 11, 19, 23, tzinfo=dt.UTC)


REFUSED = {
    "no price": (row(SEK_per_kWh=None), "there is no price in SEK"),
    "no number": (row(SEK_per_kWh="cheap"), "not a number: cheap"),
    "endless": (row(SEK_per_kWh="NaN"), "not a number: NaN"),
    "another unit": (row(SEK_per_kWh=512), "512 is no price of a kWh; is it of a MWh?"),
    "no offset": (row(time_start="2026-11-20T00:00:00"), "the beginning must name its offset"),
    "no time": (row(time_start="noon"), "the beginning is no date and time: noon"),
    "backwards": (row(time_end="2026-11-19T23:00:00+01:00"), "the end is not within two hours"),
    "a whole day": (row(time_end="2026-11-21T00:00:00+01:00"), "the end is not within two hours"),
    "no object": ("row", "not an object"),
}


@pytest.mark.parametrize(("told", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_price_is_refused_with_its_line_and_the_reason(told: Any, reason: str) -> None:
    reading = read_json(json.dumps({"prices": [row(), told]}), wanted=SEK)
    assert len(reading.told) == 1
    assert [refused.line for refused in reading.refused] == [2]
    assert reading.refused[0].reason.startswith(reason)


def test_euro_without_a_rate_and_rows_without_an_area_are_refused() -> None:
    told = json.dumps([row(SEK_per_kWh=None, EUR_per_kWh=1)])
    assert read_json(told, wanted=Wanted("SEK", "SE3")).refused[0].reason.startswith("the price is in EUR")
    assert (
        read_json(json.dumps([row()]), wanted=Wanted("SEK")).refused[0].reason
        == "the bidding area is missing"
    )


@pytest.mark.parametrize("text", ["", "<html>", "5", '{"error": "none"}'])
def test_what_is_no_list_of_prices_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_json(text, wanted=SEK)


def test_a_table_is_read_with_decimal_commas_and_any_usual_separator() -> None:
    text = (
        "\ufeffarea;starts_at;ends_at;price_per_kwh\n"
        "se4;2026-11-20T00:00+01:00;2026-11-20T01:00+01:00;−0,1234\n\n"
    )
    (told,) = read_csv(text, wanted=SEK).told
    assert (told.area, told.price, told.end - told.start) == (
        "SE4",
        Decimal("-0.1234"),
        dt.timedelta(hours=1),
    )
    assert len(read_csv("time_start,SEK_per_kWh\n2026-11-20T00:00+01:00,0.5\n", wanted=SEK).told) == 1
    with pytest.raises(Unreadable, match="name the columns"):
        read_csv("1;2;3\n", wanted=SEK)


@pytest.mark.django_db
class TestStoring:
    def test_twice_is_once_and_a_new_price_replaces_the_old_one(self) -> None:
        told = [row(), row(time_start="2026-11-20T00:15:00+01:00", SEK_per_kWh=0.6)]
        first = store(read_json(json.dumps(told), wanted=SEK), source="test", now=NOW)
        assert (first.added, first.changed, first.same) == (2, 0, 0)
        again = store(read_json(json.dumps(told), wanted=SEK), source="test", now=NOW)
        assert (again.added, again.changed, again.same) == (0, 0, 2)
        told[1]["SEK_per_kWh"] = 0.7
        third = store(read_json(json.dumps([*told, "x"]), wanted=SEK), source="other", now=NOW)
        assert (third.added, third.changed, third.same, len(third.refused)) == (0, 1, 1, 1)
        assert list(SpotPrice.objects.values_list("price_per_kwh", "source")) == [
            (Decimal("0.5"), "test"),
            (Decimal("0.7"), "other"),
        ]

    def test_a_file_is_imported_from_the_command_line(self, tmp_path: Path) -> None:
        file = tmp_path / "prices.csv"
        file.write_text("area,starts_at,price_per_kwh\nSE3,2026-11-20T00:00+01:00,0.5\nSE3,soon,1\n")
        out, err = io.StringIO(), io.StringIO()
        call_command("import_spot_prices", str(file), stdout=out, stderr=err)
        assert out.getvalue() == "1 added, 0 changed, 0 already there, 1 refused\n"
        assert err.getvalue() == "line 3: the beginning is no date and time: soon\n"
        assert SpotPrice.objects.get().source == "prices.csv"
        with pytest.raises(CommandError, match="No such file"):
            call_command("import_spot_prices", str(tmp_path / "none.csv"))


@pytest.fixture
def market(settings: Any) -> Iterator[dict[str, list]]:
    """A source on loopback: what it has by path, everything else is 404; ``asked`` keeps the paths."""
    pages: dict[str, list] = {"asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages["asked"].append(self.path)
            body = json.dumps(pages.get(self.path, [])).encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.SPOT_PRICE_URL = (
        f"http://127.0.0.1:{server.server_address[1]}/{{year}}/{{month}}-{{day}}_{{area}}.json"
    )
    settings.SPOT_PRICE_AREAS = ["SE3"]
    yield pages
    server.shutdown()
    server.server_close()
    thread.join(60)


TODAY, TOMORROW = "/2026/11-20_SE3.json", "/2026/11-21_SE3.json"


@pytest.mark.django_db
class TestFetching:
    def test_without_an_address_nothing_is_asked(self, settings: Any) -> None:
        assert settings.SPOT_PRICE_URL == ""
        assert fetching.fetch_missing(now=NOW) == {}
        assert "billing.fetch_spot_prices" in tasks.BEAT_SCHEDULE

    def test_tomorrow_is_asked_for_in_the_afternoon_until_it_is_there(self, market: dict) -> None:
        market[TODAY] = quarters(dt.date(2026, 11, 20))
        fetching.fetch_missing(now=NOW - dt.timedelta(hours=6))
        assert market["asked"] == [TODAY]
        fetching.fetch_missing(now=NOW)
        assert (market["asked"], SpotPrice.objects.count()) == ([TODAY, TOMORROW], 96)
        market[TOMORROW] = quarters(dt.date(2026, 11, 21))[:40]
        fetching.fetch_missing(now=NOW)
        assert not fetching.is_complete(dt.date(2026, 11, 21), area="SE3")
        market[TOMORROW] = quarters(dt.date(2026, 11, 21))
        outcome = fetching.fetch_missing(now=NOW)["SE3 2026-11-21"]
        assert (outcome.added, outcome.same) == (56, 40)
        asked = len(market["asked"])
        assert fetching.fetch_missing(now=NOW) == {}
        assert (len(market["asked"]), SpotPrice.objects.count()) == (asked, 192)

    @pytest.mark.parametrize(
        ("day", "count"),
        [(dt.date(2026, 3, 29), 92), (dt.date(2026, 10, 25), 100), (dt.date(2026, 6, 1), 96)],
    )
    def test_a_day_is_complete_with_as_many_quarters_as_it_has(self, day: dt.date, count: int) -> None:
        told = quarters(day)
        assert len(told) == count
        store(read_json(json.dumps(told[:-1]), wanted=SEK), source="test", now=NOW)
        assert not fetching.is_complete(day, area="SE3")
        store(read_json(json.dumps(told), wanted=SEK), source="test", now=NOW)
        assert fetching.is_complete(day, area="SE3")

    def test_a_source_that_is_down_or_talks_nonsense_changes_nothing(
        self, market: dict, settings: Any
    ) -> None:
        market[TODAY] = {"message": "maintenance"}
        assert fetching.fetch_missing(now=NOW) == {}
        settings.SPOT_PRICE_URL = "http://127.0.0.1:9/{area}"
        assert fetching.fetch_missing(now=NOW) == {}
        assert SpotPrice.objects.count() == 0

    def test_an_address_that_is_no_web_service_is_refused(self, settings: Any) -> None:
        settings.SPOT_PRICE_URL, settings.SPOT_PRICE_AREAS = "file:///etc/passwd", ["SE3"]
        with pytest.raises(ValueError, match="web service"):
            fetching.fetch_missing(now=NOW)
