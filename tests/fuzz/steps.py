"""Inputs that are played: bytes arrive, and between them a target's own steps.

After a first byte, which is the target's too: `00-DF`: so many of the bytes that follow arrive (at
most 223); what is above is a step of the target's. So a mutation cuts, joins and delays frames.
"""

from collections.abc import Iterator, Sequence
from random import Random

ARRIVES_MAX = 0xDF


def arrives(frame: bytes) -> bytes:
    """Return the steps by which a frame arrives."""
    pieces = [frame[at : at + ARRIVES_MAX] for at in range(0, len(frame), ARRIVES_MAX)]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces)


def in_two(rng: Random, frame: bytes, pauses: Sequence[int]) -> bytes:
    """Return the steps by which a frame arrives with a pause in it."""
    cut = rng.randrange(len(frame) + 1)
    return arrives(frame[:cut]) + bytes((rng.choice(pauses),)) + arrives(frame[cut:])


def played(data: bytes) -> Iterator[bytes | int]:
    """Yield what arrives, and the target's own steps."""
    return (step for _, step in _steps(data))


def put(rng: Random, piece: bytes, data: bytes) -> bytes:
    """Put a piece between two steps."""
    at = rng.choice([*(place for place, _ in _steps(data)), len(data)])
    return data[:at] + piece + data[at:]


def _steps(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield each step, and where it begins."""
    at = 1
    while at < len(data):
        begun, code, at = at, data[at], at + 1
        if code > ARRIVES_MAX:
            yield begun, code
        else:
            yield begun, data[at : at + code]
            at += code
