"""A driver with a phone: finds a charger, logs in, starts, plugs in, watches, stops, and reads the bill.

Real processes and a real browser; the charger is a simulated one on a real socket.
"""

import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from chargeportal.simulation.evse import Transaction
from chargeportal.simulation.station16 import SimulatedStation16
from tests.journeys.browsing import BROWSER_MARKS, chromium
from tests.journeys.product import Product, running_product

pytestmark = BROWSER_MARKS


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """The product with its demo, without the simulated fleet."""
    with running_product(tmp_path, DEMO="1") as product:
        product.manage("collectstatic", "--noinput")
        product.manage("seed_demo")
        product.start_web()
        product.start_worker()
        yield product


@pytest.fixture
async def phone() -> AsyncIterator[Page]:
    """A phone whose browser speaks Swedish and says where it is."""
    async with chromium() as browser:
        context = await browser.new_context(
            locale="sv-SE",
            viewport={"width": 390, "height": 844},
            permissions=["geolocation"],
            geolocation={"latitude": 59.31, "longitude": 18.02},
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
        yield page


async def seen(page: Page, name: str) -> None:
    """The page fits the phone, and a picture is kept where JOURNEY_SCREENSHOTS says."""
    too_wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
    assert not too_wide, f"{name} scrolls sideways"
    if folder := os.environ.get("JOURNEY_SCREENSHOTS"):
        await page.screenshot(path=str(Path(folder) / f"driver-{name}.png"), full_page=True)


async def test_a_driver_charges_from_the_phone(product: Product, phone: Page) -> None:
    station = SimulatedStation16(
        url=product.ocpp_url, identity="DEMO-AC-1", password="charge-demo-station", sample_interval_s=1.0
    )

    async def charge(transaction: Transaction) -> None:
        await station.charge(evse=transaction.evse_number)

    station.on_transaction = charge
    async with station:
        await find_the_nearest(phone, product)
        await log_in_on_the_way(phone)
        await start(phone)
        await station.plug_in()
        await watch(phone)
        await stop(phone)
        await read_the_bill(phone, product)


async def find_the_nearest(phone: Page, product: Product) -> None:
    await phone.goto(product.url)
    await phone.get_by_role("button", name="Nära mig").click()
    nearest = phone.locator(".place").first
    await expect(nearest.locator(".place__distance")).to_be_visible()
    await expect(nearest).to_contain_text("Liljeholmen")
    await expect(nearest).to_contain_text(re.compile(r"1 av \d+ lediga"))
    await seen(phone, "finder")
    await nearest.click()
    await expect(phone.locator("[data-live-sign][data-state=live]")).to_be_attached()
    await seen(phone, "place")


async def log_in_on_the_way(phone: Page) -> None:
    await phone.get_by_role("link", name=re.compile("Logga in och ladda")).click()
    await phone.get_by_role("button", name=re.compile("driver@demo.test")).click()
    await expect(phone.get_by_role("heading", name="Börja ladda?")).to_be_visible()
    await expect(phone.locator("main")).to_contain_text("4,95\u00a0kr per kWh")
    await seen(phone, "start")


async def start(phone: Page) -> None:
    await phone.get_by_role("button", name="Börja ladda").click()
    await expect(phone.get_by_text("Laddaren är redo")).to_be_visible()
    await expect(phone.get_by_text("Sätt i sladden…")).to_be_visible()
    await seen(phone, "plug-in")


async def watch(phone: Page) -> None:
    await expect(phone.get_by_role("heading", name="Laddar nu")).to_be_visible()
    await expect(phone.get_by_text("Din bil laddar")).to_be_visible()
    await expect(phone.locator("#session-power")).not_to_have_text(re.compile(r"^(–|0,0\u00a0kW)$"))
    await expect(phone.locator("#session-energy")).not_to_have_text("0,00\u00a0kWh")
    await seen(phone, "live")


async def stop(phone: Page) -> None:
    await phone.get_by_role("button", name="Sluta ladda").first.click()
    await phone.locator("#stop-dialog").get_by_role("button", name="Sluta ladda").click()
    await expect(phone.get_by_role("heading", name="Så räknades kostnaden ut")).to_be_visible()


async def read_the_bill(phone: Page, product: Product) -> None:
    bill = phone.locator(".bill")
    for _ in range(30):  # until the worker has priced it
        await phone.reload()
        if not await phone.get_by_text("Kostnaden är preliminär").count():
            break
        await phone.wait_for_timeout(300)
    ((total, energy_wh),) = product.rows(
        "SELECT c.total_incl_vat, c.energy_wh FROM billing_cdr c"
        " JOIN charging_sessions_chargingsession s ON s.id = c.session_id"
        " JOIN stations_chargingstation t ON t.id = s.station_id WHERE t.identity = 'DEMO-AC-1'"
        " AND s.started_at > now() - interval '10 minutes'"
    )
    assert energy_wh > 0
    written = f"{total}".replace(".", ",") + "\u00a0kr"
    await expect(phone.locator("#session-total")).to_have_text(written)
    await expect(bill).to_contain_text("× 4,95\u00a0kr =")
    await expect(phone.get_by_text("Startad från appen")).to_be_visible()
    await seen(phone, "bill")
    await phone.goto(f"{product.url}/sessions/")
    await expect(phone.locator(".row").first).to_contain_text(written)
    await seen(phone, "history")
