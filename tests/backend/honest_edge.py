"""An honest edge in a dozen lines: it knows the rights that it applied, and journals what happened.

It chooses a compartment as edges do: where no other claim loses its room. What holds no room draws
a unit of the allowance, and is turned away without one. What fits is judged here by a rule of our
own, not by the code under test.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import select

from fellesskap_backend import db
from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights.tables import Right
from fellesskap_protocol import events, messages
from fellesskap_protocol.capacity import Compartment as Box
from tests.backend.api import Api
from tests.backend.lockers import HandLocker

DOORS = ((1, 110, 1500), (2, 110, 400), (3, 240, 500))
"""Number, inner height and floor in mm: a high one, a low one, a large low one."""


class Demand(NamedTuple):
    """What is asked of a compartment."""

    height_mm: int
    is_low: bool


def boxes() -> tuple[Box, ...]:
    """Describe the locker's compartments."""
    return tuple(
        Box(number, 440, height, 600, floor, floor + height, 20_000)
        for number, height, floor in DOORS
    )


def fits(demand: Demand, number: int) -> bool:
    """Our own rule: every parcel here is as broad as any door; height and reach decide."""
    _, height, floor = DOORS[number - 1]
    return demand.height_mm <= height and (
        not demand.is_low or (floor >= 380 and floor + height <= 1220)
    )


def all_served(demands: Sequence[Demand], doors: Iterable[int]) -> bool:
    """Say whether each demand gets a door of its own, by trying every way."""
    free = tuple(doors)
    if len(demands) > len(free):
        return False
    return any(
        all(fits(one, door) for one, door in zip(demands, chosen, strict=True))
        for chosen in itertools.permutations(free, len(demands))
    )


