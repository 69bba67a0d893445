"""A charger connects, a car charges, the operator watches it live, the driver sees what it cost.

Real frames over a real socket, real processes, a real browser. The charger is a client of the `ocpp`
package. Screenshots go to the folder named by JOURNEY_SCREENSHOTS, or to the test's own.
"""

import datetime as dt
import os
import time
from collections.abc import AsyncIterator, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from playwright.async_api import Error as PlaywrightError

from tests.journeys.browsing import BROWSER_MARKS, chromium
from tests.journeys.chargers import Charger16, Charger201
from tests.journeys.product import Product, running_product

pytestmark = BROWSER_MARKS

IDENTITY = "DEMO-AC-1"
STATION_PASSWORD = "charge-demo-station"
PASSWORD = "charge-demo"
TOKEN = "DEMO0001"
LIVE_WITHIN_S = 1.0


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with its demo, web and worker running; no simulated chargers."""
    with running_product(tmp_path_factory.mktemp("product"), DEMO="1") as product:
        product.manage("collectstatic", "--noinput")
        product.manage("seed_demo")
        product.start_web()
        product.start_worker()
        yield product


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go."""
    folder = Path(os.environ.get("JOURNEY_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize(
    ("charger_class", "name", "energy_wh"),
    [(Charger16, "ocpp16", 12_345), (Charger201, "ocpp201", 8_765)],
    ids=["OCPP 1.6", "OCPP 2.0.1"],
)
async def test_the_main_journey(
    charger_class: Any, name: str, energy_wh: int, product: Product, browser: Browser, pictures: Path
) -> None:
    operator = await logged_in(browser, product, "operator@demo.test", "/admin/login/", width=1280)
    driver = await logged_in(browser, product, "driver@demo.test", "/account/login/", width=390)
    tile = operator.locator(f"article:has-text('{IDENTITY}')")
    await operator.goto(f"{product.url}/admin/")
    await expect(operator.locator("[data-live-sign][data-state=live]")).to_be_visible()
    started_at = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=1)
    start_wh = 1_000_000

    address = {"url": product.ocpp_url, "identity": IDENTITY, "password": STATION_PASSWORD}
    async with charger_class.connected(**address) as charge_point:
        charger = charger_class(charge_point)
        await charger.boot()
        await expect(tile.get_by_text("available", exact=False)).to_be_visible()

        await charger.begin(TOKEN, started_at, start_wh)
        await expect(tile.get_by_text("charging", exact=False).first).to_be_visible()
        await expect(tile.get_by_text("Alva Lindqvist")).to_be_visible()

        took_s = []
        for minute, power_w, shown in ((28, 9_140, "9.1 kW"), (29, 8_250, "8.3 kW"), (30, 10_870, "10.9 kW")):
            at = started_at + dt.timedelta(minutes=minute)
            await charger.sample((at, start_wh + energy_wh // 2, power_w))
            answered_at = time.monotonic()
            await expect(tile.get_by_text(shown)).to_be_visible()
            took_s.append(time.monotonic() - answered_at)
        assert min(took_s) <= LIVE_WITHIN_S, took_s  # the machine may be busy with something else for once
        await picture(operator, pictures, f"{name}-network-now")
        await picture_of_details(operator, tile, pictures, name)

        await watch_as_driver(driver, charger, product, pictures, name, started_at, start_wh, energy_wh)
        await charger.finish(started_at + dt.timedelta(minutes=60), start_wh + energy_wh)
        await expect(tile.get_by_text("available", exact=False)).to_be_visible()

    await check_history(driver, product, pictures, name, energy_wh=energy_wh)


async def watch_as_driver(  # noqa: PLR0917 - the whole story of a session
    driver: Page, charger: Any, product: Product, pictures: Path, name: str,
    started_at: dt.datetime, start_wh: int, energy_wh: int,
) -> None:  # fmt: skip
    """The driver sees energy and cost of the running session, and sees them change by themselves."""
    await driver.goto(f"{product.url}/")
    await driver.locator(".card--accent a[href^='/sessions/']").first.click()
    await expect(driver.locator("[data-live-sign][data-state=live]")).to_be_attached()
    await expect(driver.locator("#session-cost")).to_have_text(kronor(energy_wh // 2))
    late_wh = energy_wh - 100
    at = started_at + dt.timedelta(minutes=55)
    await charger.sample((at, start_wh + late_wh, 9_000))
    await expect(driver.locator("#session-cost")).to_have_text(kronor(late_wh))
    await picture(driver, pictures, f"{name}-driver-live")


async def check_history(driver: Page, product: Product, pictures: Path, name: str, *, energy_wh: int) -> None:
    """The driver's history has the session at the price that a pocket calculator gives."""
    await expect_soon(driver, f"{product.url}/sessions/", kronor(energy_wh))
    await picture(driver, pictures, f"{name}-driver-history")
    await driver.get_by_text(kronor(energy_wh)).first.click()
    await expect(driver.locator("#session-total")).to_have_text(kronor(energy_wh))
    await picture(driver, pictures, f"{name}-driver-session")
    rows = product.rows(
        "SELECT c.total_incl_vat, c.total_excl_vat, c.energy_wh::bigint FROM billing_cdr c"
        " JOIN charging_sessions_chargingsession s ON s.id = c.session_id"
        " JOIN stations_chargingstation t ON t.id = s.station_id WHERE t.identity = %s ORDER BY c.id DESC",
        IDENTITY,
    )
    # a price of 4.95 kr with 25 % VAT inside: a fifth of it is the tax
    total = cost(energy_wh)
    net = (Decimal(energy_wh) / 1000 * Decimal("4.95") / Decimal("1.25")).quantize(
        Decimal("0.01"), ROUND_HALF_UP
    )
    assert rows[0] == (total, net, energy_wh)


def cost(energy_wh: int) -> Decimal:
    """The demo's normal price is 4.95 kr a kWh including VAT."""
    return (Decimal(energy_wh) / 1000 * Decimal("4.95")).quantize(Decimal("0.01"), ROUND_HALF_UP)


def kronor(energy_wh: int) -> str:
    """The amount as a Swede writes it."""
    return f"{cost(energy_wh)} kr".replace(".", ",").replace(" ", "\u00a0")


async def logged_in(browser: Browser, product: Product, email: str, path: str, *, width: int) -> Page:
    """A page of a person who is logged in: the operator in English, the driver in Swedish."""
    locale = "en-GB" if path.startswith("/admin") else "sv-SE"
    height = 900 if width > 1000 else 844
    context = await browser.new_context(locale=locale, viewport={"width": width, "height": height})
    page = await context.new_page()
    await page.goto(f"{product.url}{path}")
    await page.locator("[name=login], [name=username]").first.fill(email)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.locator("[name=password]").press("Enter")
    await page.wait_for_url(lambda url: "login" not in url)
    return page


async def expect_soon(page: Page, url: str, text: str) -> None:
    """The page shows the text once a worker has priced the session."""
    for _ in range(30):
        try:
            await page.goto(url)
        except PlaywrightError as error:
            if "ERR_ABORTED" not in str(error):  # the live page takes itself to the ended session meanwhile
                raise
        if await page.get_by_text(text).count():
            return
        await page.wait_for_timeout(500)
    raise AssertionError(f"{url} never showed {text}: {await page.inner_text('main')}")


async def picture_of_details(operator: Page, tile: Any, pictures: Path, name: str) -> None:
    """The operator's station and session pages, on a screen and on a phone."""
    station = await tile.locator("header a").get_attribute("href")
    session = await tile.locator("p a").first.get_attribute("href")
    details = await operator.context.new_page()
    for width in (1280, 390):
        await details.set_viewport_size({"width": width, "height": 900})
        for kind, path in (("station", station), ("session", session), ("network", "/admin/")):
            await details.goto(operator.url.split("/admin")[0] + str(path))
            await details.wait_for_timeout(800)
            await picture(details, pictures, f"{name}-operator-{kind}-{width}")
            too_wide = await details.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
            assert not too_wide, f"{path} scrolls sideways at {width} px"
    await details.close()


async def picture(page: Page, pictures: Path, name: str) -> None:
    await page.screenshot(path=str(pictures / f"{name}.png"), full_page=False)
