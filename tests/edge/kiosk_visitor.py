"""What somebody does at the page, and what they are told."""

from playwright.sync_api import Page, expect

from tests.edge.kiosk_stage import Stage
from tests.edge.kiosk_states import at_door

CODE = "98765432"


def look(page: Page) -> None:
    """Let the page look at how things stand."""
    page.clock.run_for(300)


def view(page: Page, name: str) -> None:
    page.clock.run_for(300)
    expect(page.locator("body")).to_have_attribute("data-view", name)


def enter(page: Page, code: str = CODE) -> None:
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def told(page: Page, words: str) -> None:
    page.clock.run_for(300)
    expect(page.locator("#words")).to_have_text(words)


def collect(house: Stage, page: Page, number: int = 7) -> None:
    """Type a code that opens a door."""
    house.will_say("opens", number, then=at_door("collect", number=number))
    enter(page)
    view(page, "collect")
