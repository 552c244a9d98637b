"""A label's bytes give the identifiers that are surely there, and nothing of anybody's name."""

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

SSCC = "370712345678901238"


def keys(label: bytes) -> list[str]:
    return [found.key for found in candidates(label)]


def check_digit(digits: str) -> str:
    """GS1 mod 10, counted from the right as the standard has it."""
    total = sum(int(d) * (3, 1)[i % 2] for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


SSCCS = st.from_regex(r"[0-9]{17}", fullmatch=True).map(lambda d: d + check_digit(d))


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
    ],
)
def test_sscc_is_found_however_it_is_printed(label: str) -> None:
    assert keys(label.encode())[0] == f"sscc:{SSCC}"


@given(SSCCS)
def test_every_valid_sscc_is_the_first_candidate(digits: str) -> None:
    assert keys(f"]C100{digits}".encode()) == [f"sscc:{digits}"]
    assert sscc(f"(00){digits}") == sscc(digits) == Identifier("sscc", digits)


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


def test_own_reference_is_known_as_it_stands_on_the_label() -> None:
    assert reference("ORDER-1/2").key == "opaque:ORDER-1/2"
    assert keys(b"]C0ORDER-1/2") == ["opaque:ORDER-1/2"]
    for text in ("", " a", "a ", "x" * 65, "blåbær", "a\x1db"):
        with pytest.raises(InvalidIdentifier, match="printable"):
            reference(text)


def test_reference_that_is_an_sscc_counts_as_one() -> None:
    assert reference(SSCC).key == f"sscc:{SSCC}"


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
    assert len({one.key for one in found}) == len(found) <= 3 + label.count(b"\x1d")
