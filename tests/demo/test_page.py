"""The page in a real browser: it shows what arrives, quickly, without faults, and keeps mails in their box."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from demo.running import Demo
from support.browser import CHROMIUM, open_browser, show
from support.databases import scratch_directory
from support.waiting import until

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
    async with open_browser() as started:
        yield started


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


async def test_a_hidden_tab_is_still(page: Page, demo: Demo) -> None:
    """A hidden tab asks nothing, and nobody asks the daemon for it; seen again, it catches up with what came."""
    await page.locator("#mails li").first.wait_for(timeout=SOON)
    assert await until(lambda: watched(page, demo, 1))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await show(page, hidden=True)
    before = await page.locator("#mails li").count()
    assert await until(lambda: watched(page, demo, 0))
    assert ([], before) == (asked, await page.locator("#mails li").count())
    async with page.expect_request(lambda request: "events?since=" in request.url, timeout=SOON):
        await show(page, hidden=False)
    await page.get_by_role("button", name="Book a visit").click()
    await expect(page.locator("#booked")).to_contain_text("E-mail after", timeout=SOON)


async def watched(page: Page, demo: Demo, viewers: int) -> bool:
    """Whether so many watch the daemon's stream, as its own metrics tell."""
    answer = await page.request.get(f"{demo.daemon}metrics")
    return f"notifyd_streams {viewers}.0" in await answer.text()


@pytest.mark.parametrize("width", [390, 768, 1280])
async def test_it_fits(browser: Browser, demo: Demo, width: int) -> None:
    """Nothing reaches beyond the window's width, on a phone, a tablet and a desktop."""
    page = await browser.new_page(viewport={"width": width, "height": 844})
    await page.goto(demo.url)
    await page.locator("#mails li").first.wait_for(timeout=SOON)
    assert width == await page.evaluate("() => document.documentElement.scrollWidth")


async def test_it_leads_to_the_daemons_own_page(page: Page, demo: Demo) -> None:
    """The link opens the page that the daemon itself serves, at the address that was announced."""
    await page.get_by_role("link", name="the daemon's own page").click()
    await expect(page).to_have_url(demo.daemon)
    await expect(page.locator("#jobs > div")).to_have_count(7, timeout=SOON)


async def test_a_demo_that_is_gone_is_told(browser: Browser, home: Path) -> None:
    """When the demo was stopped the page says so, and greys what it showed."""
    with Demo(home) as demo:
        page = await browser.new_page()
        await page.goto(demo.ready().url)
        await expect(page.locator("#channels > li")).to_have_count(2, timeout=SOON)
        assert await page.locator("main.stale, #lost:visible").count() == 0
    await expect(page.locator("#lost")).to_be_visible(timeout=SOON)
    assert "0.55" == await page.locator("main.stale").evaluate("(main) => getComputedStyle(main).opacity")


async def test_strangers_may_not_book(page: Page, demo: Demo) -> None:
    """A form on another site cannot press the button."""
    answer = await page.request.post(demo.url + "bookings", headers={"Sec-Fetch-Site": "cross-site"})
    assert 403 == answer.status
