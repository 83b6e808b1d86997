"""The operator page in a real browser: live, still while hidden, honest when nobody answers, and legible anywhere."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from playwright.async_api import Page, expect

from notifyd.demo.postgres import Cluster
from notifyd.store.rollups import ALL_SALONS
from notifyd.web import stream
from support.browser import CHROMIUM, open_browser, show
from support.databases import Databases
from support.jobs import insert_job
from support.waiting import until
from web.serving import served

SOON = 10_000  # milliseconds

_MANY = f"""
insert into notifyd.rollups select '{ALL_SALONS}', '-infinity', '', channel, outcome, 12345678, 0
from unnest(array['job', 'email', 'sms']) channel, unnest(array['completed', 'failed', 'sent', 'unknown']) outcome
"""

_LINES = """() => {
    const tops = [...document.querySelectorAll("#jobs > div")].map((card) => card.offsetTop);
    return [...new Set(tops)].map((top) => tops.filter((other) => other === top).length);
}"""

_CUT = """() => [...document.querySelectorAll("html, section, #jobs > div, th, td")]
    .filter((box) => box.scrollWidth > box.clientWidth + 1 || box.matches("th, td") && box.offsetHeight > 60)
    .map((box) => box.outerHTML)"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[tuple[Page, list[str]]]:
    """Give the page, open, and the paths it has asked for since."""
    asked: list[str] = []
    async with open_browser() as browser:
        page = await browser.new_page()
        await page.clock.install()
        page.on("request", lambda request: asked.append(request.url.partition(f":{port}")[2]))
        await page.goto(f"http://127.0.0.1:{port}/")
        await expect(page.locator("#jobs > div")).to_have_count(7, timeout=SOON)
        yield page, asked


async def pending(page: Page, figure: int) -> None:
    """Wait until the page shows so many pending jobs."""
    await expect(page.locator("#jobs > div", has_text="pending").locator("dd")).to_have_text(str(figure), timeout=SOON)


async def book(dsn: str) -> None:
    """Insert a job."""
    connection = await asyncpg.connect(dsn)
    try:
        await insert_job(connection)
    finally:
        await connection.close()


async def execute(dsn: str, statement: str) -> None:
    """Execute a statement."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_change_appears_without_polling(database: str) -> None:
    """What was booked is seen, over the one connection that the page has opened."""
    async with served(database) as house, opened(house.port) as (page, asked):
        await pending(page, 0)
        for figure in (1, 2):
            await book(database)
            await pending(page, figure)
        assert ["/", "/page.css", "/page.js", "/live.js", "/stats/stream"] == asked
        await expect(page.locator("#when")).to_contain_text("as of")


async def test_a_hidden_tab_is_still(database: str) -> None:
    """A hidden tab lets its place go and asks nothing; seen again, it catches up."""
    async with served(database) as house, opened(house.port) as (page, asked):
        await show(page, hidden=True)
        assert await until(lambda: house.vitals.streams == 0)
        asked.clear()
        await book(database)
        await page.clock.fast_forward(600_000)  # whatever it may be waiting for
        assert [] == asked
        await show(page, hidden=False)
        await pending(page, 1)
        assert ["/stats/stream"] == asked


async def test_without_a_place_it_polls(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all places are taken the page asks /stats instead, and is still while hidden all the same."""
    monkeypatch.setattr(stream, "MOST_STREAMS", 0)
    async with served(database) as house, opened(house.port) as (page, asked):
        await book(database)
        await pending(page, 1)
        assert {"/stats"} == {path for path in asked if path.startswith("/stats")} - {"/stats/stream"}
        assert await page.locator("#trouble").is_hidden()
        await show(page, hidden=True)
        asked.clear()
        await page.clock.fast_forward(600_000)
        assert [] == asked


async def test_a_server_that_is_gone_is_told(database: str) -> None:
    """The page says that nobody answers, and shows figures again when somebody does."""
    async with AsyncExitStack() as stack:
        async with served(database) as house:
            page, _ = await stack.enter_async_context(opened(house.port))
        trouble = page.locator("#trouble")
        await expect(trouble).to_have_text("notifyd does not answer.", timeout=SOON)
        await book(database)
        async with served(database, port=house.port):
            await pending(page, 1)
            await expect(trouble).to_be_hidden(timeout=SOON)


async def test_a_lost_database_is_told(restartable: Cluster) -> None:
    """The page says what is wrong and keeps the last figures, greyed; then it goes on by itself."""
    dsn = await Databases(restartable).create()
    async with served(dsn) as house, opened(house.port) as (page, _):
        restartable.kill()
        trouble = page.locator("#trouble")
        await expect(trouble).to_contain_text("The database does not answer", timeout=SOON)
        await expect(page.locator("section.stale")).to_have_count(2)
        restartable.start()
        await expect(trouble).to_be_hidden(timeout=SOON)


async def test_a_long_outage_is_told_all_along(restartable: Cluster) -> None:
    """The page goes on saying what is wrong, over the one connection that it has, and does not blame the daemon."""
    dsn = await Databases(restartable).create()
    async with served(dsn, heartbeat=0.5) as house, opened(house.port) as (page, asked):
        heard = await events(page)
        restartable.kill()
        trouble = page.locator("#trouble")
        await expect(trouble).to_contain_text("The database does not answer", timeout=SOON)
        for _ in range(4):
            heard.clear()
            assert await until(lambda: "trouble" in heard)
            await page.clock.fast_forward(30_000)  # two together are longer than the page bears silence
        await expect(trouble).to_contain_text("The database does not answer")
        assert 1 == asked.count("/stats/stream")


async def events(page: Page) -> list[str]:
    """Give the names of the events that the browser passes on to the page from now on; a comment is none."""
    heard: list[str] = []
    browser = await page.context.new_cdp_session(page)
    browser.on("Network.eventSourceMessageReceived", lambda event: heard.append(event["eventName"]))
    await browser.send("Network.enable")
    return heard


@pytest.mark.parametrize(("width", "lines"), [(390, [3, 2, 2]), (768, [3, 4]), (1280, [7])])
async def test_it_fits(database: str, width: int, lines: list[int]) -> None:
    """Seven cards stand in even lines and no figure is cut, with millions too: on a phone, a tablet, a desktop."""
    await execute(database, _MANY)
    async with served(database) as house, opened(house.port) as (page, _):
        await page.set_viewport_size({"width": width, "height": 844})
        await expect(page.locator("#jobs .completed dd")).to_have_text("12,345,678")
        assert lines == await page.evaluate(_LINES)
        assert [] == await page.evaluate(_CUT)


async def test_the_words_are_those_of_stats(database: str) -> None:
    """Figures have the names that /stats gives them; those that only ever grow say so."""
    async with served(database) as house, opened(house.port) as (page, _):
        async with house.http.get("/stats") as answer:
            stats = await answer.json()
        jobs = await page.locator("#jobs dt").all_inner_texts()
        messages = await page.locator("#messages th").all_inner_texts()
        assert [list(stats["jobs"]), list(stats["channels"]["sms"])] == [
            [name.removesuffix(" ever") for name in names] for names in (jobs, messages)
        ]
        ever = {name.removesuffix(" ever") for name in [*jobs, *messages] if name.endswith(" ever")}
        assert {"completed", "failed", "cancelled", "sent", "suppressed"} == ever
        await expect(page.locator("#when")).to_have_text(re.compile(r"^as of \d\d:\d\d:\d\d \S+$"))
