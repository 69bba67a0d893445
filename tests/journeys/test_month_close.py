"""Finance closes last month: decides a hold, invoices, exports, locks, and exports the same bytes again.

Real processes and a real browser on the demo's data. Screenshots at 1280 and 390 pixels go to the folder
named by JOURNEY_SCREENSHOTS, or to the test's own.
"""

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.journeys.browsing import BROWSER_MARKS, chromium
from tests.journeys.product import Product, running_product

pytestmark = BROWSER_MARKS

FINANCE, PASSWORD = "finance@demo.test", "charge-demo"
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with its demo, web and worker running."""
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


async def test_finance_closes_the_month(product: Product, browser: Browser, pictures: Path) -> None:
    month = last_month()
    page = await logged_in(browser, product)
    await expect(page.locator("#content h1")).to_have_text("Finance desk")
    await expect(page.locator("[data-todo=holds]")).to_contain_text("1 held session")
    await shown(page, pictures, "finance-desk")

    await decide_the_held_session(page, product, pictures)
    await run_the_invoices(page, product, pictures, month=month)
    await look_at_an_invoice(page, product, pictures)
    await page.goto(f"{product.url}/admin/finance/months/{month:%Y-%m}/")
    await expect(page.locator("[data-item=exported]")).to_have_attribute("data-state", "open")
    await shown(page, pictures, "finance-month-open")

    before = await taken_export(page, product, pictures, month=month)
    assert before.startswith(b"#FLAGGA 0\r\n")
    await page.goto(f"{product.url}/admin/finance/months/{month:%Y-%m}/")
    await expect(page.locator("[data-state=open]")).to_have_count(0)
    await page.get_by_role("button", name="Close the month").click()
    await expect(page.get_by_text("The month is closed").first).to_be_visible()
    await shown(page, pictures, "finance-month-closed")

    first = await taken_export(page, product, pictures, month=month)
    second = await taken_export(page, product, pictures, month=month)
    assert first == second
    assert locked_months(product)[-1] == month
    assert not unbalanced_entries(product)
    for path, name in (("trial-balance/", "finance-trial-balance"), ("months/", "finance-months")):
        await page.goto(f"{product.url}/admin/finance/{path}")
        await shown(page, pictures, name)


async def decide_the_held_session(page: Page, product: Product, pictures: Path) -> None:
    """The session whose register ran backwards is billed as measured, and a worker prices it."""
    await page.locator("[data-todo=holds] a").click()
    await page.locator("#result_list tbody a:visible").first.click()
    await page.get_by_role("button", name="Bill as measured").click()
    form = page.locator("#decision-form")
    await form.locator("[name=note]").fill("The register was replaced; the curve is believable.")
    await form.get_by_role("button", name="Bill as measured").click()
    await expect(page.get_by_text("What was decided")).to_be_visible()
    await shown(page, pictures, "finance-hold-decided")
    query = (
        "SELECT 1 FROM charging_sessions_chargingsession s WHERE s.state = 'ended'"
        " AND NOT EXISTS (SELECT FROM billing_cdr c WHERE c.session_id = s.id)"
    )
    await until(page, lambda: not product.rows(query), "the session is priced")


async def run_the_invoices(page: Page, product: Product, pictures: Path, *, month: dt.date) -> None:
    """Last month's invoices are previewed, issued and rendered, with the progress in sight."""
    await page.goto(f"{product.url}/admin/billing/invoicerun/start/")
    await page.locator("[name=month]").first.fill(f"{month:%Y-%m}")
    await page.locator("#preview").click()
    await expect(page.get_by_text("Bud & Bil Norden AB")).to_be_visible()
    await shown(page, pictures, "finance-run-preview")
    await page.locator("#start-run").click()
    await expect(page.locator("#progress-title")).to_contain_text("Done")
    await shown(page, pictures, "finance-run-done")
    await page.goto(f"{product.url}/admin/finance/")
    await expect(page.locator("#fin-run")).to_contain_text("done")


