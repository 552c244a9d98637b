"""PURE: whether SQLite's write-ahead log was damaged after it was written.

SQLite believes the log up to the first frame whose checksum is wrong and passes over the rest: that
is how it meets a write that was torn. A bit that flips later takes every commit after it away, in
the same silence. What tells the two apart: a commit is synced before the next one begins, so only
the last one can be torn. Format: sqlite.org/fileformat2.html, section 4.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

HEADER, FRAME, PAGE = 32, 24, 4096
"""Bytes of the log's header, of a frame's, and of the page after it: we set no other size."""
BIG_ENDIAN = 0x377F0683
"""The log's first word where words are summed like that; else it is one less."""
ONE_BIT = 1
Sum = tuple[int, int]


class Frame(NamedTuple):
    """One page in the log: if a commit ends with it, which log it is of, its sum, and of what."""

    commits: bool
    salts: int
    told: Sum
    summed: bytes


def damage(log: bytes) -> str | None:
    """Return what is wrong with a log that is more than torn; None: nothing, or nothing that shows.

    A flip within the last commit looks like a write that was torn.
    """
    frames = [_frame(log, at) for at in range(HEADER, len(log) - FRAME - PAGE + 1, FRAME + PAGE)]
    if not frames:
        return None
    magic, salts, *told = struct.unpack_from(">I12xQII", log)
    order = ">" if magic == BIG_ENDIAN else "<"
    before = told[0], told[1]
    if _sum(order, log[: HEADER - 8], (0, 0)) != before:
        # The bit may be the one that says in which order words are summed.
        written = max(_commits(either, frames, frames[0].salts) for either in "<>")
        return f"the log's header is damaged, with {written} commits" if written > 1 else None
    for place, frame in enumerate(frames):
        if frame.salts != salts or _sum(order, frame.summed, before) != frame.told:
            written = _commits(order, frames[place:], salts)
            return f"the log is damaged before {written} commits" if written > 1 else None
        before = frame.told
    return None


def _frame(log: bytes, at: int) -> Frame:
    size, salts, *told = struct.unpack_from(">4xIQII", log, at)
    summed = log[at : at + 8] + log[at + FRAME : at + FRAME + PAGE]
    return Frame(size != 0, salts, (told[0], told[1]), summed)


def _commits(order: str, frames: Sequence[Frame], salts: int) -> int:
    """Count the commits that end in frames of which the first is damaged, one bit of it.

    Each vouches for the next, but the damaged one perhaps not: the bit may be one of its own sum.
    Where a file system asks for that, SQLite repeats a commit's last frame up to a whole sector.
    """
    count, ended = 0, False
    for place, frame in enumerate(frames):
        if (frame.salts ^ salts).bit_count() > ONE_BIT:
            break
        if place > 1 and _sum(order, frame.summed, frames[place - 1].told) != frame.told:
            break
        count += frame.commits and not ended
        ended = frame.commits
    return count


def _sum(order: str, data: bytes, before: Sum) -> Sum:
    """Go on with the log's checksum, over 32-bit words in pairs."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    a, b = before
    for x, y in zip(words[::2], words[1::2], strict=True):
        a = (a + x + b) & 0xFFFFFFFF
        b = (b + y + a) & 0xFFFFFFFF
    return a, b
