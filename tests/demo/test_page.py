"""The page in a real browser: it shows what arrives, quickly, without faults, and keeps mails in their box."""

import re
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from demo.running import Demo
from support.databases import scratch_directory

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run"]
SOON = 10_000  # milliseconds

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """Give a demo that runs for all tests of this file."""
    with scratch_directory() as directory, Demo(directory) as running:
        yield running.ready()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Give a browser of one's own."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
async def page(browser: Browser, demo: Demo) -> AsyncIterator[Page]:
    """Give the page, open at desktop width; whatever its console complains of fails the test."""
    complaints: list[str] = []
    opened = await browser.new_page(viewport={"width": 1280, "height": 900})
    opened.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    await opened.goto(demo.url)
    yield opened
    assert [] == complaints


async def test_a_booking_arrives_while_one_looks(page: Page) -> None:
    """The button books a visit; both messages come, the mail is opened, and its job is named beside it."""
    await page.get_by_role("button", name="Book a visit").click()
    await expect(page.locator("#booked")).to_contain_text("E-mail after", timeout=SOON)
    await expect(page.locator("#booked")).to_contain_text("SMS after", timeout=SOON)
    await expect(page.locator("#facts")).to_contain_text("completed", timeout=SOON)
    await expect(page.locator("#facts .id dd")).to_have_text(re.compile(r"^[0-9a-f-]{36}$"), timeout=SOON)
    letter = page.frame_locator("#letter")
    await expect(letter.locator("body")).to_contain_text("booked", timeout=SOON)
    await expect(page.locator("#mails [aria-current=true]")).to_have_count(1)


async def test_a_mail_can_do_nothing(page: Page, demo: Demo) -> None:
    """The frame is sandboxed without exceptions, and the mail is served with a policy that forbids the rest."""
    frame = page.locator("#letter")
    await expect(frame).to_have_attribute("src", re.compile(r"^mail/\d+$"), timeout=SOON)
    await expect(frame).to_have_attribute("sandbox", "")
    answer = await page.request.get(demo.url + str(await frame.get_attribute("src")))
    policy = answer.headers["content-security-policy"]
    assert "sandbox;" in policy
    assert "default-src 'none'" in policy


async def test_figures_and_empty_states(page: Page) -> None:
    """Every status has its count, both channels say how they are, and an empty list explains itself."""
    await expect(page.locator("#jobs > div")).to_have_count(7, timeout=SOON)
    await expect(page.locator("#channels > li")).to_have_count(2)
    lists = await page.evaluate(
        """() => ["mails", "texts", "waiting", "failed"].map((id) => {
            const list = document.getElementById(id);
            return [list.children.length === 0, getComputedStyle(list.nextElementSibling).display !== "none"];
        })"""
    )
    assert [is_empty for is_empty, _ in lists] == [is_explained for _, is_explained in lists]


async def test_by_keyboard_alone(page: Page) -> None:
    """A mail is opened with the keyboard, and the list holds still meanwhile."""
    await page.locator("#mails button").first.wait_for(timeout=SOON)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="To the inbox")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    focused = page.locator("#mails button:focus")
    await expect(focused).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(focused).to_have_attribute("aria-current", "true")


async def test_a_hidden_tab_is_still(page: Page) -> None:
    """A hidden tab closes its stream; seen again, it catches up with what came meanwhile."""
    await page.locator("#mails li").first.wait_for(timeout=SOON)
    await show(page, hidden=True)
    before = await page.locator("#mails li").count()
    async with page.expect_request(lambda request: "events?since=" in request.url, timeout=SOON):
        assert before == await page.locator("#mails li").count()
        await show(page, hidden=False)
    await page.get_by_role("button", name="Book a visit").click()
    await expect(page.locator("#booked")).to_contain_text("E-mail after", timeout=SOON)


@pytest.mark.parametrize("width", [390, 768, 1280])
async def test_it_fits(browser: Browser, demo: Demo, width: int) -> None:
    """Nothing reaches beyond the window's width, on a phone, a tablet and a desktop."""
    page = await browser.new_page(viewport={"width": width, "height": 844})
    await page.goto(demo.url)
    await page.locator("#mails li").first.wait_for(timeout=SOON)
    assert width == await page.evaluate("() => document.documentElement.scrollWidth")


async def test_strangers_may_not_book(page: Page, demo: Demo) -> None:
    """A form on another site cannot press the button."""
    answer = await page.request.post(demo.url + "bookings", headers={"Sec-Fetch-Site": "cross-site"})
    assert 403 == answer.status


async def show(page: Page, *, hidden: bool) -> None:
    """Tell the page that its tab is hidden, or seen again: headless tabs are never hidden of themselves."""
    await page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
