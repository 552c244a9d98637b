"""Our walk through a GS1 message finds what biip finds, which knows every AI of the standard."""

import contextlib
import re

from biip import ParseConfig, ParseError
from biip.gs1_application_identifiers import GS1ApplicationIdentifier
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol import check_digits
from fellesskap_protocol.barcodes import CANDIDATES_MAX, candidates


def _application_identifiers() -> dict[str, GS1ApplicationIdentifier]:
    known = {}
    for number in range(10_000):
        with contextlib.suppress(ParseError):
            found = GS1ApplicationIdentifier.extract(f"{number:04d}")
            known[found.ai] = found
    return known


KNOWN = _application_identifiers()
SSCC = "370712345678901238"
ANY_DATE = ParseConfig(gs1_element_strings_verify_date=False)
PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
SEVENTEEN = st.from_regex(r"[0-9]{17}", fullmatch=True)
SIXTEEN = st.from_regex(r"[0-9]{16}", fullmatch=True)


def _with_check(digits: str) -> str:
    return next(f"{digits}{one}" for one in range(10) if check_digits.gs1(f"{digits}{one}"))


def _is_taken_whole(text: str) -> bool:
    """Of names in %-code biip counts characters before they are decoded, and so cuts long ones."""
    return len(GS1ElementString.extract(text, config=ANY_DATE)) == len(text)


def _element(ai: GS1ApplicationIdentifier) -> st.SearchStrategy[str]:
    """Make element strings of one AI, each with the GS that must end it."""
    whole = st.from_regex(ai.pattern, fullmatch=True, alphabet=PRINTABLE).filter(_is_taken_whole)
    return whole.map(lambda text: text + "\x1d" * ai.separator_required)


ELEMENT = st.one_of(
    st.sampled_from(sorted(KNOWN)).flatmap(lambda ai: _element(KNOWN[ai])),
    SEVENTEEN.map(lambda digits: "00" + _with_check(digits)),
    SIXTEEN.map(lambda digits: "402" + _with_check(digits) + "\x1d"),
)


def test_biip_knows_the_whole_standard() -> None:
    assert len(KNOWN) > 500
    assert {"00", "01", "402", "3103", "4300", "8008"} <= KNOWN.keys()


def test_sscc_is_found_after_an_element_of_every_ai_of_a_fixed_length() -> None:
    for ai in KNOWN.values():
        digits = "1" * sum(int(part) for part in re.findall(r"N(\d+)", ai.format)[1:])
        found = candidates(f"]C1{ai.ai}{digits}00{SSCC}".encode())
        assert [one.key for one in found] == ([] if ai.separator_required else [f"sscc:{SSCC}"])


@given(st.lists(ELEMENT, min_size=1, max_size=6))
def test_walk_finds_what_biip_finds_in_every_message_of_the_standard(elements: list[str]) -> None:
    body = "".join(elements)
    message = GS1Message.parse(body, config=ANY_DATE)
    expected = [
        f"{kind}:{element.value}"
        for ai, kind in (("00", "sscc"), ("402", "gsin"))
        for element in message.element_strings
        if element.ai.ai == ai and check_digits.gs1(element.value)
    ]
    found = [one.key for one in candidates(f"]C1{body}".encode())]
    assert found == list(dict.fromkeys(expected))[:CANDIDATES_MAX]
