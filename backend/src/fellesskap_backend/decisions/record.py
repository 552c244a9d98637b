"""PURE: how a decision is written down, chained, and how a chain is walked.

The body is canonical JSON: fields in order, no spaces. Each holds the SHA-256 of the one before
(`prev`) over its exact bytes; that of the last one stands in the locker's row. Policy, request and
basis are all that `decide` was given, so the body suffices to decide it again:

- `layout`: the digest of the locker's compartments; `compartments` is there when it is a new one;
- `usable`: the numbers of those that might be given away, `1-3 7`;
- `claims`: the numbers of the decisions whose claims were live; `older` are claims without one;
- `allowances`: boxes that the locker may give away by itself, and how many of each.

A decision of `fair-share` has more:

- `rules`: the digest of policy, standings and reviewed quotas; `rulebook` is there when it is new;
- `minute`: of the day, at the locker; `lying`: what the parcels there count as, and how many;
- `uses`: what claims count as whose own decisions do not say it; `older` end with that too;
- beside the outcome `part`, `use`, and the carrier's own `quota` and `used` before it; `held_for_s`
  if its claim waits for a shorter time than was asked.

One that was decided with others at a cut-off has `batch`: the day, the cut-off and the hash of the
day's key; the number of the `first` of them, and how many there are (`of`), one after another; the
`ticket` for which its `lot` was drawn. Its `claims` are those before the first.

`position` says where the locker's journal and rights stood, and of which `day` the standings are.
Alternatives are no part of it: they are read from other lockers without a lock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from fellesskap_protocol.capacity import Compartment, Demand
from fellesskap_protocol.events import GENESIS

Json = dict[str, Any]


class Link(NamedTuple):
    """What stands in the table: a body, and beside it what is looked for."""

    number: int
    body: str
    beside: Json
    """Columns that the body says too."""


@dataclass(frozen=True)
class Head:
    """The end of a locker's chain: how many decisions, the hash of the last.

    And the digests of layout and rules as they were last written out.
    """

    number: int = 0
    hash: str = GENESIS
    layout: str | None = None
    rules: str | None = None


def canonical(value: Any) -> bytes:
    """Return the bytes that are stored and hashed.

    >>> canonical({"b": [1], "a": None})
    b'{"a":null,"b":[1]}'
    """
    return msgspec.json.encode(value, order="deterministic")


def digest(content: bytes) -> str:
    """Return the SHA-256 in lower-case hex."""
    return sha256(content).hexdigest()


def spans(numbers: Iterable[int]) -> str:
    """Write numbers shortly.

    >>> spans([3, 1, 2, 7]), spans([])
    ('1-3 7', '')
    """
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def numbers(text: str) -> list[int]:
    """Read what `spans` wrote.

    >>> numbers("1-3 7")
    [1, 2, 3, 7]
    """
    ends = [[int(end) for end in part.split("-")] for part in text.split()]
    return [number for each in ends for number in range(each[0], each[-1] + 1)]


def box(demand: Demand) -> list[Any]:
    """Write a demand: w, h, d in mm, g, needs."""
    return [demand.w_mm, demand.h_mm, demand.d_mm, demand.g, list(demand.needs)]


def layout(every: Sequence[Compartment]) -> list[list[Any]]:
    """Write the geometry of compartments, by number."""
    ranked = sorted(every, key=lambda one: one.number)
    return [
        [
            *(one.number, one.width_mm, one.height_mm, one.depth_mm),
            *(one.floor_mm, one.top_mm, one.max_g, list(one.features)),
        ]
        for one in ranked
    ]


def altered(links: Iterable[Link], head: Head) -> Iterator[int]:
    """Yield the numbers of decisions that are not as they were made, or are not there.

    `links` come last first, as the trust does: the locker's row vouches for the last one, each
    for the one before. What comes before an altered one is judged by its own successor alone.
    """
    expected: str | None = head.hash
    number = head.number
    for link in links:
        if link.number > number:
            yield link.number
            continue
        while number > link.number:
            yield number
            number, expected = number - 1, None
        good = expected in (None, digest(link.body.encode()))
        said = _read(link.body)
        if not good or any(said.get(name) != one for name, one in link.beside.items()):
            yield link.number
        prev = said.get("prev")
        expected = prev if good and isinstance(prev, str) else None
        number = link.number - 1
    yield from range(number, 0, -1)


def _read(body: str) -> Json:
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) else {}
