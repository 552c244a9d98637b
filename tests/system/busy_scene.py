"""Everybody and everything on the stage of the busy visit (`tests.system.busy`)."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.console import Console

from fellesskap_edge.journal_reader import read
from tests.system.brokers import Broker
from tests.system.facts import Facts
from tests.system.house import Installation, Locker
from tests.system.overheard import Overheard
from tests.system.receiver import Receiver

Json = dict[str, Any]
console = Console(highlight=False)


@dataclass
class Parcel:
    """One parcel of the visit."""

    label: str
    carrier: httpx.Client
    receiver: Receiver
    id: str = ""
    code: str | None = None
    low: bool = False
    """Whether it was reserved for a door within reach from a wheelchair."""
    decided: bool = False
    """Whether a door was reserved for it; else it came unannounced, by badge."""


@dataclass
class Scene:
    """Everybody and everything on stage."""

    house: Installation
    locker: Locker
    broker: Broker
    carriers: dict[str, tuple[httpx.Client, Receiver, Json]]
    facts: Facts
    overheard: Overheard
    parcels: list[Parcel] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    offline_pickups: int = 0
    unequal: list[str] = field(default_factory=list)

    def say(self, what: str) -> None:
        """Print what happens now."""
        console.print(f"[bold]{time.monotonic() - self.began:6.1f} s[/]  {what}")

    def __post_init__(self) -> None:
        self.began = time.monotonic()


def state(parcel: Parcel) -> str:
    """Return what the API tells its carrier."""
    answer: str = parcel.carrier.get(f"/v1/parcels/{parcel.id}").json()["state"]
    return answer


def rows(scene: Scene) -> Iterator[Json]:
    """Read the journal beside the daemon that writes it."""
    for row in read(scene.locker.folder / "state" / "journal.sqlite").events:
        yield {"seq": row.seq, "type": row.type, **row.said}
