"""Decisions of `fair-share` as their bodies are written, made by hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.record import canonical, digest, layout, spans
from fellesskap_protocol.capacity import SIZE_CLASSES, Compartment
from fellesskap_protocol.events import GENESIS

Json = dict[str, Any]
DAY = datetime(2026, 3, 10, tzinfo=UTC)
POLICY = FairShare(
    in_force_from=DAY, guaranteed_permille=1_000, entrant_permille=0, accessible_permille=0
)
BOX = {one.name: [one.w_mm, one.h_mm, one.d_mm, 900, []] for one in SIZE_CLASSES}
MORNING, NOON = 9 * 60, 12 * 60


def carrier(number: int) -> UUID:
    return UUID(int=(7 << 76) + number)


def doors(count: int, size: str = "S") -> list[Compartment]:
    box = next(one for one in SIZE_CLASSES if one.name == size)
    return [
        Compartment(
            number=number,
            width_mm=box.w_mm,
            height_mm=box.h_mm,
            depth_mm=box.d_mm,
            floor_mm=1300,
            top_mm=1400,
            max_g=20_000,
        )
        for number in range(1, count + 1)
    ]


@dataclass
class Writer:
    """One locker's log; what is taken and what lies there is said by the test."""

    every: list[Compartment]
    weights: dict[int, int]
    quota: dict[int, int]
    locker_id: str = "oslo-1"
    begins: datetime = DAY
    rows: list[Json] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    usable: set[int] = field(default_factory=set)
    lying: list[list[Any]] = field(default_factory=list)
    _hash: str = GENESIS

    def __post_init__(self) -> None:
        self.usable = {one.number for one in self.every}

    def say(self, who: int, outcome: str = "confirmed", **said: Any) -> str:
        """Write one decision down; return its body."""
        number, size = len(self.rows) + 1, said.pop("size", "S")
        minute, used = said.pop("minute", MORNING), said.pop("used", 0)
        at = self.begins + timedelta(minutes=minute, seconds=number)
        made = Moment(at, lambda count: number.to_bytes(count, "big"))
        written = layout(self.every)
        rulebook = {
            "policy": msgspec.json.decode(POLICY.model_dump_json()),
            "day": "2026-03-10",
            "carriers": [[one, weight, 0, 0, 0, 0, 0] for one, weight in self.weights.items()],
            "quotas": None,
        }
        basis: Json = {
            "layout": digest(canonical(written)),
            "usable": spans(self.usable),
            "older": [],
            "allowances": [],
            "claims": spans(self.live),
            "rules": digest(canonical(rulebook)),
            "minute": minute,
            "uses": [],
            "lying": self.lying,
        }
        if number == 1:
            basis |= {"compartments": written, "rulebook": rulebook}
        confirmed = outcome == "confirmed"
        body = canonical(
            {
                "id": str(made.new_id()),
                "locker_id": self.locker_id,
                "number": number,
                "prev": self._hash,
                "at": instant(at),
                "policy": "fair-share v1",
                "carrier_id": str(carrier(who)),
                "carrier": str(who),
                "request": {"box": BOX[size], "hold": "hard", "is_duplicate": False},
                "basis": basis,
                "position": {"epoch": None, "acked_seq": 0, "generation": 1, "revision": number},
                "outcome": outcome,
                "part": None,
                "use": size if confirmed else None,
                "quota": self.quota[who],
                "used": used,
                **said,
            }
        ).decode()
        self._hash = digest(body.encode())
        if confirmed:
            self.live.append(number)
        row = {"locker_id": self.locker_id, "number": number, "decided_at": at, "body": body}
        self.rows.append(row | {"id": made.new_id(), "carrier_id": carrier(who)})
        return body
