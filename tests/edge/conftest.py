"""A browser at the real kiosk, for all tests of the page at the locker."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.edge.kiosk_stage import Stage, stage

CHROMIUM = "/usr/bin/chromium"
LISTENING = """
window.spoken = []; window.tones = 0;
window.OscillatorNode = class extends OscillatorNode {
  constructor(...all) { super(...all); window.tones += 1; }
};
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
Object.defineProperty(window, "speechSynthesis", { value: {
  getVoices: () => [{ lang: "nb-NO" }, { lang: "en-GB" }],
  speak: (words) => window.spoken.push(words), cancel: () => {}, addEventListener: () => {},
} });
"""
"""The machine's loudspeaker, written down: a headless browser has no voices."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def house() -> Iterator[Stage]:
    """A kiosk that is fed by hand."""
    with stage() as set_up:
        yield set_up


@pytest.fixture
def page(house: Stage, browser: Browser) -> Iterator[Page]:
    """Its page, on the screen that it is made for; the clock moves when a test says so, too."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(LISTENING)
    page = context.new_page()
    page.clock.install()
    page.goto(house.kiosk.url)
    expect(page.locator("#open")).to_be_enabled()
    yield page
    context.close()
