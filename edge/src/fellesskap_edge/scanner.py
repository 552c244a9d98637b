"""Bytes of a serial scanner to scans. Pure.

A scan ends with CR or LF, or after 50 ms of silence. The scanner's seven-byte acknowledgement,
whose last two bytes read as the text "31", is taken out exactly. A label held before the scanner is
read again and again: repeats within 2.5 s are marked, not dropped, so that the courier is answered.
"""

from dataclasses import dataclass, replace

from fellesskap_protocol.barcodes import LABEL_BYTES_MAX

ACK = bytes.fromhex("02 00 00 01 00 33 31")
IDLE_S = 0.050
REPEAT_S = 2.5


@dataclass(frozen=True, slots=True)
class Scan:
    """One label as the scanner sent it, without its ending."""

    label: bytes
    repeated: bool


@dataclass(frozen=True, slots=True)
class Framer:
    """What was heard since the last scan."""

    heard: bytes = b""
    overlong: bool = False
    wake_at: float = float("inf")
    last: bytes = b""
    last_at: float = float("-inf")


def receive(framer: Framer, data: bytes, now: float) -> tuple[Framer, tuple[Scan, ...]]:
    """Take bytes in; return the scans that they complete."""
    heard = (framer.heard + data).replace(ACK, b"").replace(b"\n", b"\r")
    *complete, rest = heard.split(b"\r")
    scans = []
    for part in complete:
        if part and not framer.overlong:
            framer, scan = _scan(framer, part, now)
            scans.append(scan)
        framer = replace(framer, overlong=False)
    if len(rest) > LABEL_BYTES_MAX + len(ACK):
        # No label is that long: noise, up to the next ending or silence.
        framer, rest = replace(framer, overlong=True), rest[-len(ACK) :]
    wake_at = now + IDLE_S if rest or framer.overlong else float("inf")
    return replace(framer, heard=rest, wake_at=wake_at), tuple(scans)


def tick(framer: Framer, now: float) -> tuple[Framer, tuple[Scan, ...]]:
    """End a scan that has no ending, after silence."""
    if now < framer.wake_at:
        return framer, ()
    rest, overlong = framer.heard, framer.overlong
    framer = replace(framer, heard=b"", overlong=False, wake_at=float("inf"))
    if not rest or overlong:
        return framer, ()
    framer, scan = _scan(framer, rest, now)
    return framer, (scan,)


def _scan(framer: Framer, label: bytes, now: float) -> tuple[Framer, Scan]:
    repeated = label == framer.last and now - framer.last_at <= REPEAT_S
    return replace(framer, last=label, last_at=now), Scan(label, repeated)
