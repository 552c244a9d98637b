"""The busy visit's verdict is worth something: each check fails when its record is changed."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.system.busy import busy
from tests.system.busy_verdict import CHECKS, Visit

Json = dict[str, Any]
AUTHORISED: Json = {
    "type": "presented",
    "kind": "label",
    "outcome": "authorised",
    "authorisation_id": "x",
    "right_id": "r",
    "compartment": 1,
}
PULSED: Json = {"type": "pulsed", "authorisation_id": "x", "compartment": 1, "attempt": 1}
OPENED: Json = {"type": "door_opened", "authorisation_id": "x", "compartment": 1}
DEPOSITED: Json = {"type": "deposited", "parcel_id": "p", "right_id": "r", "compartment": 1}
TAKEN: Json = {"type": "collected", "parcel_id": "p", "right_id": "r", "compartment": 1}
PULSE: Json = {"compartment": 1, "mono_s": 5.0, "on_ms": 300.0}
STAMPED: tuple[Json, ...] = ({**PULSED, "at": "2026-11-25T12:00:00", "mono_ms": 4990},)
EVENTS = (AUTHORISED, PULSED, OPENED, DEPOSITED)
GOOD = Visit(
    events=EVENTS,
    pulses=(PULSE,),
    doors=({"compartment": 1, "open": False, "full": True},),
    recorded=EVENTS,
    parcels={"p": "deposited"},
    low=frozenset({1}),
    wants_low=frozenset({"p"}),
    offline_pickups=1,
    stamped=STAMPED,
    supplies={1: "a", 2: "a"},
    overheard=1,
    reservations=1,
    decisions=1,
)
SERVED: Json = {
    "type": "serving",
    "at": "2026-11-25T12:15:00",
    "from": "2026-11-25T12:00:00",
    "to": "2026-11-25T12:15:00",
}
COMMAND: Json = {**AUTHORISED, "kind": "command"}
BAD: dict[str, list[Visit]] = {
    "I1": [
        replace(GOOD, events=(*EVENTS, DEPOSITED)),
        replace(GOOD, events=(*EVENTS, TAKEN, TAKEN)),
        replace(GOOD, doors=({"compartment": 2, "open": False, "full": True},)),
    ],
    "I2": [replace(GOOD, events=(*EVENTS, {"type": "overcommitted", "right_ids": ["r"]}))],
    "I3": [
        replace(GOOD, pulses=(PULSE, PULSE)),
        replace(GOOD, pulses=({**PULSE, "compartment": 2},)),
        replace(GOOD, events=EVENTS[1:]),
        replace(GOOD, stamped=({**STAMPED[0], "mono_ms": 5001},)),
    ],
    "I4": [
        replace(GOOD, events=(*EVENTS, PULSED)),
        replace(GOOD, events=(AUTHORISED, *[PULSED] * 4)),
    ],
    "I5": [replace(GOOD, events=(*EVENTS, TAKEN, AUTHORISED))],
    "I6": [replace(GOOD, events=(*EVENTS, COMMAND))],
    "I7": [replace(GOOD, recorded=EVENTS[:-1]), replace(GOOD, recorded=EVENTS[::-1])],
    "I8": [replace(GOOD, parcels={"p": "expected"})],
    "I9": [replace(GOOD, unequal=("k",))],
    "I10": [replace(GOOD, strangers=("s",))],
    "I11": [replace(GOOD, leaks=("l",)), replace(GOOD, overheard=0)],
    "I12": [replace(GOOD, offline_pickups=0)],
    "I13": [replace(GOOD, low=frozenset({2}))],
    "I14": [
        replace(GOOD, pulses=({**PULSE, "on_ms": 320.1},)),
        replace(GOOD, pulses=(PULSE, {**PULSE, "compartment": 2, "mono_s": 5.2})),
    ],
    "I15": [replace(GOOD, altered=("d",)), replace(GOOD, decisions=0)],
    "I16": [
        replace(GOOD, stamped=(*STAMPED, SERVED, SERVED)),
        replace(GOOD, stamped=(*STAMPED, {**SERVED, "from": "2026-11-25T11:59:00"})),
        replace(GOOD, stamped=(*STAMPED, {**SERVED, "at": "2026-11-25T12:14:00"})),
    ],
}


def test_a_good_visit_is_found_good() -> None:
    assert {name: check(GOOD) for name, check in CHECKS.items() if check(GOOD)} == {}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_finds_a_changed_record(name: str) -> None:
    for visit in BAD[name.split(maxsplit=1)[0]]:
        assert CHECKS[name](visit), name


@pytest.mark.full
def test_a_busy_visit_holds_every_invariant(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    begun = time.monotonic()
    assert busy(tmp_path)
    record_property("busy_visit_s", round(time.monotonic() - begun))
