"""A label's bytes give the identifiers that are surely there, and nothing of anybody's name."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.barcodes import (
    CANDIDATES_MAX,
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
    "text", [f"{SSCC}A", f"00{SSCC}A", f"00{SSCC}12", f"x{SSCC}", f"{SSCC}-1", f"10ABC00{SSCC}"]
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


KARI = ("Kari", "Nordmann", "91234567", "Storgata", "@example")
CARDS = [
    "MECARD:N:Nordmann,Kari;TEL:+4791234567;ADR:Storgata 5;;",
    "BEGIN:VCARD VERSION:3.0 N:Nordmann;Kari TEL:+4791234567 END:VCARD",
    "tel:+4791234567",
    "+4791234567",
    "mailto:kari.nordmann91234567@example.no",
    "kari91234567@example.no",
    "Kari Nordmann",
    "Kari Nordmann|Storgata 5|0578 OSLO|91234567",
    "Kari;Nordmann;91234567",
    '{"name":"Kari Nordmann","tel":"91234567"}',
    "https://carrier.example/p?name=Kari&tel=91234567",
    "Nordmann",
    "4300Kari Nordmann\x1d430891234567",
]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("aim", ["", "]L0", "]Q1", "]d1", "]Q3", "]d2", "]z0"])
def test_nothing_of_a_person_leaves_the_parser(aim: str, card: str) -> None:
    assert keys((aim + card).encode()) == []
    with pytest.raises(InvalidIdentifier):
        reference(card)


@pytest.mark.parametrize("aim", ["]L0", "]Q1", "]d1", "]z0", "]U0", "]h0", "]J0"])
@given(
    number=st.from_regex(r"(00)?[0-9]{8,11}|[0-9]{7}", fullmatch=True),
    between=st.sampled_from(["", ".", "-", "/"]),
)
def test_a_number_alone_in_a_two_dimensional_code_may_be_a_telephone(
    aim: str, number: str, between: str
) -> None:
    text = between.join(number)
    linear = keys(f"]A0{text}".encode())
    is_waybill = linear != [f"opaque:{text}"]  # by its check digit
    assert keys((aim + text).encode()) == (linear if is_waybill else [])


@given(
    st.lists(st.sampled_from([*CARDS, *KARI]), max_size=4),
    st.sampled_from([SSCC, "RB123456785GB", "1ZXX3150YW44070023", "JJD0099999999"]),
    st.lists(st.sampled_from([*CARDS, *KARI]), max_size=4),
    st.sampled_from([" ", "|", ";", "\x1d", "^", ",", "&"]),
    st.sampled_from(["", "]L0", "]Q1", "]d1"]),
)
def test_identifier_among_the_fields_of_a_person_is_all_that_leaves(
    before: list[str], number: str, after: list[str], separator: str, aim: str
) -> None:
    found = candidates((aim + separator.join((*before, number, *after))).encode())
    if before or after:
        assert [one.value for one in found] == [number]
    else:
        assert found[0].value == number


@given(
    st.lists(
        st.tuples(
            st.integers(4300, 4320), st.from_regex(r"[A-Za-z0-9 %+.-]{1,30}", fullmatch=True)
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["]Q3", "]d2", "]C1"]),
)
def test_ship_to_elements_of_a_gs1_message_leave_nothing(
    elements: list[tuple[int, str]], aim: str
) -> None:
    body = "\x1d".join(f"{ai}{value}" for ai, value in elements)
    assert keys(f"{aim}{body}\x1d00{SSCC}".encode()) == [f"sscc:{SSCC}"]


NUMBERS: dict[str, list[tuple[str, str]]] = {
    "sscc": [(SSCC, SSCC), (f"00{SSCC}", SSCC)],
    "s10": [("RB123456785GB", "RB123456785GB"), ("rr473124829no", "RR473124829NO")],
    "ups": [("1ZXX3150YW44070023", "1ZXX3150YW44070023")],
    "fedex": [
        ("986578788855", "986578788855"),
        ("799531274483", "799531274483"),
        ("041441760228964", "041441760228964"),
        ("9611020987654312345672", "9611020987654312345672"),
        ("1001901781990001000300617767839437", "617767839437"),
        ("9622001900000000000000776632517510", "776632517510"),
    ],
    "dhl": [
        ("3318810025", "3318810025"),
        ("73891051146", "73891051146"),
        ("JJD0099999999", "JJD0099999999"),
        ("JVGL0999999990", "JVGL0999999990"),
        ("JD014600003889486512", "JJD014600003889486512"),
    ],
    "dpd": [
        ("008182709980000020033350276C", "008182709980000020033350276C"),
        ("%008182709980000020045327276", "008182709980000020045327276N"),
    ],
    "gsin": [
        ("70712345678901237", "70712345678901237"),
        ("40270712345678901237", "70712345678901237"),
    ],
    "opaque": [
        ("ORDER-1/2", "ORDER-1/2"),
        ("TBA123456789012", "TBA123456789012"),
        ("4711", "4711"),
    ],
}
"""Published sample numbers (UPU S10-12, public collections of tracking numbers), or made up."""
ONES = [(kind, text, value) for kind, pairs in NUMBERS.items() for text, value in pairs]
LINEAR = ["", "]A0", "]C0", "]I0", "]L0", "]Q1", "]d1"]


@pytest.mark.parametrize(("kind", "text", "value"), ONES)
@pytest.mark.parametrize("aim", LINEAR)
def test_number_is_first_what_it_looks_like_and_then_itself(
    kind: str, text: str, value: str, aim: str
) -> None:
    found = keys((aim + text).encode())
    assert found[0] == f"{kind}:{value}"
    assert (f"opaque:{text}" in found) == (kind != "sscc")


@pytest.mark.parametrize(("kind", "text", "value"), ONES)
@pytest.mark.parametrize("aim", LINEAR)
def test_what_a_carrier_reserves_under_is_among_what_its_label_gives(
    kind: str, text: str, value: str, aim: str
) -> None:
    assert reference(text).kind == kind
    assert reference(text) in candidates((aim + text).encode())
    assert reference(value) in candidates((aim + text).encode())


@pytest.mark.parametrize("aim", ["]C1", "]d2", "]Q3", "]e0", "]J1"])
def test_reserved_sscc_and_gsin_are_found_in_every_gs1_symbol(aim: str) -> None:
    gsin = NUMBERS["gsin"][0][0]
    for printed in (f"402{gsin}\x1d00{SSCC}", f"00{SSCC}402{gsin}", f"00{SSCC}\x1d402{gsin}"):
        found = candidates((aim + printed).encode())
        assert found == (reference(SSCC), reference(gsin))


def test_parcel_number_of_dpd_is_found_in_its_longer_bar_code() -> None:
    assert reference("09980000020033") in candidates(b"%008182709980000020033350276")


def test_ground_number_of_fedex_is_found_in_its_longer_bar_code() -> None:
    assert reference("987654312345672") in candidates(b"9611020987654312345672")


@pytest.mark.parametrize(
    "text",
    [
        "996578788855",
        "568283610012732",
        "3318810010",
        "008182709980000020033350276A",
        "1ZXX3150YW44070024",
        "1ZXX3150YW4407002A",
        "XJD0099999998",
        "9600000000000000000001",
        "1001901781990001000300617767839438",
        "70712345678901238",
        "4207012345678",
        "RB123456784GB",
    ],
)
def test_number_with_a_wrong_check_digit_is_only_itself(text: str) -> None:
    assert keys(text.encode()) == [f"opaque:{text}"]


@given(st.from_regex(r"[0-9]{10,34}|[A-Z]{1,4}[0-9]{8,20}[A-Z]{0,2}", fullmatch=True))
def test_reference_that_looks_like_anything_matches_its_own_label(text: str) -> None:
    found = candidates(text.encode())
    assert reference(text) == found[0]
    assert found[0].kind == "sscc" or Identifier("opaque", text) in found


def test_sure_identifiers_go_before_routing_and_shipment_numbers() -> None:
    gsin = NUMBERS["gsin"][0][0]
    assert keys(f"4210578\x1d402{gsin}\x1dRB123456785GB".encode()) == [
        "s10:RB123456785GB",
        f"gsin:{gsin}",
    ]
    assert keys(f"]C1421057 8\x1d402{gsin}\x1d00{SSCC}".encode()) == [
        f"sscc:{SSCC}",
        f"gsin:{gsin}",
    ]
    assert keys(b"]C14210578") == []


def test_own_reference_is_known_as_it_stands_on_the_label() -> None:
    assert reference("ORDER-1/2").key == "opaque:ORDER-1/2"
    assert keys(b"]C0ORDER-1/2") == ["opaque:ORDER-1/2"]
    refused = (
        "",
        " 1",
        "1 ",
        "A 1",
        "1" * 65,
        "bl\xe5b\xe6r1",
        "a\x1d1",
        "ORDER",
        "-1",
        "a:1",
        "]C1",
    )
    for text in refused:
        with pytest.raises(InvalidIdentifier, match="one word"):
            reference(text)


def test_reference_that_reads_as_a_badge_or_pickup_code_is_refused() -> None:
    with pytest.raises(InvalidIdentifier, match="badge"):
        reference("eyJhbGciOiJF.eyJqdGki.c2ln1")
    with pytest.raises(InvalidIdentifier, match="one word"):
        reference("FSK1:AAAAAAAAAAAAAAAAAAAAAA")


@given(st.from_regex(r"[ -~]{1,66}", fullmatch=True))
def test_any_reference_is_the_first_candidate_of_its_label_or_refused(text: str) -> None:
    try:
        found = reference(text)
    except InvalidIdentifier:
        return
    assert found == candidates(text.encode())[0]
    assert found.kind not in ("token", "qr")


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
    assert len({one.key for one in found}) == len(found) <= CANDIDATES_MAX
