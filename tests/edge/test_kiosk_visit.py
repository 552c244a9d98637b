"""Residents and couriers at the page: what they type and press, and what they are told."""

import pytest
from playwright.sync_api import Page, Request, expect

from fellesskap_edge.standing import Standing
from fellesskap_edge.state import Answer, TellAtDoor, TellCourier
from tests.edge.kiosk_stage import NOBODY, Stage
from tests.edge.kiosk_states import WITH_BADGE, at_door
from tests.edge.kiosk_visitor import CODE, collect, enter, told, view
from tests.edge.test_kiosk_words import TEXTS

pytestmark = pytest.mark.slow
NB = TEXTS["nb"]


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
    told(page, NB["outcomes"]["not_opened"].format(compartment=7))
    expect(page.locator("#keys button")).to_have_count(0)


def test_who_stands_at_a_stuck_door_is_asked_to_push_and_told_when_it_opens(
    house: Stage, page: Page
) -> None:
    at_shut = at_door("collect", number=7, open_=False)
    house.will_say("opens", 7, then=at_shut)
    enter(page)
    view(page, "collect")
    house.scanned(TellAtDoor("push_door", 7, courier=False))
    told(page, NB["outcomes"]["push_door"].format(compartment=7))
    expect(page.get_by_role("heading")).to_have_text(NB["page"]["door_shut"].format(compartment=7))
    house.stand(at_door("collect", number=7))
    told(page, NB["outcomes"]["opens"].format(compartment=7))
    expect(page.get_by_role("heading")).to_have_text(NB["page"]["door_open"].format(compartment=7))


def test_who_stands_at_a_jammed_door_is_told_what_to_do(house: Stage, page: Page) -> None:
    house.will_say("opens", 7, then=at_door("collect", number=7, open_=False))
    enter(page)
    view(page, "collect")
    house.scanned(TellAtDoor("jammed", 7, courier=False), NOBODY)
    view(page, "code")
    told(page, NB["outcomes"]["jammed"].format(compartment=7))
    expect(page.locator("#keys button")).to_have_count(0)
    shut = at_door("deposit", courier=True, number=3, open_=False)
    house.scanned(TellCourier("opens", 3), shut)
    view(page, "deposit")
    house.scanned(TellAtDoor("jammed_out", 3, courier=True), Standing(courier=True))
    view(page, "code")
    told(page, NB["outcomes"]["jammed_out"].format(compartment=3))


def test_the_next_act_at_the_same_door_is_told_by_what_it_showed_itself(
    house: Stage, page: Page
) -> None:
    house.scanned(TellCourier("opens", 7), at_door("deposit", courier=True, number=7))
    view(page, "deposit")
    house.scanned(TellCourier("opens", 7), at_door("collect", number=7, open_=False))
    view(page, "collect")
    house.stand(NOBODY)
    view(page, "code")
    told(page, NB["outcomes"]["not_opened"].format(compartment=7))


def test_a_reminder_of_an_open_door_takes_no_code_off_the_screen(house: Stage, page: Page) -> None:
    collect(house, page)
    page.get_by_role("button", name=NB["page"]["code_key"]).click()
    page.keyboard.type("1234")
    before = page.locator("#words").text_content()
    house.scanned(TellAtDoor("left_open", 7, courier=False))
    page.clock.run_for(600)
    expect(page.locator("body")).to_have_attribute("data-turn", str(house.turn))
    assert page.locator("#words").text_content() == before
    expect(page.locator("#code")).to_have_value("1234")
    page.keyboard.press("Escape")
    house.scanned(TellAtDoor("left_open", 7, courier=False))
    told(page, NB["outcomes"]["left_open"].format(compartment=7))
    view(page, "code")


def test_the_page_goes_on_when_the_daemon_began_anew(house: Stage, page: Page) -> None:
    house.scanned(TellCourier("unknown"))
    told(page, NB["outcomes"]["unknown"])
    house.kiosk._scan = {"turn": 0}
    house.turn = 0
    house.stand(at_door("collect", number=7))
    view(page, "collect")
    expect(page.locator("body")).to_have_attribute("data-turn", "0")
    house.scanned(Answer("scanner", "refused"))
    told(page, NB["outcomes"]["refused"])


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


def test_a_digit_typed_as_the_view_of_a_door_ends_begins_the_code(house: Stage, page: Page) -> None:
    collect(house, page)
    page.keyboard.press("1")
    house.stand(NOBODY)
    view(page, "code")
    expect(page.locator("#code")).to_have_value("1")
    house.will_say("refused")
    enter(page, "2345678")
    told(page, NB["outcomes"]["refused"])
    assert (house.codes(), house.keys()) == ([CODE, "12345678"], [])


def test_a_digit_typed_long_before_the_view_of_a_door_ends_is_nobodys_code(
    house: Stage, page: Page
) -> None:
    collect(house, page)
    page.keyboard.press("1")
    page.clock.run_for(4_000)
    house.stand(NOBODY)
    view(page, "code")
    expect(page.locator("#code")).to_have_value("")


def test_a_digit_that_pressed_a_key_is_in_no_code(house: Stage, page: Page) -> None:
    collect(house, page)
    house.will_say("noted", 7, then=NOBODY)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    view(page, "code")
    assert house.keys() == ["not_me"]
    expect(page.locator("#code")).to_have_value("")


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
