"""A guest scans, sees the price, pays, charges, stops and has a receipt: no account, no app.

The charger is a client of the `ocpp` package, the card processor a fake that speaks HTTP and tells the
product by signed webhooks. Screenshots go to the folder named by JOURNEY_SCREENSHOTS, or to the test's own.
"""

import asyncio
import contextlib
import datetime as dt
import email
import email.policy
import os
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result
from ocpp.v16.enums import Action
from playwright.async_api import Browser, Page, expect

from chargeportal.stripe_fake.server import StripeFake
from chargeportal.stripe_fake.webhooks import Messenger
from tests.journeys.browsing import BROWSER_MARKS, chromium
from tests.journeys.chargers import Charger16, connected
from tests.journeys.product import Product, running_product

pytestmark = BROWSER_MARKS

IDENTITY = "DEMO-AC-1"
EVSE_ID = "SE*NOL*EDEMOAC1*1"
STATION_PASSWORD = "charge-demo-station"
PASSWORD = "charge-demo"
GUEST = "gast@example.test"
GOOD_CARD = "4242 4242 4242 4242"
PATIENCE_S = 60
PER_KWH = Decimal("4.95")


class RemoteChargePoint(ChargePoint16):
    """Does what it is asked from afar, and tells the test."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.starts: asyncio.Queue[str] = asyncio.Queue()
        self.stops: asyncio.Queue[int] = asyncio.Queue()
        self.accepts = True

    @on(Action.remote_start_transaction)
    def start_asked(self, id_tag: str, **_kwargs: Any) -> call_result.RemoteStartTransaction:
        self.starts.put_nowait(id_tag)
        return call_result.RemoteStartTransaction("Accepted" if self.accepts else "Rejected")

    @on(Action.remote_stop_transaction)
    def stop_asked(self, transaction_id: int, **_kwargs: Any) -> call_result.RemoteStopTransaction:
        self.stops.put_nowait(transaction_id)
        return call_result.RemoteStopTransaction("Accepted")


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeFake]:
    fake = StripeFake()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, stripe: StripeFake) -> Iterator[Product]:
    """The product with its demo, web and worker running, and a card processor beside it."""
    settings = {
        "DEMO": "1",
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_PUBLISHABLE_KEY": "pk_test_fake",
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "STRIPE_API_BASE": stripe.address,
        "STRIPE_CHECKOUT_ORIGIN": stripe.address,
    }
    with running_product(tmp_path_factory.mktemp("product"), **settings) as product:
        product.env["SITE_ADDRESS"] = product.url  # type: ignore[index]  # a dict of its own
        product.manage("collectstatic", "--noinput")
        product.manage("seed_demo")
        product.start_web()
        product.start_worker()
        messenger = Messenger(
            stripe.store, url=f"{product.url}/webhooks/stripe/", secret=stripe.webhook_secret
        )
        messenger.start()
        yield product
        messenger.stop()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("JOURNEY_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.asynccontextmanager
async def charger_at(product: Product) -> AsyncIterator[Charger16]:
    """A charger that has booted and is free."""
    address = {"url": product.ocpp_url, "identity": IDENTITY, "password": STATION_PASSWORD}
    async with connected(RemoteChargePoint, "ocpp1.6", **address) as charge_point:
        charger = Charger16(charge_point)
        await charger.boot()
        yield charger


async def phone(browser: Browser, *, locale: str = "sv-SE") -> Page:
    context = await browser.new_context(locale=locale, viewport={"width": 390, "height": 844})
    return await context.new_page()


async def shoot(page: Page, pictures: Path, name: str) -> None:
    """A picture at the width of a phone and of a desk; neither scrolls sideways."""
    for width, height in ((390, 844), (1280, 900)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.screenshot(path=str(pictures / f"{name}-{width}.png"), full_page=True)
        too_wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        assert not too_wide, f"{name} scrolls sideways at {width} px"
    await page.set_viewport_size({"width": 390, "height": 844})


async def pay(page: Page, product: Product, stripe: StripeFake) -> None:
    """From the sticker to the payment page and back."""
    await page.goto(f"{product.url}/q/{EVSE_ID}/")
    await page.locator("[name=email]").fill(GUEST)
    await page.locator("#pay-and-start").click()
    await page.wait_for_url(f"{stripe.address}/c/pay/**")
    await page.locator("#number").fill(GOOD_CARD)


async def test_a_guest_charges_and_pays(
    product: Product, stripe: StripeFake, browser: Browser, pictures: Path
) -> None:
    page = await phone(browser)
    async with charger_at(product) as charger:
        await page.goto(f"{product.url}/q/{EVSE_ID}/")
        await expect(page.get_by_text("4,95\u00a0kr").first).to_be_visible()
        await expect(page.locator("#hold-title")).to_contain_text("500,00\u00a0kr")
        await shoot(page, pictures, "guest-1-price")

        await pay(page, product, stripe)
        await shoot(page, pictures, "guest-2-payment")
        await page.locator("button.go").click()
        await page.wait_for_url(f"{product.url}/q/live/**")
        token = await asyncio.wait_for(charger.charge_point.starts.get(), PATIENCE_S)
        await expect(page.locator("#guest-progress .is-done")).to_have_count(2)
        await shoot(page, pictures, "guest-3-starting")

        began = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=1)
        await charger.begin(token, began, 1_000_000)
        await charger.sample((began + dt.timedelta(minutes=41), 1_007_400, 10_870))
        await expect(page.locator("[data-live-sign][data-state=live]")).to_be_attached()
        await expect(page.locator("#session-cost")).to_have_text("36,63\u00a0kr")
        await charger.sample((began + dt.timedelta(minutes=56), 1_010_000, 10_400))
        await expect(page.locator("#session-cost")).to_have_text("49,50\u00a0kr")
        await shoot(page, pictures, "guest-4-charging")

        await page.locator("#stop-form button").click()
        await shoot(page, pictures, "guest-5-stop")
        await page.locator("#stop-dialog .button--danger").click()
        await asyncio.wait_for(charger.charge_point.stops.get(), PATIENCE_S)
        await charger.finish(dt.datetime.now(dt.UTC), 1_010_000)

    await expect(page.locator("#guest-paid")).to_have_text("49,50\u00a0kr")
    await expect(page.locator("#session-total")).to_have_text("49,50\u00a0kr")
    await shoot(page, pictures, "guest-6-receipt")
    receipt = await page.request.get(page.url + "receipt.pdf")
    assert (await receipt.body())[:5] == b"%PDF-"
    await check_the_money(product, stripe)
    await check_the_mail(product)


async def check_the_money(product: Product, stripe: StripeFake) -> None:
    """49.50 of the 500 that were reserved were taken, once, and the books say the same."""
    rows = product.rows(
        "SELECT p.state, p.authorised, p.captured, p.stripe_payment_intent FROM billing_payment p"
        " JOIN billing_guestcheckout c ON c.payment_id = p.id JOIN charging_sessions_chargingsession s"
        " ON s.id = c.session_id JOIN stations_chargingstation t ON t.id = s.station_id"
        " WHERE t.identity = %s AND c.state = 'done' AND c.email = %s",
        IDENTITY, GUEST,
    )  # fmt: skip
    assert [row[:3] for row in rows] == [("succeeded", Decimal(500), Decimal("49.50"))]
    intent = stripe.store.objects[rows[0][3]]
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 4950)
    assert product.rows("SELECT coalesce(sum(amount), 0) FROM billing_journalline") == [(Decimal(0),)]


async def check_the_mail(product: Product) -> None:
    """The receipt is in the post, with its PDF."""
    folder = Path(product.env["VAR"]) / "mail"
    for _ in range(PATIENCE_S * 2):
        mails = [path.read_bytes() for path in folder.glob("*")] if folder.exists() else []
        found = [mail for mail in mails if GUEST.encode() in mail]
        if found:
            break
        await asyncio.sleep(0.5)
    (one,) = found
    message = email.message_from_bytes(one, policy=email.policy.default)
    assert message["To"] == GUEST
    assert "application/pdf" in {part.get_content_type() for part in message.walk()}


async def test_a_charger_that_refuses_costs_nothing(
    product: Product, stripe: StripeFake, browser: Browser, pictures: Path
) -> None:
    page = await phone(browser)
    async with charger_at(product) as charger:
        charger.charge_point.accepts = False
        await pay(page, product, stripe)
        await page.locator("button.go").click()
        await asyncio.wait_for(charger.charge_point.starts.get(), PATIENCE_S)
        await expect(page.locator("#guest-progress .note--error")).to_be_visible()
        await shoot(page, pictures, "guest-7-refused")
    held = [o for o in stripe.store.all("payment_intent") if o["status"] == "requires_capture"]
    assert held == []


async def test_drivers_find_their_money_and_operators_their_stickers(
    product: Product, stripe: StripeFake, browser: Browser, pictures: Path
) -> None:
    page = await phone(browser)
    await log_in(page, product, "driver@demo.test", "/account/login/")
    await page.goto(f"{product.url}/payment/")
    await shoot(page, pictures, "driver-payment")
    address = page.url
    for name in ("wallet", "subscription", "details", "documents"):
        await page.goto(f"{address}{name}/")
        await shoot(page, pictures, f"driver-{name}")
    await page.goto(f"{address}wallet/")
    await page.locator("form:has([name=amount][value='200']) button").click()
    await page.wait_for_url(f"{stripe.address}/c/pay/**")
    await page.locator("#number").fill(GOOD_CARD)
    await page.locator("button.go").click()
    await page.wait_for_url(f"{product.url}/payment/**")
    await expect(page.locator("#wallet-balance")).to_contain_text("kr")
    await expect(page.locator(".note--success")).to_be_visible()
    await shoot(page, pictures, "driver-wallet-filled")

    operator = await phone(browser, locale="en-GB")
    await log_in(operator, product, "operator@demo.test", "/admin/login/")
    ((station_id,),) = product.rows("SELECT id FROM stations_chargingstation WHERE identity = %s", IDENTITY)
    await operator.goto(f"{product.url}/stickers/{station_id}/")
    await expect(operator.locator(".sticker__qr")).to_be_visible()
    await shoot(operator, pictures, "operator-stickers")


async def log_in(page: Page, product: Product, who: str, path: str) -> None:
    await page.goto(f"{product.url}{path}")
    await page.locator("[name=login], [name=username]").first.fill(who)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.locator("[name=password]").press("Enter")
    await page.wait_for_url(lambda url: "login" not in url)
