"""What happens at the page when somebody has left it, and what is heard of it."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from fellesskap_edge.state import Answer, TellCourier
from tests.edge.kiosk_stage import Stage
from tests.edge.kiosk_states import at_door
from tests.edge.kiosk_visitor import CODE, collect, look, told, view
from tests.edge.test_kiosk_words import TEXTS

pytestmark = pytest.mark.slow
NB, EN = TEXTS["nb"], TEXTS["en"]


# Nobody there any more ---------------------------------------------------------------------------


def test_the_page_warns_and_then_starts_over(house: Stage, page: Page) -> None:
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))
    page.locator("[data-language=en]").click()
    page.locator("#larger").click()
    page.keyboard.type("1234")
    page.clock.run_for(59_000)
    expect(page.locator("#idle")).to_be_hidden()
    page.clock.run_for(1_500)
    expect(page.get_by_role("alertdialog")).to_contain_text(EN["page"]["idle"])
    expect(page.locator("#stay")).to_be_focused()
    page.clock.run_for(19_000)
    expect(page.locator("#code")).to_have_value("1234")
    page.clock.run_for(1_500)
    expect(page.locator("#code")).to_have_value("")
    expect(page.locator("html")).to_have_attribute("lang", "nb")
    assert page.evaluate("'text' in document.documentElement.dataset") is False
    page.clock.run_for(200_000)
    expect(page.locator("#idle")).to_be_hidden()


def test_any_key_answers_the_warning(house: Stage, page: Page) -> None:
    page.keyboard.type("1234")
    page.clock.run_for(61_000)
    expect(page.locator("#idle")).to_be_visible()
    page.keyboard.type("5")
    expect(page.locator("#idle")).to_be_hidden()
    page.clock.run_for(50_000)
    expect(page.locator("#code")).to_have_value("1234 5")


@pytest.mark.parametrize("how", ["touch", "Enter"])
def test_more_time_answers_the_warning_for_ten_minutes(house: Stage, page: Page, how: str) -> None:
    page.keyboard.type("1234")
    page.clock.run_for(61_000)
    house.will_say("noted")
    if how == "touch":
        page.locator("#stay").click()
    else:
        page.keyboard.press("Enter")
    told(page, NB["noted"]["more_time"])
    page.clock.run_for(590_000)
    expect(page.locator("#idle")).to_be_hidden()
    expect(page.locator("#code")).to_have_value("1234")


def test_who_left_a_door_open_is_reminded_and_the_page_is_free_for_the_next(
    house: Stage, page: Page
) -> None:
    collect(house, page)
    page.clock.run_for(110_000)
    expect(page.locator("#idle")).to_be_hidden()
    page.clock.run_for(11_000)
    told(page, NB["page"]["still_open"].format(compartment=7))
    page.clock.run_for(21_000)
    view(page, "code")
    back = NB["page"]["back_key"].format(compartment=7)
    expect(page.get_by_role("button", name=back)).to_be_visible()


# What is heard -----------------------------------------------------------------------------------


def test_what_is_told_is_read_aloud_and_never_a_code(house: Stage, page: Page) -> None:
    page.get_by_role("button", name=NB["page"]["read"]).click()
    collect(house, page)
    house.will_say("noted", 7)
    page.keyboard.press("F1")
    told(page, NB["noted"]["empty"])
    spoken = page.evaluate("spoken.map((words) => words.text)")
    assert NB["page"]["title"] in spoken[0]
    door = next(text for text in spoken if "Luke 7 er åpen" in text)
    assert NB["outcomes"]["opens"].format(compartment=7) in door
    assert "Kolonne 1 fra venstre, andre ovenfra, høyt oppe." in door
    assert f"1: {NB['keys']['empty']}." in door
    assert NB["noted"]["empty"] in spoken[-1]
    digits = "".join(char for text in spoken for char in text if char.isdigit())
    assert not any(CODE[at : at + 3] in digits for at in range(6))


def test_there_is_no_read_aloud_key_without_a_voice(house: Stage, page: Page) -> None:
    read = page.locator("#read")
    for language, voice in (("nb", "nb-NO"), ("nn", "nb-NO"), ("en", "en-GB")):
        page.locator(f"[data-language={language}]").click()
        read.click()
        assert page.evaluate("spoken.at(-1).lang") == voice
        read.click()
    page.locator("[data-language=se]").click()
    expect(read).to_be_hidden()


def test_tones_tell_what_came_of_it_until_they_are_muted(house: Stage, page: Page) -> None:
    house.scanned(Answer("scanner", "refused"))
    told(page, NB["outcomes"]["refused"])
    assert page.evaluate("tones") == 2
    page.get_by_role("button", name=NB["page"]["mute"]).click()
    house.scanned(TellCourier("opens", 3), at_door("deposit", courier=True, number=3))
    view(page, "deposit")
    assert page.evaluate("tones") == 2


def test_the_page_says_when_the_daemon_is_away(house: Stage, page: Page) -> None:
    page.route("**/api/*", lambda route: route.abort())
    for _ in range(10):
        look(page)
        page.evaluate("fetch('/static/icon.svg')")
    expect(page.locator("#notice")).to_have_text(NB["page"]["away"])
    page.keyboard.type(CODE)
    page.keyboard.press("Enter")
    told(page, NB["outcomes"]["no_answer"])
    page.unroute("**/api/*")
    look(page)
    expect(page.locator("#notice")).to_be_hidden()
