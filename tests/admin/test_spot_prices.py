"""Day-ahead prices in the admin: charts, the list, and the upload of a file."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from billing.models import SpotPrice
from billing.spot.chart import charts
from billing.spot.fetching import market_day

LIST, IMPORT = "admin:billing_spotprice_changelist", "admin:billing_spotprice_import_prices"
CSV = b"area,starts_at,price_per_kwh\nSE3,2026-11-20T00:00+01:00,0.5\nSE3,soon,1\n"


def price(start: dt.datetime, per_kwh: str = "0.5", area: str = "SE3") -> SpotPrice:
    return SpotPrice.objects.create(
        area=area,
        starts_at=start,
        ends_at=start + dt.timedelta(minutes=15),
        price_per_kwh=Decimal(per_kwh),
        source="test",
        imported_at=start,
    )


def upload(client, content: bytes = CSV, name: str = "prices.csv"):
    return client.post(reverse(IMPORT), {"file": SimpleUploadedFile(name, content), "area": ""})


def test_the_list_shows_todays_prices_as_a_chart(colleague, browser):
    start, _ = market_day(timezone.localdate())
    price(start)
    price(start + dt.timedelta(minutes=15), "-0.25")
    page = browser(colleague("operator")).get(reverse(LIST))
    assert page.status_code == 200
    assert "lowest −0.25, highest 0.50" in page.content.decode()


def test_without_prices_the_page_says_where_they_come_from(colleague, browser):
    page = browser(colleague("operator")).get(reverse(LIST)).content.decode()
    assert "there are no prices of today or tomorrow" in page


def test_a_file_is_imported_once_and_the_rows_refused_are_named(colleague, browser):
    finance = browser(colleague("finance"))
    page = upload(finance).content.decode()
    assert "1 prices added, 0 changed, 0 were there already, 1 rows refused." in page
    assert "the beginning is no date and time: soon" in page
    assert "0 prices added, 0 changed, 1 were there already" in upload(finance).content.decode()
    assert SpotPrice.objects.count() == 1
    entry = AuditEntry.objects.filter(act="spotprice.imported").latest("pk")
    assert entry.details == {"added": 0, "changed": 0, "refused": 1}


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "prices.csv", "empty"),
        (b"1;2;3", "prices.csv", "name the columns"),
        (b"{", "prices.json", "not JSON"),
        (b"\xff\xfe\x00", "prices.csv", "not in UTF-8"),
    ],
)
def test_a_file_that_holds_no_prices_changes_nothing(content, name, said, colleague, browser):
    page = upload(browser(colleague("finance")), content, name).content.decode()
    assert said in page
    assert SpotPrice.objects.count() == 0


def test_whoever_may_not_keep_prices_cannot_import(colleague, browser):
    technician = browser(colleague("technician"))
    assert technician.get(reverse(IMPORT)).status_code == 403
    assert upload(technician).status_code == 403
    assert SpotPrice.objects.count() == 0


def test_nobody_edits_a_price_by_hand(superuser, browser):
    row = price(timezone.now())
    page = browser(superuser).post(
        reverse("admin:billing_spotprice_change", args=[row.pk]), {"price_per_kwh": "9"}
    )
    assert page.status_code == 403
    assert SpotPrice.objects.get().price_per_kwh == Decimal("0.5")


def test_the_list_costs_the_same_with_more_rows(superuser, browser):
    client, counts = browser(superuser), []
    start, _ = market_day(timezone.localdate())
    for rows in (1, 3):
        while SpotPrice.objects.count() < rows:
            price(start + SpotPrice.objects.count() * dt.timedelta(minutes=15))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(reverse(LIST)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db
def test_the_chart_has_zero_in_it_and_breaks_where_a_price_is_missing():
    now = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    start, _ = market_day(dt.date(2026, 11, 20))
    for quarter, per_kwh in ((0, "0.40"), (1, "0.80"), (3, "-0.10")):
        price(start + quarter * dt.timedelta(minutes=15), per_kwh)
    (chart,) = charts(now=now)
    assert chart.line.count("M") == 2
    assert [tick.label for tick in chart.price_ticks] == ["−0.2", "0", "0.2", "0.4", "0.6", "0.8"]
    assert [tick.label for tick in chart.time_ticks] == ["11-20", "06", "12", "18", "11-21", "06", "12", "18"]
    assert (chart.lowest, chart.highest, chart.name) == (Decimal("-0.10"), Decimal("0.80"), "SE3 Stockholm")