async def look_at_an_invoice(page: Page, product: Product, pictures: Path) -> None:
    """The fleet's newest invoice is found by its number, and its PDF is one."""
    (number, invoice_id), *_ = product.rows(
        "SELECT s.code || '-' || i.number, i.id FROM billing_invoice i JOIN billing_invoiceseries s"
        " ON s.id = i.series_id JOIN billing_billingaccount a ON a.id = i.account_id"
        " WHERE i.kind = 'invoice' AND a.name = 'Bud & Bil Norden AB' ORDER BY i.id DESC"
    )
    await page.goto(f"{product.url}/admin/finance/")
    await page.locator("#fin-q").fill(str(number))
    await page.locator("#fin-q").press("Enter")
    await page.wait_for_url(lambda url: f"/billing/invoice/{invoice_id}/" in url)
    await shown(page, pictures, "finance-invoice")
    answer = await page.request.get(f"{product.url}/admin/billing/invoice/{invoice_id}/pdf/")
    body = await answer.body()
    (pictures / "finance-invoice.pdf").write_bytes(body)
    assert body.startswith(b"%PDF-")


async def taken_export(page: Page, product: Product, pictures: Path, *, month: dt.date) -> bytes:
    """The month's vouchers for the accounting system, asked for, made by a worker and downloaded."""
    await page.goto(f"{product.url}/admin/billing/export/add/")
    await page.locator("[name=kind]").select_option("sie")
    await page.locator("[name=period_start]").fill(month.isoformat())
    await page.locator("[name=last_day]").fill((next_month(month) - dt.timedelta(days=1)).isoformat())
    await page.locator("[name=last_day]").press("Escape")
    await page.locator("[name=_save]").click()
    download = page.get_by_role("button", name="Download")
    await expect(download).to_be_visible()
    await shown(page, pictures, "finance-export")
    async with page.expect_download() as waiting:
        await download.click()
    path = await (await waiting.value).path()
    return await asyncio.to_thread(Path(path).read_bytes)


async def logged_in(browser: Browser, product: Product) -> Page:
    """Frida Finans at her desk."""
    context = await browser.new_context(
        locale="en-GB", viewport={"width": 1280, "height": 900}, accept_downloads=True
    )
    context.set_default_timeout(60_000)
    page = await context.new_page()
    await page.goto(f"{product.url}/admin/login/")
    await page.locator("[name=username]").fill(FINANCE)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.locator("[name=password]").press("Enter")
    await page.wait_for_url(lambda url: "/admin/finance/" in url)
    return page


async def shown(page: Page, pictures: Path, name: str) -> None:
    """A picture on a screen and on a phone; the page scrolls sideways on neither."""
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        await page.wait_for_timeout(300)
        await page.screenshot(path=str(pictures / f"{name}-{width}.png"), full_page=True)
        too_wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        assert not too_wide, f"{name} scrolls sideways at {width} px"
    await page.set_viewport_size({"width": WIDTHS[0], "height": 900})


async def until(page: Page, holds: object, what: str) -> None:
    """Wait up to a minute until it holds."""
    for _ in range(120):
        if holds():  # type: ignore[operator]
            return
        await page.wait_for_timeout(500)
    raise AssertionError(f"it never came about that {what}")


def locked_months(product: Product) -> list[dt.date]:
    rows = product.rows(
        "SELECT first_date FROM billing_ledgerperiod WHERE locked_at IS NOT NULL ORDER BY first_date"
    )
    return [row[0] for row in rows]


def unbalanced_entries(product: Product) -> list[tuple]:
    return product.rows(
        "SELECT entry_id FROM billing_journalline GROUP BY entry_id, currency HAVING sum(amount) <> 0"
    )


def last_month() -> dt.date:
    return (dt.datetime.now(dt.UTC).date().replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def next_month(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1)
