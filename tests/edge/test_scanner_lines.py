"""Lines of text to scans: nothing lost, nothing invented, noise believed by nobody."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.scanner import REPEAT_S, Scan
from fellesskap_edge.scanners.framing import HALF_S, IDLE_S, REPLY_BYTES_MAX, Unreadable
from fellesskap_protocol.barcodes import LABEL_BYTES_MAX
from tests.edge.reading import ANSWERS, Desk

LABEL = b"]C100370712345678901238"
LABELS = st.from_regex(rb"[ -~\x1d]{1,80}", fullmatch=True)
ENDINGS = st.sampled_from([b"\r", b"\n", b"\r\n"])
DIRT = [byte for byte in range(256) if not (0x20 <= byte <= 0x7E or byte in (0x0A, 0x0D, 0x1D))]
REPLYING = ["grow", "honeywell"]


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(at % (len(data) + 1) for at in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


def scanned(chunks: list[bytes], family: str = "line") -> list[bytes]:
    """Give the chunks one after the other, then silence."""
    desk = Desk(family).ready()
    for chunk in chunks:
        desk.hear(chunk, 0.001)
    desk.wait(IDLE_S * 1.1)
    return desk.scans


@given(LABELS, ENDINGS | st.just(b""), st.lists(st.integers(0, 90), max_size=6))
def test_a_label_is_one_scan_however_its_bytes_are_cut(
    label: bytes, ending: bytes, cuts: list[int]
) -> None:
    assert scanned(cut(label + ending, cuts)) == [label]


@given(st.lists(LABELS, max_size=5), ENDINGS)
def test_labels_one_after_the_other_are_as_many_scans(labels: list[bytes], ending: bytes) -> None:
    assert scanned([b"".join(label + ending for label in labels)]) == labels


@pytest.mark.parametrize("family", REPLYING)
@given(label=LABELS, cuts=st.lists(st.integers(0, 200), max_size=4), after=st.booleans())
def test_a_reply_leaks_nothing_into_the_scan(
    family: str, label: bytes, cuts: list[int], after: bool
) -> None:
    reply = ANSWERS[family]
    sent = label + b"\r" + reply if after else reply + label + b"\r"
    if reply[-1:] == b"." and not after and label.startswith((b".", b"!")):
        return  # a menu reply of one byte less, and a label that begins with its last one
    assert scanned(cut(sent, cuts), family) == [label]


@pytest.mark.parametrize("family", REPLYING)
def test_a_reply_alone_is_no_scan(family: str) -> None:
    desk = Desk(family).ready()
    desk.hear(ANSWERS[family])
    desk.wait(1.0)
    assert (desk.scans, desk.unreadable) == ([], 0)


@pytest.mark.parametrize(
    "reply",
    ["02 00 01 01 00 12 34", "02 00 05 01 0D 12 0A", "03 00 00 01 00 33 31"],
)
def test_a_refusal_of_a_grow_scanner_is_no_scan_either(reply: str) -> None:
    assert scanned([bytes.fromhex(reply) + LABEL + b"\r"], "grow") == [LABEL]


@pytest.mark.parametrize("status", [b"\x06", b"\x05", b"\x15"])
@pytest.mark.parametrize("end", [b".", b"!", b""])
def test_a_menu_reply_may_lack_its_last_byte(status: bytes, end: bytes) -> None:
    assert scanned([b"VSUFCR" + status + end + LABEL + b"\r"], "honeywell") == [LABEL]
    assert scanned([b"VSUFCR" + status + end], "honeywell") == []


def test_a_scan_without_an_ending_ends_after_silence_and_not_before() -> None:
    desk = Desk()
    assert desk.hear(LABEL) == ()
    assert desk.wait(IDLE_S * 0.9) == []
    assert desk.wait(IDLE_S * 0.2) == [Scan(LABEL, repeated=False)]


def test_half_a_code_of_a_scanner_that_ends_its_labels_is_no_scan() -> None:
    desk = Desk()
    desk.hear(LABEL + b"\r")
    desk.hear(b"ORDER-1", 5.0)  # of ORDER-12, which may be another parcel
    assert desk.wait(HALF_S * 0.9) == []
    assert desk.wait(HALF_S * 0.2) == [Unreadable()]
    assert desk.hear(b"ORDER-12\r") == (Scan(b"ORDER-12", repeated=False),)


def test_a_stall_in_the_middle_of_a_label_cuts_no_scanner_that_ends_its_labels() -> None:
    desk = Desk()
    desk.hear(LABEL + b"\r")
    desk.hear(b"ORDER-", 5.0)
    assert desk.hear(b"12\r", HALF_S * 0.9) == (Scan(b"ORDER-12", repeated=False),)


def test_half_a_code_does_not_run_into_the_next_one() -> None:
    desk = Desk()
    desk.hear(LABEL[:9])
    desk.wait(1.0)
    assert desk.hear(LABEL + b"\r") == (Scan(LABEL, repeated=False),)


def test_a_scanner_that_never_ends_its_labels_is_heard_all_the_same() -> None:
    desk = Desk()
    for label in (b"first-1", b"second-2", b"third-3"):
        desk.hear(label)
        desk.wait(1.0)
    assert desk.scans == [b"first-1", b"second-2", b"third-3"]


def test_a_label_that_is_held_before_it_is_marked_as_repeated() -> None:
    desk, said = Desk(), []
    for wait in (0.0, 1.0, 2.0, REPEAT_S * 0.99, REPEAT_S * 1.01):
        (scan,) = desk.hear(LABEL + b"\r", wait)
        assert isinstance(scan, Scan)
        said.append(scan.repeated)
    assert said == [False, True, True, True, False]
    assert desk.hear(b"another\r") == (Scan(b"another", repeated=False),)


@given(
    st.sampled_from(DIRT),
    st.lists(st.binary(max_size=60), max_size=30),
    st.lists(st.integers(0, 2000), max_size=10),
)
def test_noise_is_told_once_and_the_next_label_counts(
    dirt: int, noise: list[bytes], cuts: list[int]
) -> None:
    desk = Desk()
    for chunk in cut(bytes((dirt,)) + b"\r".join(noise), cuts):
        desk.hear(chunk)
    desk.wait(IDLE_S * 1.1)
    assert (desk.scans, desk.unreadable) == ([], 1)
    assert desk.hear(LABEL + b"\r") == (Scan(LABEL, repeated=False),)


@pytest.mark.parametrize("pattern", [bytes(range(256)), bytes(range(0x20, 0x60)), b"\x80\xff"])
@pytest.mark.parametrize("family", ["line", "grow", "honeywell"])
def test_one_megabyte_of_noise_leaves_little_behind(family: str, pattern: bytes) -> None:
    noise = pattern * (2**20 // len(pattern))
    desk = Desk(family).ready()
    for start in range(0, len(noise), 4096):
        desk.hear(noise[start : start + 4096])
        assert len(desk.scanner.framer.heard) <= LABEL_BYTES_MAX + REPLY_BYTES_MAX
    desk.wait(IDLE_S * 1.1)
    assert (desk.scans, desk.unreadable) == ([], 1)
    desk.hear(LABEL + b"\r")
    assert desk.scans == [LABEL]


@given(st.integers(LABEL_BYTES_MAX + 1, 3 * LABEL_BYTES_MAX), st.integers(1, 500))
def test_text_that_is_longer_than_any_label_is_no_scan(length: int, chunk: int) -> None:
    text = b"x" * length
    assert scanned([text[at : at + chunk] for at in range(0, length, chunk)]) == []
    assert scanned([text + b"\r"]) == []
