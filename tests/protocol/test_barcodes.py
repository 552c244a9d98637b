"""A label's bytes give the identifiers that are surely there, and nothing of anybody's name."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.barcodes import (
    LABEL_BYTES_MAX,
    Identifier,
    InvalidIdentifier,
    UnreadableLabel,
    candidates,
    reference,
    s10,
    sscc,
)
from fellesskap_protocol.codes import qr_value

SSCC = "370712345678901238"


def keys(label: bytes) -> list[str]:
    return [found.key for found in candidates(label)]


def check_digit(digits: str) -> str:
    """GS1 mod 10, counted from the right as the standard has it."""
    total = sum(int(d) * (3, 1)[i % 2] for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


SSCCS = st.from_regex(r"[0-9]{17}", fullmatch=True).map(lambda d: d + check_digit(d))
FIXED_DIGITS = {
    **dict.fromkeys(("01", "02", "03"), 14),
    "04": 16,
    **dict.fromkeys(("11", "12", "13", "14", "15", "16", "17", "18", "19"), 6),
    "20": 2,
    **dict.fromkeys(("3102", "3200", "3370", "3461", "3560", "3632"), 6),
    **dict.fromkeys(("410", "413", "417"), 13),
}
"""Figure 7.8.5-1 of the GS1 General Specifications: digits after the AI, no GS behind them."""


def digits_of(length: int) -> st.SearchStrategy[str]:
    return st.from_regex(rf"[0-9]{{{length}}}", fullmatch=True)


FIXED = st.sampled_from(sorted(FIXED_DIGITS)).flatmap(
    lambda ai: digits_of(FIXED_DIGITS[ai]).map(lambda digits: ai + digits)
)
VARIABLE = st.builds(
    "{}{}\x1d".format,
    st.sampled_from(["10", "21", "37", "400", "401", "402", "420", "421", "4300", "4308", "99"]),
    st.one_of(st.from_regex(r"[!-~]{1,20}", fullmatch=True), SSCCS.map(lambda d: "00" + d)),
)


@pytest.mark.parametrize(
    "label",
    [
        f"]C100{SSCC}",
        f"00{SSCC}",
        SSCC,
        f"]C000{SSCC}",
        f"]d200{SSCC}",
        f"]C100{SSCC}\x1d4210578",
        f"]C1402707012345678901\x1d00{SSCC}",
        f"]C1020707123456789000{SSCC}",
    ],
)
def test_sscc_is_found_however_it_is_printed(label: str) -> None:
    assert keys(label.encode())[0] == f"sscc:{SSCC}"


@given(SSCCS)
def test_every_valid_sscc_is_the_first_candidate(digits: str) -> None:
    assert keys(f"]C100{digits}".encode()) == [f"sscc:{digits}"]
    assert sscc(f"(00){digits}") == sscc(digits) == Identifier("sscc", digits)


@given(st.lists(FIXED | VARIABLE, max_size=5), SSCCS, st.lists(FIXED | VARIABLE, max_size=5))
def test_sscc_is_found_among_all_element_strings_of_a_gs1_message(
    before: list[str], digits: str, after: list[str]
) -> None:
    message = "]C1" + "".join((*before, "00" + digits, *after))
    assert keys(message.encode()) == [f"sscc:{digits}"]


@pytest.mark.parametrize("ai", sorted(FIXED_DIGITS))
def test_sscc_is_found_after_every_element_that_no_separator_ends(ai: str) -> None:
    assert keys(f"]C1{ai}{'1' * FIXED_DIGITS[ai]}00{SSCC}".encode()) == [f"sscc:{SSCC}"]


@given(st.lists(FIXED | VARIABLE, min_size=1, max_size=6))
def test_what_only_looks_like_an_sscc_inside_another_element_is_none(elements: list[str]) -> None:
    assert keys(("]d2" + "".join(elements)).encode()) == []


@pytest.mark.parametrize(
    "text", [f"{SSCC}A", f"00{SSCC}A", f"00{SSCC}12", f"x{SSCC}", f"{SSCC} 1", f"10ABC00{SSCC}"]
)
@pytest.mark.parametrize("aim", ["", "]C0"])
def test_digits_with_more_beside_them_are_no_sscc_outside_gs1(aim: str, text: str) -> None:
    assert keys(f"{aim}{text}".encode()) == [f"opaque:{text}"]


def test_element_that_is_too_short_is_skipped_to_its_separator() -> None:
    assert keys(f"]C1020707\x1d00{SSCC}".encode()) == [f"sscc:{SSCC}"]
    assert keys(f"]C11126X101\x1d00{SSCC}".encode()) == [f"sscc:{SSCC}"]
    assert keys(f"]C100{SSCC[:10]}\x1d{SSCC[10:]}".encode()) == []


@given(SSCCS, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_no_sscc(digits: str, at: int, by: int) -> None:
    wrong = digits[:at] + str((int(digits[at]) + by) % 10) + digits[at + 1 :]
    assert all(not key.startswith("sscc:") for key in keys(wrong.encode()))
    with pytest.raises(InvalidIdentifier, match="check digit"):
        sscc(wrong)


@given(st.from_regex(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", fullmatch=True), st.integers(0, 7))
def test_s10_is_known_by_its_check_digit(text: str, at: int) -> None:
    digits = [int(digit) for digit in text[2:10]]
    rest = 11 - sum(a * b for a, b in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    check = {10: 0, 11: 5}.get(rest, rest)
    right = text[:10] + str(check) + text[11:]
    assert keys(right.encode()) == [f"s10:{right}", f"opaque:{right}"]
    assert s10(right.lower()).key == f"s10:{right}"
    wrong = right[:10] + str((check + 1) % 10) + right[11:]
    assert keys(wrong.encode()) == [f"opaque:{wrong}"]
    with pytest.raises(InvalidIdentifier, match="check digit"):
        s10(wrong)


@pytest.mark.parametrize("number", ["RB123456785GB", "RR473124829NO"])
def test_s10_of_the_standard(number: str) -> None:
    assert s10(number).value == number


def test_names_and_numbers_of_a_2d_label_are_dropped() -> None:
    label = f"]Q300{SSCC}\x1d4300Kari Nordmann\x1d430812345678\x1d421578"
    assert keys(label.encode()) == [f"sscc:{SSCC}"]
    assert keys(b"]d24300Kari Nordmann\x1d430812345678") == []
    assert keys(b"\x1d4300Kari Nordmann") == []


def test_own_reference_is_known_as_it_stands_on_the_label() -> None:
    assert reference("ORDER-1/2").key == "opaque:ORDER-1/2"
    assert keys(b"]C0ORDER-1/2") == ["opaque:ORDER-1/2"]
    for text in ("", " a", "a ", "x" * 65, "blåbær", "a\x1db"):
        with pytest.raises(InvalidIdentifier, match="printable"):
            reference(text)


def test_reference_that_is_an_sscc_counts_as_one() -> None:
    assert reference(SSCC).key == f"sscc:{SSCC}"


@pytest.mark.parametrize(
    "text",
    ["]d2foo", "]C1", "]Q34300Kari", "FSK1:AAAAAAAAAAAAAAAAAAAAAA", "eyJhbGciOiJF.eyJqdGki.c2ln"],
)
def test_reference_that_no_label_can_be_known_by_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier, match="no parcel"):
        reference(text)


@given(st.from_regex(r"[ -~]{1,64}", fullmatch=True))
def test_any_reference_is_the_first_candidate_of_its_label_or_refused(text: str) -> None:
    try:
        found = reference(text)
    except InvalidIdentifier:
        return
    assert found == candidates(text.encode())[0]
    assert found.kind in ("sscc", "s10", "opaque")


@given(st.uuids(), st.integers(0, 9), st.sampled_from(["", "]Q1", "]Q3"]))
def test_own_qr_code_is_a_qr_and_nothing_else(right: UUID, n: int, aim: str) -> None:
    value = qr_value(bytes(range(32)), right, n)
    assert candidates((aim + value).encode()) == (Identifier("qr", value),)


def test_badge_is_a_token_and_nothing_else() -> None:
    token = "eyJhbGciOiJFZDI1NTE5In0.eyJqdGkiOiIxIn0.c2lnbmF0dXJl"
    assert keys(token.encode()) == [f"token:{token}"]


@pytest.mark.parametrize("label", [b"", b"]C1", b"\x1d", b"a\x00b", b"\xff" * 8, b"1" * 1025])
def test_what_no_label_carries_is_refused_with_where(label: bytes) -> None:
    with pytest.raises(UnreadableLabel):
        candidates(label)


@given(st.binary(max_size=LABEL_BYTES_MAX + 10))
def test_any_bytes_give_candidates_or_a_refusal(label: bytes) -> None:
    try:
        found = candidates(label)
    except UnreadableLabel:
        return
    assert len({one.key for one in found}) == len(found) <= 2 + len(label) // 18
