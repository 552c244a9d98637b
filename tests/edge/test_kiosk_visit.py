"""Somebody at the page: what they type, press and hear, and what happens when they have left."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from fellesskap_edge.keys import Standing
from fellesskap_edge.state import Answer, TellCourier
from tests.edge.kiosk_stage import NOBODY, Stage, stage
from tests.edge.kiosk_states import WITH_BADGE, at_door
from tests.edge.test_kiosk_words import TEXTS

pytestmark = pytest.mark.slow
CODE = "98765432"
NB, EN = TEXTS["nb"], TEXTS["en"]
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


@pytest.fixture
def house() -> Iterator[Stage]:
    with stage() as set_up:
        yield set_up


@pytest.fixture
def page(house: Stage, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(LISTENING)
    page = context.new_page()
    page.clock.install()
    page.goto(house.kiosk.url)
    expect(page.locator("#open")).to_be_enabled()
    yield page
    context.close()


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


# A resident --------------------------------------------------------------------------------------


def test_a_resident_collects_one_parcel_and_then_another(house: Stage, page: Page) -> None:
    collect(house, page)
    told(page, NB["outcomes"]["opens"].format(compartment=7))
    house.stand(NOBODY)
    view(page, "code")
    told(page, NB["page"]["shut_taken"].format(compartment=7))
    expect(page.locator("#code")).to_be_focused()
    collect(house, page, 9)
    assert house.codes() == [CODE, CODE]


def test_it_was_empty_can_still_be_said_when_the_door_is_shut(house: Stage, page: Page) -> None:
    collect(house, page)
    house.stand(NOBODY)
    view(page, "code")
    house.will_say("noted", 7)
    page.get_by_role("button", name=NB["keys"]["empty"]).click()
    told(page, NB["noted"]["empty"])
    assert house.keys() == ["empty"]
    expect(page.locator("#keys button")).to_have_count(0)


def test_a_door_that_did_not_open_is_told(house: Stage, page: Page) -> None:
    house.will_say("opens", 7, then=at_door("collect", number=7, open_=False))
    enter(page)
    view(page, "collect")
    expect(page.get_by_role("heading")).to_have_text(NB["page"]["door_opens"].format(compartment=7))
    house.stand(NOBODY)
    view(page, "code")
    told(page, NB["page"]["not_opened"].format(compartment=7))
    expect(page.locator("#keys button")).to_have_count(0)


def test_a_door_without_a_sensor_is_left_to_the_persons_eyes(house: Stage, page: Page) -> None:
    house.will_say("opens", 7, then=Standing(act="collect", compartment=7, door="unknown"))
    enter(page)
    view(page, "collect")
    house.stand(NOBODY)
    view(page, "code")
    told(page, NB["page"]["unseen"].format(compartment=7))


def test_twelve_digits_are_asked_for_and_the_eight_stay(house: Stage, page: Page) -> None:
    house.will_say("long_code_needed")
    enter(page)
    told(page, NB["outcomes"]["long_code_needed"])
    expect(page.locator("#code")).to_have_value("9876 5432")
    expect(page.get_by_label(NB["page"]["prompt_long"])).to_be_focused()
    house.will_say("opens", 7, then=at_door("collect", number=7))
    enter(page, "1098")
    view(page, "collect")
    assert house.codes() == [CODE, CODE + "1098"]


def test_a_code_leaves_the_page_and_stays_nowhere(house: Stage, page: Page) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    house.will_say("refused")
    enter(page)
    told(page, NB["outcomes"]["refused"])
    expect(page.locator("#code")).to_have_value("")
    assert CODE not in page.content()
    assert all(CODE not in url for url in asked)
    kept = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"
    assert page.evaluate(kept) == '[{},{},""]'
    assert CODE not in page.evaluate("JSON.stringify(history.state) + location")


def test_somebody_else_can_type_a_code_while_a_door_stands_open(house: Stage, page: Page) -> None:
    collect(house, page)
    page.get_by_role("button", name=NB["page"]["code_key"]).click()
    view(page, "code")
    back = page.get_by_role("button", name=NB["page"]["back_key"].format(compartment=7))
    expect(back).to_be_visible()
    house.will_say("refused")
    enter(page)
    told(page, NB["outcomes"]["refused"])
    back.click()
    view(page, "collect")


def test_more_time_is_told_to_the_door_and_to_the_page(house: Stage, page: Page) -> None:
    collect(house, page)
    house.will_say("noted", 7)
    page.get_by_role("button", name=NB["keys"]["more_time"]).click()
    told(page, NB["noted"]["more_time"])
    page.clock.run_for(590_000)
    expect(page.locator("#idle")).to_be_hidden()
    page.clock.run_for(15_000)
    expect(page.locator("#idle")).to_be_visible()


# A courier ---------------------------------------------------------------------------------------


def test_a_courier_deposits_without_touching_the_page(house: Stage, page: Page) -> None:
    house.scanned(TellCourier("opens", 3), at_door("deposit", courier=True, number=3))
    view(page, "deposit")
    told(page, NB["outcomes"]["courier_opens"].format(compartment=3))
    house.scanned(TellCourier("queued", 3))
    told(page, NB["outcomes"]["queued"].format(compartment=3))
    house.scanned(TellCourier("opens", 4), at_door("deposit", courier=True, number=4))
    told(page, NB["outcomes"]["courier_opens"].format(compartment=4))
    expect(page.get_by_role("heading")).to_have_text(NB["page"]["door_open"].format(compartment=4))
    house.stand(Standing(courier=True))
    view(page, "code")
    told(page, NB["page"]["shut_put"].format(compartment=4))
    expect(page.get_by_role("button", name=NB["keys"]["take_back"])).to_be_visible()
    assert not house.given


def test_too_small_opens_another_and_asks_to_shut_the_first(house: Stage, page: Page) -> None:
    house.scanned(TellCourier("opens", 3), at_door("deposit", courier=True, number=3))
    view(page, "deposit")
    house.will_say("opens", 8, then=at_door("deposit", courier=True, number=8))
    page.get_by_role("button", name=NB["keys"]["bigger"]).click()
    words = NB["outcomes"]["courier_opens"].format(compartment=8)
    told(page, f"{words} {NB['page']['also_shut'].format(compartment=3)}")
    assert house.keys() == ["bigger"]


def test_a_courier_chooses_carrier_and_then_size(house: Stage, page: Page) -> None:
    asks = Standing(courier=True, asks="carrier")
    house.scanned(TellCourier("choose_carrier", options=("red", "blue")), asks)
    view(page, "choose")
    sizes = Standing(courier=True, asks="size")
    house.will_say("choose_size", options=("S", "M"), then=sizes)
    page.get_by_role("button", name="blue").click()
    expect(page.get_by_role("heading")).to_have_text(NB["outcomes"]["choose_size"])
    house.will_say("opens", 5, then=at_door("deposit", courier=True, number=5))
    page.get_by_role("button", name="M: middels").click()
    view(page, "deposit")
    assert [(one.key, one.value) for one in house.given if hasattr(one, "key")] == [
        ("carrier", "blue"),
        ("size", "M"),
    ]


def test_a_courier_takes_out_in_one_sweep(house: Stage, page: Page) -> None:
    house.scanned(TellCourier("badge_accepted"), WITH_BADGE)
    view(page, "courier")
    house.will_say("opens", 1, then=at_door("remove", courier=True, number=1))
    page.get_by_role("button", name=NB["keys"]["take_out"].format(n=4)).click()
    view(page, "remove")
    told(page, NB["outcomes"]["opens"].format(compartment=1))
    house.scanned(TellCourier("opens", 2), at_door("remove", courier=True, number=2))
    told(page, NB["outcomes"]["opens"].format(compartment=2))
    house.scanned(TellCourier("swept"), Standing(courier=True, may_take_out=1))
    view(page, "courier")
    told(page, NB["outcomes"]["swept"])
    expect(page.get_by_role("button", name=NB["keys"]["take_out_one"])).to_be_visible()


def test_a_resident_can_use_the_page_that_a_courier_left(house: Stage, page: Page) -> None:
    house.scanned(TellCourier("badge_accepted"), WITH_BADGE)
    view(page, "courier")
    page.clock.run_for(81_000)
    view(page, "code")
    expect(page.get_by_role("button", name=NB["keys"]["take_out"].format(n=4))).to_be_hidden()
    collect(house, page)
    told(page, NB["outcomes"]["opens"].format(compartment=7))


# The keyboard ------------------------------------------------------------------------------------


def test_one_digit_and_enter_press_a_key(house: Stage, page: Page) -> None:
    collect(house, page)
    expect(page.locator("#keys")).to_be_focused()
    page.keyboard.press("Enter")
    house.will_say("noted", 7)
    page.keyboard.press("4")
    expect(page.get_by_role("button", name=NB["keys"]["broken"])).to_be_focused()
    page.keyboard.press("Enter")
    told(page, NB["noted"]["broken"].format(compartment=7))
    assert house.keys() == ["broken"]


def test_several_digits_are_a_code_wherever_they_are_typed(house: Stage, page: Page) -> None:
    collect(house, page)
    house.will_say("refused")
    enter(page, "12345678")
    told(page, NB["outcomes"]["refused"])
    assert (house.codes(), house.keys()) == ([CODE, "12345678"], [])


def test_enter_sends_the_code_after_a_finger_touched_another_key(house: Stage, page: Page) -> None:
    page.locator("#contrast").click()
    house.will_say("refused")
    enter(page)
    told(page, NB["outcomes"]["refused"])
    expect(page.locator("#contrast")).to_have_attribute("aria-pressed", "true")


def test_a_key_that_is_held_is_pressed_once(house: Stage, page: Page) -> None:
    collect(house, page)
    house.will_say("noted", 7)
    page.keyboard.press("1")
    page.keyboard.down("Enter")
    page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    told(page, NB["noted"]["empty"])
    assert house.keys() == ["empty"]


def test_function_keys_press_what_is_shown(house: Stage, page: Page) -> None:
    collect(house, page)
    house.will_say("noted", 7)
    page.keyboard.press("F2")
    told(page, NB["noted"]["not_me"])
    page.keyboard.press("F9")
    assert house.keys() == ["not_me"]


def test_escape_erases_and_goes_back(house: Stage, page: Page) -> None:
    page.keyboard.type("123")
    page.keyboard.press("Backspace")
    expect(page.locator("#code")).to_have_value("12")
    page.keyboard.press("Escape")
    expect(page.locator("#code")).to_have_value("")
    collect(house, page)
    page.keyboard.type("12")
    view(page, "code")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    view(page, "collect")


def test_a_number_pad_alone_switches_help_on_and_the_language(house: Stage, page: Page) -> None:
    for key, tool in (("*", "read"), ("-", "contrast"), ("+", "larger"), (".", "mute")):
        page.keyboard.press(key)
        expect(page.locator(f"#{tool}")).to_have_attribute("aria-pressed", "true")
    for language in ("nn", "se", "en", "nb"):
        page.keyboard.press("/")
        expect(page.locator("html")).to_have_attribute("lang", language)


# Nobody there any more ---------------------------------------------------------------------------


def test_the_page_warns_and_then_starts_over(house: Stage, page: Page) -> None:
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
