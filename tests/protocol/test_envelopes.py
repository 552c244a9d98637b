"""Envelopes of ISO 15434 in 2D codes: identifiers of a strong form come out, people do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.barcodes import CLEAN, UnreadableLabel, candidates
from tests.protocol.test_barcodes import SSCC, keys

UPS_NUMBER, S10_NUMBER = "1ZXX3150YW44070023", "RB123456785GB"
NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij .-", min_size=1, max_size=20)
PHONES = st.from_regex(r"(\+47)?[0-9]{8}", fullmatch=True)


def envelope(*messages: str) -> bytes:
    return ("[)>\x1e" + "\x1e".join(messages) + "\x1e\x04").encode()


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([f"01\x1d961234\x1d578\x1d001\x1d{UPS_NUMBER}\x1dUPSN"], [f"ups:{UPS_NUMBER}"]),
        ([f"06\x1dJ{S10_NUMBER}\x1d1T77"], [f"s10:{S10_NUMBER}"]),
        ([f"06\x1d2J00{SSCC}"], [f"sscc:{SSCC}"]),
        ([f"05\x1d00{SSCC}\x1d421578"], [f"sscc:{SSCC}"]),
        (
            [f"01\x1d{UPS_NUMBER}", f"06\x1dJ{S10_NUMBER}"],
            [f"s10:{S10_NUMBER}", f"ups:{UPS_NUMBER}"],
        ),
        (["06\x1dPABC123\x1dQ4"], []),
    ],
)
@pytest.mark.parametrize("aim", ["", "]L2", "]U1", "]d1"])
def test_an_envelope_gives_what_has_a_strong_form(
    messages: list[str], found: list[str], aim: str
) -> None:
    assert keys(aim.encode() + envelope(*messages)) == found


@given(names=st.lists(NAMES, min_size=1), phone=PHONES, number=st.sampled_from(["01", "06", "07"]))
def test_no_name_and_no_telephone_number_leaves_an_envelope(
    names: list[str], phone: str, number: str
) -> None:
    fields = [*names, phone, UPS_NUMBER, f"12Z{phone}", *names]
    found = keys(envelope("\x1d".join([number, *fields])))
    assert found == [f"ups:{UPS_NUMBER}"]


@given(st.binary(max_size=60))
def test_whatever_stands_in_an_envelope_is_read_or_refused(inside: bytes) -> None:
    label = b"[)>\x1e" + inside
    try:
        found = candidates(label)
    except UnreadableLabel:
        assert not CLEAN.fullmatch(label)
    else:
        assert all(one.kind != "opaque" for one in found)


@pytest.mark.parametrize("label", [b"AB\x1eC1", b"ABC1\x04", b"x[)>\x1e06", b"[)>06\x1eA1"])
def test_separators_outside_an_envelope_are_no_label(label: bytes) -> None:
    with pytest.raises(UnreadableLabel):
        candidates(label)
