"""The code page in a real browser, on a real daemon; and its JSON endpoint against bad input."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.system.house import wait_for
from tests.system.test_edge import CODE, LABEL, SCAN, Edge, deposit

SHOTS = Path(__file__).parents[2] / "build"
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
def page(edge: Edge) -> Iterator[Page]:
    """The kiosk's page as a person sees it: 768 by 1024, as on a locker's screen."""
    _, locker = edge
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 768, "height": 1024})
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
    expect(page.get_by_role("status")).to_have_text(
        f"Luke {number} er åpen. Lukk den når du er ferdig."
    )
    expect(page.get_by_role("textbox")).to_have_value("")
    page.screenshot(path=SHOTS / "kiosk-opens.png")
    wait_for("the parcel taken", lambda: not any(d["full"] for d in locker.hardware.doors()))


def test_a_wrong_code_is_answered_in_the_language_that_was_chosen(page: Page) -> None:
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("button", name="Open")).to_be_enabled()
    page.get_by_role("textbox").fill("87654321")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(
        "That code does not fit. Check the message and try again."
    )


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


def test_the_courier_sees_which_door_opens(edge: Edge, page: Page) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    locker.hardware.person("put_in")
    locker.hardware.scan(SCAN)
    expect(page.get_by_role("status")).to_have_text("Luke 1 er åpen. Legg pakken inn og lukk.")


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
