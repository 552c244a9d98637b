"""Every state of the page in a real browser: its keys, its words, and that everybody can use it."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from fellesskap_edge.kiosk.app import LANGUAGES
from fellesskap_edge.state import TellCourier
from tests.edge.kiosk_stage import NOBODY, Stage, stage
from tests.edge.kiosk_states import STATES, State
from tests.edge.test_kiosk_words import TEXTS

pytestmark = pytest.mark.slow
CHECKS = (Path(__file__).parent / "kiosk_checks.js").read_text()
AXE_SCRIPT = files("axe_playwright_python").joinpath("axe.min.js").read_text()
KEY_PX = 112
"""19 mm on the screen the page is made for: 10 inches, 1280 by 800, about 150 dots an inch."""
RATIO = 7
COVERED = """() => [...document.querySelectorAll("button")].filter((key) => {
    if (!key.checkVisibility()) return false;
    key.scrollIntoView({ block: "center" });
    const { x, y, width, height } = key.getBoundingClientRect();
    return !key.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}).map((key) => key.textContent)"""
"""The keys that no scrolling brings under a finger."""
AXE: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"color-contrast-enhanced": {"enabled": True}, "target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}


@pytest.fixture(scope="module")
def house() -> Iterator[Stage]:
    with stage() as set_up:
        yield set_up


@pytest.fixture
def page(house: Stage, browser: Browser) -> Iterator[Page]:
    """A fresh page, whose console stays silent: a refused script or style would be heard there."""
    house.stand(NOBODY)
    heard: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.clock.install()
    page.goto(house.kiosk.url)
    expect(page.locator("#open")).to_be_enabled()
    yield page
    context.close()
    assert not heard


def bring_about(state: State, house: Stage, page: Page) -> None:
    """Begin at nobody, then wait for the state's view, keys and notice."""
    if page.locator("body").get_attribute("data-view") != "code":
        house.scanned(TellCourier("done"), NOBODY)
        see(page, "code")
    state.set_up(house)
    see(page, state.view, house.turn)
    expect(page.locator("#keys button")).to_have_count(len(state.keys))
    expect(page.locator("#notice")).to_be_visible(visible=not state.in_service)


def see(page: Page, view: str, turn: int | None = None) -> None:
    """Let the page look at how things stand, until it shows a view, and what was told last."""
    page.clock.run_for(300)
    expect(page.locator("body")).to_have_attribute("data-view", view)
    if turn is not None:
        expect(page.locator("body")).to_have_attribute("data-turn", str(turn))


def violations(page: Page) -> list[str]:
    """Return what axe finds."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(f"axe.run({json.dumps(AXE)})")["violations"]
    return [f"{one['id']}: {node['html'][:90]}" for one in found for node in one["nodes"]]


def own(page: Page) -> list[str]:
    """Return what our own stricter checks find."""
    found: list[str] = page.evaluate(CHECKS, {"key_px": KEY_PX, "ratio": RATIO})
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_is_accessible_in_every_language(
    house: Stage, page: Page, language: str
) -> None:
    for state in STATES:
        bring_about(state, house, page)
        page.locator(f"[data-language={language}]").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert page.title() == TEXTS[language]["page"]["title"]
        keys = page.locator("#keys button").evaluate_all("all => all.map(key => key.dataset.key)")
        assert tuple(keys) == state.keys, state.name
        text = page.locator("body").inner_text()
        assert "{" not in text, (state.name, text)
        assert "undefined" not in text, (state.name, text)
        if language == "se" or state.name in ("nobody", "deposit"):
            assert not violations(page), state.name
        assert not own(page), state.name
        fits = "document.scrollingElement.scrollHeight <= innerHeight"
        assert page.evaluate(fits), f"{state.name} does not fit the screen"


def test_the_first_screen_names_its_groups(page: Page) -> None:
    words = TEXTS[LANGUAGES[0]]["page"]
    for element in ("languages", "tools", "keys", "keypad", "erase"):
        expect(page.locator(f"#{element}")).to_have_attribute("aria-label", words[element])


@pytest.mark.parametrize("tool", ["larger", "contrast"])
def test_every_state_works_with_doubled_text_and_high_contrast(
    house: Stage, page: Page, tool: str
) -> None:
    for state in STATES:
        bring_about(state, house, page)
        before = page.locator("main").inner_text()
        size = "parseFloat(getComputedStyle(document.getElementById('headline')).fontSize)"
        plain = page.evaluate(size)
        page.locator(f"#{tool}").click()
        assert page.evaluate(size) == plain * (2 if tool == "larger" else 1)
        assert page.locator("main").inner_text().split() == before.split(), state.name
        assert not own(page), state.name
        assert not page.evaluate(COVERED), state.name
        page.locator(f"#{tool}").click()


def test_the_keyboard_reaches_every_key_of_every_state_and_shows_where_it_is(
    house: Stage, page: Page
) -> None:
    where = """() => {
        const one = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        const box = one.getBoundingClientRect();
        const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 3
            && box.top >= 0 && box.bottom <= innerHeight;
        return [one.id || one.dataset.digit || one.dataset.language
            || `key ${[...one.parentElement.children].indexOf(one)}`, seen];
    }"""
    for state in STATES:
        bring_about(state, house, page)
        wanted = page.locator("button:visible").count() + (state.view == "code")
        page.evaluate("document.querySelector('[data-language]').focus()")
        found = []
        for _ in range(wanted):
            at, seen = page.evaluate(where)
            assert seen, (state.name, at)
            found.append(at)
            page.keyboard.press("Tab")
        assert len(set(found)) == wanted, (state.name, found)


def test_a_narrow_and_an_upright_screen_show_everything(house: Stage, page: Page) -> None:
    for state in STATES:
        bring_about(state, house, page)
        for width in (768, 600):
            page.set_viewport_size({"width": width, "height": 1024})
            assert not own(page), (width, state.name)


def test_words_and_picture_say_where_the_door_is(house: Stage, page: Page) -> None:
    for number, where in (
        (10, "Column 2 from the left, second from the bottom, low down"),
        (1, "Column 1 from the left, at the very bottom, low down"),
        (24, "Column 3 from the left, at the very top, high up"),
        (22, "Column 3 from the left, third from the top, at the height of your waist"),
    ):
        state = next(state for state in STATES if state.name == "collect, open")
        bring_about(state, house, page)
        house.stand(type(state.standing)(act="collect", compartment=number, door="open"))
        page.locator("[data-language=en]").click()
        expect(page.locator("#where")).to_have_text(where)
        expect(page.get_by_role("heading")).to_have_text(f"Door {number} is open")
        picture = page.get_by_role("img")
        expect(picture).to_have_attribute(
            "aria-label",
            f"Picture of the locker. The lit door is door {number}: {where}.",
        )
        expect(picture.locator(".lit")).to_have_count(1)
        expect(picture.locator(".number")).to_have_text(str(number))
