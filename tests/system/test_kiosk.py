"""The code page in a real browser, on a real daemon; and its JSON endpoint against bad input."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from fellesskap_edge.door import OPEN_WAIT_S
from fellesskap_protocol.events import Deposited, Reported
from tests.system.house import wait_for
from tests.system.test_edge import CODE, LABEL, SCAN, Edge, deposit

SHOTS = Path(__file__).parents[2] / "build"
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
def page(edge: Edge) -> Iterator[Page]:
    """The kiosk's page as a person sees it on a locker's screen."""
    _, locker = edge
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(str(locker.kiosk.base_url))
        yield page
        browser.close()


def test_a_resident_types_the_code_on_the_screen(edge: Edge, page: Page) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    number = deposit(edge).compartment
    locker.hardware.person("take_out")
    for digit in CODE[:8]:
        page.get_by_role("button", name=digit, exact=True).click()
    expect(page.get_by_role("textbox")).to_have_value("1234 5678")
    page.get_by_role("button", name="Åpne").click()
    expect(page.get_by_role("heading")).to_have_text(f"Luke {number} er åpen")
    expect(page.get_by_role("status")).to_contain_text("Ta pakken ut av luke")
    page.screenshot(path=SHOTS / "kiosk-opens.png")
    expect(page.get_by_role("status")).to_contain_text(f"Luke {number} er lukket. Takk!")
    expect(page.get_by_role("textbox")).to_have_value("")
    wait_for("the parcel taken", lambda: not any(d["full"] for d in locker.hardware.doors()))


def test_a_resident_says_that_it_is_empty(edge: Edge, page: Page) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    number = deposit(edge).compartment
    locker.hardware.person("nothing")
    page.keyboard.type(CODE[:8])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Den er tom").click()
    expect(page.get_by_role("status")).to_contain_text("Notert: den var tom.")
    (said,) = wait_for("reported", lambda: backend.recorded(Reported))
    assert (said.what, said.compartment) == ("empty", number)


def test_who_stands_at_a_stuck_door_is_asked_to_push_against_it(edge: Edge, page: Page) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    number = deposit(edge).compartment
    locker.hardware.ask("fault", name="jammed", value=True, part=number)
    expect(page.get_by_role("status")).to_contain_text(f"Luke {number} er lukket.")
    page.keyboard.type(CODE[:8])
    page.keyboard.press("Enter")
    pushes = f"Luke {number} åpnet seg ikke. Trykk hardt mot den"
    expect(page.get_by_role("status")).to_contain_text(pushes, timeout=3000 * OPEN_WAIT_S)
    expect(page.get_by_role("heading")).to_have_text(f"Luke {number} er fortsatt lukket")


def test_a_wrong_code_is_answered_in_the_language_that_was_chosen(page: Page) -> None:
    page.get_by_role("button", name="English").click()
    page.get_by_role("textbox").fill("87654321")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("That code does not fit.")


def test_a_code_never_gets_into_a_url_even_without_the_script(edge: Edge) -> None:
    _, locker = edge
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(str(locker.kiosk.base_url))
        page.get_by_role("textbox").fill("87654321")
        page.keyboard.press("Enter")
        assert "8765" not in page.url
        browser.close()


def test_the_courier_finds_the_door_too_small_and_another_opens(edge: Edge, page: Page) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    locker.hardware.person("nothing", 1)
    locker.hardware.scan(SCAN)
    expect(page.get_by_role("heading")).to_have_text("Luke 1 er åpen")
    expect(page.get_by_role("status")).to_contain_text("Legg pakken inn i luke 1.")
    locker.hardware.person("put_in", 6)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Luke 6 er åpen")
    expect(page.get_by_role("status")).to_contain_text("Luke 6 er lukket.")
    expect(page.get_by_role("button", name="Ta ut den siste igjen")).to_be_visible()
    (put_in,) = wait_for("deposited", lambda: backend.recorded(Deposited))
    assert put_in.compartment == 6


def test_bad_requests_are_refused_and_open_nothing(edge: Edge) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    deposit(edge)
    before = len(locker.hardware.pulses())
    code = {"code": CODE[:8]}
    port = httpx.URL(str(locker.kiosk.base_url)).port
    for status, request in (
        (422, {"json": {"code": "1234"}}),
        (422, {"json": {"code": 12345678}}),
        (422, {"json": []}),
        (422, {"content": b"\xff", "headers": {"Content-Type": "application/json"}}),
        (422, {"json": {"code": "1" * 5000}}),
        (415, {"content": b'{"code": "12345678"}', "headers": {"Content-Type": "text/plain"}}),
        (403, {"json": code, "headers": {"Origin": "http://elsewhere.example"}}),
        (400, {"json": code, "headers": {"Host": f"elsewhere.example:{port}"}}),
    ):
        answer = locker.kiosk.post("/api/code", **request)
        assert answer.status_code == status, (request, answer.text)
    assert len(locker.hardware.pulses()) == before
    assert "default-src 'self'" in locker.kiosk.get("/").headers["content-security-policy"]