class Edge:
    """One locker: what it knows, what lies in it, what it gave away by itself, and its journal."""

    def __init__(self, api: Api, locker_id: str) -> None:
        self.api, self.id = api, locker_id
        self.hand = HandLocker(api.secrets.installation, locker_id)
        self.hand.claim(api)
        self.known: dict[str, messages.Right] = {}
        self.inside: dict[int, messages.Right] = {}
        self.used: Counter[str] = Counter()
        """Units of the allowance that were drawn, by size class."""
        birth = self.hand.birth()
        api.change(lambda session: ledger.born(session, locker_id, birth, moment=_now()))
        self.tell(
            events.StoreCreated(reason="commissioned"),
            events.HardwareDescribed(compartments=boxes(), digest="d"),
        )

    def tell(self, *said: events.Event) -> None:
        """Journal, and let the backend record it."""
        first = len(self.hand.stored) + 1
        self.hand.add(*said)
        batch, secrets = self.hand.batch(first), self.api.secrets
        standing = self.api.change(
            lambda session: ledger.ingest(session, self.id, batch, moment=_now(), secrets=secrets)
        )
        assert standing.acked_seq == len(self.hand.stored)

    def apply(self) -> None:
        """Take over what is wished now, and say so."""
        with db.reader(self.api.engine) as session:
            revision = session.scalars(select(Locker.revision).where(Locker.id == self.id)).one()
            rows = session.scalars(select(Right).where(Right.locker_id == self.id)).all()
        rights = [messages.decode(messages.Right, one.body) for one in rows if not one.removed]
        self.known = {one.id: one for one in rights if not one.revoked}
        self.tell(events.RightsApplied(generation=1, revision=revision, used=dict(self.used)))

    def waiting(self) -> list[messages.Right]:
        """Return the rights by which something may be put in."""
        held = {one.id for one in self.inside.values()}
        kinds = ("claim", "drop_off")
        return [one for one in self.known.values() if one.kind in kinds and one.id not in held]

    def put_in(self, right: messages.Right) -> None:
        """Put a parcel where it costs no claim its room; a claim is never turned away."""
        size_class = None if _holds(right) else self._class_for(right)
        number = self._door_for(right) if _holds(right) or size_class else None
        if number is not None:
            self._take_in(number, right, size_class)
            return
        assert not _holds(right), f"{self.id}: no room for a claim that the edge knows"

    def put_in_unannounced(self, carrier_id: UUID, size_class: str) -> None:
        """Put something in that nobody told of, as a courier with a badge may: by a unit alone."""
        allowance = self.units_left().get(size_class)
        if allowance is None:
            return
        parcel_id = str(uuid4())
        made = msgspec.structs.replace(
            allowance, id=parcel_id, parcel_id=parcel_id, carrier_id=str(carrier_id)
        )
        number = self._door_for(made)
        if number is not None:
            self._take_in(number, made, size_class)

    def units_left(self) -> dict[str, messages.Right]:
        """Return the allowances that it knows of which a unit is left, by size class."""
        rights = [one for one in self.known.values() if one.kind == "allowance"]
        found = [one for one in rights if one.granted > self.used[one.size_class or ""]]
        return {one.size_class or "": one for one in found}

    def _class_for(self, right: messages.Right) -> str | None:
        """Return the smallest class with a unit left whose box holds a parcel, turned as it may."""
        needs = sorted((right.w_mm, right.h_mm, right.d_mm))
        boxes = {
            name: sorted((one.w_mm, one.h_mm, one.d_mm)) for name, one in self.units_left().items()
        }
        holding = [
            (box, name)
            for name, box in boxes.items()
            if all(need <= edge for need, edge in zip(needs, box, strict=True))
        ]
        return min(holding)[1] if holding else None

    def _door_for(self, right: messages.Right) -> int | None:
        """Choose the smallest, lowest number of those that leave room for every claim it knows."""
        others = [demand_of(one) for one in self.waiting() if _holds(one) and one.id != right.id]
        free = [number for number, *_ in DOORS if number not in self.inside]
        for number in sorted(free, key=lambda one: (DOORS[one - 1][1], one)):
            left = [one for one in free if one != number]
            if fits(demand_of(right), number) and all_served(others, left):
                return number
        return None

    def _take_in(self, number: int, right: messages.Right, size_class: str | None) -> None:
        self.inside[number] = right
        if size_class is not None:
            self.used[size_class] += 1
        self.tell(_put(right, number, size_class))

    def hand_out(self, number: int) -> None:
        """Let a resident take a parcel out; a drop-off is none of his, nor what has no code yet."""
        right = self.inside[number]
        if right.kind == "allowance":
            codes = [one for one in self.known.values() if one.parcel_id == right.parcel_id]
            right = next((one for one in codes if one.kind == "collect"), right)
        if right.kind in ("drop_off", "allowance"):
            return
        assert right.parcel_id is not None
        self._empty(number)
        self.tell(
            events.Collected(
                parcel_id=right.parcel_id, right_id=right.id, compartment=number, evidence="door"
            )
        )

    def sweep(self) -> None:
        """Let a courier take out all that he may."""
        for right in [one for one in self.known.values() if one.kind == "remove"]:
            lying = [n for n, one in self.inside.items() if one.parcel_id == right.parcel_id]
            for number in lying:
                assert right.parcel_id is not None
                self._empty(number)
                self.tell(
                    events.Removed(
                        parcel_id=right.parcel_id,
                        right_id=right.id,
                        compartment=number,
                        evidence="door",
                    )
                )

    def _empty(self, number: int) -> None:
        gone = self.inside.pop(number)
        self.known = {k: one for k, one in self.known.items() if one.parcel_id != gone.parcel_id}


def demand_of(right: messages.Right) -> Demand:
    """Return what a right asks of a compartment; a unit's box may be turned."""
    if right.kind == "allowance":
        return Demand(min(right.w_mm, right.h_mm, right.d_mm), is_low=False)
    return Demand(right.h_mm, "low" in right.needs)


def _holds(right: messages.Right) -> bool:
    """Say whether room is kept for it."""
    return right.kind == "claim" and right.hold == "hard"


def _put(right: messages.Right, number: int, size_class: str | None) -> events.Event:
    assert right.parcel_id is not None
    if right.kind == "drop_off":
        assert size_class is not None
        return events.DroppedOff(
            parcel_id=right.parcel_id,
            right_id=right.id,
            allowance_class=size_class,
            compartment=number,
            evidence="door",
        )
    assert right.carrier_id is not None
    is_told = right.kind != "allowance"
    return events.Deposited(
        parcel_id=right.parcel_id,
        carrier_id=right.carrier_id,
        label=None if is_told else f"opaque:X{right.parcel_id}",
        label_mac=right.label_macs[0] if is_told else None,
        compartment=number,
        right_id=right.id if is_told else None,
        allowance_class=size_class,
        evidence="door",
    )


def _now() -> Moment:
    return Moment(datetime.now(UTC))
