"""Bytes of a serial scanner to scans. Pure.

A scan ends with CR or LF, or after 100 ms of silence. The scanner's seven-byte acknowledgement,
whose last two bytes read as the text "31", is taken out exactly. A label held before the scanner is
read again and again: repeats within 2.5 s are marked, not dropped, so that the courier is answered.

After bytes that no label has, nothing is believed until 100 ms of silence: in a burst of noise some
bytes look like labels, and unknown labels are counted against the kiosk.
"""

import re
from dataclasses import dataclass, replace

from fellesskap_protocol.barcodes import LABEL_BYTES_MAX

ACK = bytes.fromhex("02 00 00 01 00 33 31")
IDLE_S = 0.100
"""40 to 50 ms are seen in the trade; a loaded machine stalls that long in the middle of a label."""
REPEAT_S = 2.5
_CLEAN = re.compile(rb"[\x20-\x7e\x1d]+")


@dataclass(frozen=True, slots=True)
class Scan:
    """One label as the scanner sent it, without its ending."""

    label: bytes
    repeated: bool


@dataclass(frozen=True, slots=True)
class Framer:
    """What was heard since the last scan."""

    heard: bytes = b""
    noisy: bool = False
    wake_at: float = float("inf")
    last: bytes = b""
    last_at: float = float("-inf")


def receive(framer: Framer, data: bytes, now: float) -> tuple[Framer, tuple[Scan, ...]]:
    """Take bytes in; return the scans that they complete."""
    heard = (framer.heard + data).replace(ACK, b"").replace(b"\n", b"\r")
    *complete, rest = heard.split(b"\r")
    scans: tuple[Scan, ...] = ()
    for line in complete:
        framer, found = _ended(framer, line, now)
        scans += found
    if len(rest) > LABEL_BYTES_MAX + len(ACK):
        # No label is that long. What is kept may be the beginning of an acknowledgement.
        framer, rest = replace(framer, noisy=True), rest[-len(ACK) :]
    wake_at = now + IDLE_S if rest or framer.noisy else float("inf")
    return replace(framer, heard=rest, wake_at=wake_at), scans


def tick(framer: Framer, now: float) -> tuple[Framer, tuple[Scan, ...]]:
    """End a scan that has no ending, or a burst of noise, after silence."""
    if now < framer.wake_at:
        return framer, ()
    framer, scans = _ended(framer, framer.heard, now)
    return replace(framer, heard=b"", noisy=False, wake_at=float("inf")), scans


def _ended(framer: Framer, line: bytes, now: float) -> tuple[Framer, tuple[Scan, ...]]:
    """Take a line in; of noise the first is still a scan, so that a person hears of it."""
    if framer.noisy or not line:
        return framer, ()
    if len(line) > LABEL_BYTES_MAX:
        return replace(framer, noisy=True), ()
    noisy = not _CLEAN.fullmatch(line)
    repeated = line == framer.last and now - framer.last_at <= REPEAT_S
    framer = replace(framer, noisy=noisy, last=line, last_at=now)
    return framer, (Scan(line, repeated),)
