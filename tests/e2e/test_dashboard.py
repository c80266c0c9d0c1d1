"""What a person at the dashboard sees and can do, in a real browser."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Page, expect

from api.application import create_app
from api.server import Address, serve
from tests.e2e.conftest import TOKEN, Screen
from tests.e2e.demo_desk import DemoDesk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PANELS = ("graph", "chart", "positions", "orders", "decisions", "activity", "chat")
STATIONS = 11


WATCH_STATIONS = """
window.seen = [];
new MutationObserver((changes) => changes.forEach(({ target }) =>
  window.seen.push(`${target.dataset.node}:${target.dataset.state}`)
)).observe(document.getElementById("graph"), { subtree: true, attributeFilter: ["data-state"] });
"""


async def panels_that_are_blank(page: Page) -> list[str]:
    """Panels without area, or with nothing to read below their title."""
    blank = []
    for name in PANELS:
        box = await page.locator(f"#{name}").bounding_box()
        text = await page.locator(f"#{name}").inner_text()
        title = await page.locator(f"#{name} .panel-head").inner_text()
        drawn = name == "chart" and await page.locator("#chart canvas").count() > 0
        if box is None or box["height"] < 80 or (len(text) <= len(title) + 3 and not drawn):
            blank.append(name)
    return blank


async def overlapping(page: Page, selector: str) -> list[str]:
    """Pairs of elements that cover each other by more than a pixel."""
    found: list[str] = await page.evaluate(
        """(selector) => {
          const boxes = [...document.querySelectorAll(selector)].map((e) => [e, e.getBoundingClientRect()]);
          const pairs = [];
          boxes.forEach(([a, x], i) => boxes.slice(i + 1).forEach(([b, y]) => {
            if (a.contains(b) || b.contains(a)) return;
            const w = Math.min(x.right, y.right) - Math.max(x.left, y.left);
            const h = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
            if (w > 1 && h > 1) pairs.push(`${a.className || a.id} over ${b.className || b.id}`);
          }));
          return pairs;
        }""",
        selector,
    )
    return found


async def test_a_new_desk_has_no_blank_panel_and_fits(screen: Screen) -> None:
    page = await screen.open()
    await expect(page.locator("#decisions")).to_contain_text("No decision yet")
    await expect(page.locator("#positions")).to_contain_text("Flat")
    await expect(page.locator(".station")).to_have_count(STATIONS)
    assert await panels_that_are_blank(page) == []
    assert await screen.sideways() == 0
    assert await overlapping(page, ".panel, .top, .figures, .foot") == []
    assert await overlapping(page, ".station") == []


async def test_a_running_desk_has_no_blank_panel_and_fits(screen: Screen, playing: DemoDesk) -> None:
    page = await screen.open()
    await expect(page.locator("#orders tbody tr").first).to_be_visible()
    await expect(page.locator("#decisions li").first).to_be_visible()
    await expect(page.locator("#activity li").first).to_be_visible()
    await expect(page.locator("#chart canvas").first).to_be_visible()
    assert await panels_that_are_blank(page) == []
    assert await screen.sideways() == 0
    assert await overlapping(page, ".panel, .top, .figures, .foot") == []
    assert await overlapping(page, ".station") == []
    assert await overlapping(page, ".top > *, .controls > *") == []


async def test_the_wide_page_fits_one_window(wide: Screen, playing: DemoDesk) -> None:
    page = await wide.open()
    await expect(page.locator("#orders tbody tr").first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollHeight") <= 900


async def test_the_graph_shows_who_works_and_what_was_said(wide: Screen) -> None:
    page = await wide.open()
    await expect(page.locator(".station")).to_have_count(STATIONS)
    assert await page.locator('.station[data-state="working"]').count() == 0
    await page.evaluate(WATCH_STATIONS)
    wide.desk.pace = 0.15
    await wide.desk.step()
    await expect(page.locator('[data-node="record"]')).to_have_attribute("data-state", "done")
    seen: list[str] = await page.evaluate("window.seen")
    worked = [change.split(":")[0] for change in seen if change.endswith(":working")]
    assert worked[0] == "observe"
    assert set(worked[1:4]) == {"market", "sentiment", "strategies"}
    assert worked[4:] == [
        "propose", "risk_analyst", "risk_gate", "execution_trader", "gate", "order_desk", "record",
    ]  # fmt: skip
    assert "risk_analyst:warned" in seen
    market = page.locator('[data-node="market"]')
    await expect(market).to_contain_text("26-bar average")
    await expect(market).to_contain_text("gpt-oss-120b")
    await expect(market).to_contain_text("1,311 tok")
    await expect(page.locator('[data-node="sentiment"]')).to_contain_text("baseline")
    await expect(page.locator('[data-node="risk_analyst"]')).to_have_attribute("data-state", "warned")


async def test_a_refusal_lights_the_gate_red(wide: Screen) -> None:
    page = await wide.open()
    while not any(not verdict.approved for d in wide.desk.decisions_[-1:] for verdict in d.verdicts):
        await wide.desk.step()
    await expect(page.locator('[data-node="gate"]')).to_have_attribute("data-state", "refused")
    await expect(page.locator("#activity")).to_contain_text("over the limit of 60 %")


async def test_a_station_tells_its_sources_and_tools(wide: Screen) -> None:
    await wide.desk.warm(3)
    page = await wide.open()
    await page.click('[data-node="market"]')
    detail = page.locator(".detail")
    await expect(detail).to_contain_text("candles → e1-candles")
    await expect(detail.locator(".stance")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(detail).to_have_count(0)


async def test_a_page_that_comes_late_sees_the_last_decision(wide: Screen) -> None:
    await wide.desk.warm(25)
    page = await wide.open()
    await expect(page.locator(".cycle")).to_contain_text("Decision 25")
    await expect(page.locator('[data-node="record"]')).to_have_attribute("data-state", "done")


async def test_figures_and_tables_follow_the_desk(wide: Screen) -> None:
    page = await wide.open()
    await wide.desk.warm(20)
    status = await wide.desk.status()
    await expect(page.locator('[data-figure="equity"]')).to_contain_text(f"{status.account.equity:,}")
    await expect(page.locator("#decisions li")).to_have_count(20)
    newest = (await wide.desk.orders(limit=1, open_only=False))[0]
    await expect(page.locator("#orders tbody tr").first).to_have_attribute(
        "title", f"{newest.client_id} · {newest.reason}"
    )


async def test_a_decision_opens_from_observation_to_fills(wide: Screen) -> None:
    await wide.desk.warm(12)
    page = await wide.open()
    filled = next(d for d in reversed(wide.desk.decisions_) if any(o.fills for o in d.orders))
    await page.click(f'[data-cycle="{filled.cycle_id}"]')
    drawer = page.locator(".drawer")
    await expect(drawer.locator(".story")).to_be_visible()
    titles = await drawer.locator(".story > li > h3").all_inner_texts()
    assert [title.split()[0] for title in titles] == [
        "Observation", "Evidence", "Opinions", "Proposal", "Intents", "Verdicts", "Orders", "Fills",
    ]  # fmt: skip
    await expect(drawer.locator(".story > .nothing")).to_have_count(0)
    await expect(drawer).to_contain_text(filled.orders[0].client_id)
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()


async def test_text_from_outside_stays_text(wide: Screen) -> None:
    await wide.desk.warm(8)
    page = await wide.open()
    hostile = next(
        d for d in wide.desk.decisions_ if d.observation and "<img" in d.observation.headlines[0].title
    )
    await page.click(f'[data-cycle="{hostile.cycle_id}"]')
    await expect(page.locator(".drawer .quotes")).to_contain_text("<img src=x onerror=alert(1)>")
    await page.keyboard.press("Escape")
    await page.fill(".compose input", "<b onclick=alert(1)>hi</b>")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.desk")).to_contain_text("<b onclick=alert(1)>hi</b>")
    assert await page.locator("img, .message b").count() == 0


async def test_pausing_takes_a_confirmation_and_shows(wide: Screen) -> None:
    page = await wide.open()
    await page.click("text=Pause")
    await expect(page.locator("dialog.confirm")).to_be_visible()
    await expect(page.locator("dialog.confirm button", has_text="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    assert wide.desk.halts == []
    await page.click("text=Pause")
    await page.fill("dialog.confirm input", "lunch")
    await page.click("dialog.confirm button[type=submit]")
    await expect(page.locator("#halt-state")).to_have_text("Reducing")
    await expect(page.locator("#banner")).to_contain_text("lunch")
    assert wide.desk.halts == [("pause", "lunch", "dashboard")]


async def test_panic_flattens_latches_and_resume_wants_more_than_a_click(phone: Screen) -> None:
    await phone.desk.warm(12)
    page = await phone.open()
    await expect(page.locator("#positions tbody tr").first).to_be_visible()
    await page.click("text=Panic")
    await page.click("text=Flatten now")
    await expect(page.locator("#halt-state")).to_have_text("Halted")
    await expect(page.locator("#positions")).to_contain_text("Flat")
    await expect(page.locator("#banner")).to_contain_text("Halted, latched.")
    await page.click(".controls >> text=Resume")
    submit = page.locator("dialog.confirm button[type=submit]")
    await expect(submit).to_be_disabled()
    await page.check("dialog.confirm input[type=checkbox]")
    await expect(submit).to_be_disabled()
    await page.fill("dialog.confirm input:not([type=checkbox])", "the flash crash is over")
    await submit.click()
    await expect(page.locator("#halt-state")).to_have_text("Active")
    assert [action for action, _, _ in phone.desk.halts] == ["panic", "resume"]


async def test_the_chat_answers_and_asks_before_it_acts(wide: Screen) -> None:
    page = await wide.open()
    await page.click("text=What is the status?")
    await expect(page.locator(".message.desk").first).to_contain_text("Equity is 10000.00 USDT")
    await page.fill(".compose input", "pause please")
    await page.click(".compose button")
    await expect(page.locator(".message.desk").nth(1)).to_contain_text("Shall I?")
    assert wide.desk.halts == []
    await page.click(".message button")
    await expect(page.locator("#halt-state")).to_have_text("Reducing")


async def test_candles_are_drawn_on_demand(wide: Screen) -> None:
    await wide.desk.warm(30)
    page = await wide.open()
    await page.click("#chart .tabs >> text=ETH")
    await expect(page.locator("#chart h2")).to_have_text("ETH/USDT")
    await expect(page.locator("#chart .over")).to_have_count(0)


async def test_a_lost_line_is_said_and_nothing_is_shown_as_live(browser: Browser) -> None:
    desk = DemoDesk()
    await desk.warm(10)
    async with await browser.new_context() as context:
        page = await context.new_page()
        async with serve(create_app(desk, TOKEN)) as where:
            await Screen(page, desk, where).open()
            await expect(page.locator("#orders tbody tr").first).to_be_visible()
        await expect(page.locator("#banner")).to_contain_text("No live data.")
        await expect(page.locator("#link-state")).to_have_text("Reconnecting")
        assert "grayscale" in await page.locator(".panels").evaluate("e => getComputedStyle(e).filter")
        async with serve(create_app(desk, TOKEN), port=where.port):
            await expect(page.locator("#link-state")).to_have_text("Live", timeout=15_000)
            await expect(page.locator("#banner")).to_have_count(0)


async def test_a_silent_line_goes_stale(browser: Browser) -> None:
    app = create_app(DemoDesk(), TOKEN)
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.add_init_script(MUTE_AFTER_HELLO)
        async with serve(app) as where:
            await page.goto(where.dashboard(TOKEN))
            await expect(page.locator("#link-state")).to_have_text("Live")
            await page.evaluate("window.mute = true")
            await expect(page.locator("#banner")).to_contain_text("No live data.", timeout=10_000)
            await expect(page.locator("#link-state")).not_to_have_text("Live")


MUTE_AFTER_HELLO = """
const Real = WebSocket;
window.WebSocket = class extends Real {
  set onmessage(heard) { super.onmessage = (message) => { if (!window.mute) heard(message); }; }
};
"""


async def test_without_the_token_the_page_says_how_to_get_in(browser: Browser, address: Address) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        answer = await page.goto(address.url)
        assert answer is not None
        assert answer.status == 401
        await expect(page.locator("h1")).to_have_text("This desk wants its token")


async def test_the_address_bar_forgets_the_token(wide: Screen) -> None:
    page = await wide.open()
    assert page.url == f"{wide.address.url}/"


async def test_everything_can_be_reached_by_keyboard(wide: Screen) -> None:
    await wide.desk.warm(6)
    page = await wide.open()
    await expect(page.locator("#decisions li").first).to_be_visible()
    reached = set()
    for _ in range(70):
        await page.keyboard.press("Tab")
        reached.add(
            await page.evaluate(
                "(document.activeElement.closest('.panel, .controls, .foot') ?? {}).id"
                " || document.activeElement.closest('.controls')?.className || ''"
            )
        )
    assert {"controls", "graph", "chart", "decisions", "orders", "chat"} <= reached


async def test_motion_stops_for_who_asked_for_calm(
    browser: Browser, address: Address, desk: DemoDesk
) -> None:
    async with await browser.new_context(reduced_motion="reduce") as context:
        screen = Screen(await context.new_page(), desk, address)
        page = await screen.open()
        desk.pace = 1.0
        cycle = asyncio.create_task(desk.step())
        lamp = page.locator('[data-node="market"][data-state="working"] .lamp')
        await expect(lamp).to_be_visible()
        assert await lamp.evaluate("e => getComputedStyle(e).animationName") == "none"
        cycle.cancel()
        await asyncio.gather(cycle, return_exceptions=True)
