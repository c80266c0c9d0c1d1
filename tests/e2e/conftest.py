"""A demo desk on a real port, and Debian's Chromium looking at it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright

from api.application import create_app
from api.server import Address, serve
from tests.e2e.demo_desk import DemoDesk

TOKEN = "a-token-of-the-browser-tests"
SIZES: dict[str, ViewportSize] = {
    "wide": {"width": 1440, "height": 900},
    "phone": {"width": 390, "height": 844},
}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Screen:
    """A browser page, and everything it complained about."""

    def __init__(self, page: Page, desk: DemoDesk, address: Address) -> None:
        self.page = page
        self.desk = desk
        self.address = address
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _request(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith((self.address.url, self.address.url.replace("http", "ws"), "data:")):
            self.complaints.append(f"asked {url}")

    async def open(self) -> Page:
        await self.page.goto(self.address.dashboard(TOKEN))
        await self.page.wait_for_selector("#link-state.good")
        return self.page

    async def sideways(self) -> int:
        """Pixels by which the page is wider than its window."""
        width: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return width


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing; the dashboard tests drive it. Fix: apt-get install -y chromium")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield running
        await running.close()


@pytest.fixture
def desk() -> DemoDesk:
    return DemoDesk()


@pytest_asyncio.fixture(loop_scope="module")
async def address(desk: DemoDesk) -> AsyncIterator[Address]:
    async with serve(create_app(desk, TOKEN)) as where:
        yield where


@pytest_asyncio.fixture(loop_scope="module", params=["wide", "phone"])
async def screen(
    request: pytest.FixtureRequest, browser: Browser, desk: DemoDesk, address: Address
) -> AsyncIterator[Screen]:
    """The page at both sizes. A test that took it fails when the browser complained about anything."""
    async with await browser.new_context(viewport=SIZES[request.param]) as context:
        screen = Screen(await context.new_page(), desk, address)
        yield screen
        assert screen.complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def wide(browser: Browser, desk: DemoDesk, address: Address) -> AsyncIterator[Screen]:
    async with await browser.new_context(viewport=SIZES["wide"]) as context:
        screen = Screen(await context.new_page(), desk, address)
        yield screen
        assert screen.complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser, desk: DemoDesk, address: Address) -> AsyncIterator[Screen]:
    async with await browser.new_context(viewport=SIZES["phone"], has_touch=True) as context:
        screen = Screen(await context.new_page(), desk, address)
        yield screen
        assert screen.complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def playing(desk: DemoDesk) -> AsyncIterator[DemoDesk]:
    """A desk with a history that goes on deciding, slowly enough to watch."""
    await desk.warm(40)
    desk.pace = 0.1
    task = asyncio.create_task(desk.play(0.2))
    yield desk
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
