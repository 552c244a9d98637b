"""Serial bytes to scans: nothing lost, nothing invented, noise believed by nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.scanner import ACK, IDLE_S, REPEAT_S, Framer, Scan, receive, tick
from fellesskap_protocol.barcodes import LABEL_BYTES_MAX, UnreadableLabel, candidates

LABEL = b"]C100370712345678901238"
LABELS = st.from_regex(rb"[ -~\x1d]{1,80}", fullmatch=True)
DIRT = [byte for byte in range(256) if not (0x20 <= byte <= 0x7E or byte in (0x0A, 0x0D, 0x1D))]


def scanned(chunks: list[bytes], gap_s: float = 0.001) -> list[bytes]:
    """Give the chunks one after the other, then silence."""
    framer = Framer()
    found: list[Scan] = []
    for turn, chunk in enumerate(chunks):
        framer, scans = receive(framer, chunk, turn * gap_s)
        found += scans
    framer, scans = tick(framer, framer.wake_at)
    assert framer.heard == b""
    assert framer.wake_at == float("inf")
    return [scan.label for scan in (*found, *scans)]


@given(LABELS, st.sampled_from([b"\r", b"\n", b"\r\n", b""]), st.data())
def test_a_label_is_one_scan_however_its_bytes_are_cut(
    label: bytes, ending: bytes, data: st.DataObject
) -> None:
    sent = label + ending
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    pieces = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert scanned(pieces) == [label]


@given(st.lists(LABELS, max_size=5))
def test_labels_one_after_the_other_are_as_many_scans(labels: list[bytes]) -> None:
    assert scanned([b"".join(label + b"\r\n" for label in labels)]) == labels


@given(LABELS, st.integers(0, len(ACK)))
def test_the_acknowledgement_leaks_nothing_into_the_scan(label: bytes, cut: int) -> None:
    pieces = [ACK[:cut], ACK[cut:] + label + b"\r"]
    assert scanned(pieces) == [label]
    assert scanned([label + b"\r" + ACK[:cut], ACK[cut:]]) == [label]
    assert scanned([ACK]) == []


def test_a_scan_without_an_ending_ends_after_silence_and_not_before() -> None:
    framer, scans = receive(Framer(), LABEL, 1.0)
    assert scans == ()
    assert tick(framer, 1.0 + IDLE_S * 0.9) == (framer, ())
    assert tick(framer, 1.0 + IDLE_S * 1.1)[1] == (Scan(LABEL, repeated=False),)


def test_half_a_code_does_not_run_into_the_next_one() -> None:
    framer, _ = receive(Framer(), LABEL[:9], 0.0)
    framer, scans = tick(framer, framer.wake_at)
    assert [scan.label for scan in scans] == [LABEL[:9]]
    assert receive(framer, LABEL + b"\r", 1.0)[1] == (Scan(LABEL, repeated=False),)


def test_a_label_that_is_held_before_it_is_marked_as_repeated() -> None:
    framer, said = Framer(), []
    for now in (0.0, 1.0, 3.0, 3.0 + REPEAT_S, 6.0 + REPEAT_S):
        framer, scans = receive(framer, LABEL + b"\r", now)
        said += [scan.repeated for scan in scans]
    assert said == [False, True, True, True, False]
    assert not receive(framer, b"another\r", 6.1 + REPEAT_S)[1][0].repeated


def readable(label: bytes) -> bool:
    try:
        candidates(label)
    except UnreadableLabel:
        return False
    return True


@given(
    st.sampled_from(DIRT),
    st.lists(st.binary(max_size=60), max_size=30),
    st.lists(st.integers(1, 40), max_size=10),
)
def test_noise_is_at_most_one_unreadable_scan_and_the_next_label_counts(
    dirt: int, noise: list[bytes], cuts: list[int]
) -> None:
    burst = bytes((dirt,)) + b"\r".join(noise)
    framer = Framer()
    found: list[Scan] = []
    at = 0
    for length in (*cuts, len(burst)):
        framer, scans = receive(framer, burst[at : at + length], 0.0)
        found += scans
        at += length
    if burst.replace(ACK, b"") != burst:
        return  # an acknowledgement in the noise is no noise
    framer, scans = tick(framer, IDLE_S * 1.1)
    found += scans
    assert len(found) <= 1
    assert not any(readable(scan.label) for scan in found)
    assert receive(framer, LABEL + b"\r", 1.0)[1] == (Scan(LABEL, repeated=False),)


@pytest.mark.parametrize("pattern", [bytes(range(256)), bytes(range(0x20, 0x60)), b"\x80\xff"])
def test_one_megabyte_of_noise_leaves_little_behind(pattern: bytes) -> None:
    noise = pattern * (2**20 // len(pattern))
    framer = Framer()
    found: list[Scan] = []
    for start in range(0, len(noise), 4096):
        framer, scans = receive(framer, noise[start : start + 4096], start / 1e6)
        found += scans
        assert len(framer.heard) <= LABEL_BYTES_MAX + len(ACK)
    assert len(found) <= 1
    framer, scans = tick(framer, framer.wake_at)
    assert scans == ()
    assert receive(framer, LABEL + b"\r", 10.0)[1] == (Scan(LABEL, repeated=False),)


@given(st.integers(LABEL_BYTES_MAX + 1, 3 * LABEL_BYTES_MAX), st.integers(1, 500))
def test_text_that_is_longer_than_any_label_is_no_scan(length: int, chunk: int) -> None:
    text = b"x" * length
    assert scanned([text[at : at + chunk] for at in range(0, length, chunk)]) == []
    assert scanned([text + b"\r"]) == []
