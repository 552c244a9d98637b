"""The lives as tables: every state with every act is reviewed, and every edge event is applied."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels import machine
from fellesskap_backend.parcels.machine import EDGE_ACTS, HELD, OUR_ACTS, TABLES, Step
from fellesskap_backend.parcels.moving import EFFECTS
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.rights import service as rights
from fellesskap_protocol import events, messages
from tests.backend.api import Api
from tests.backend.lives import Lives
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "lives.txt"
DOC = Path(__file__).parents[2] / "docs/events.md"
ENDS = {"last_mile": ("collected", "removed", "lost"), "drop_off": ("picked_up", "lost")}


def _words(step: Step | None, otherwise: str) -> str:
    if step is None:
        return otherwise
    late = " (late)" if step.late else ""
    effects = ", ".join(step.effects) or "nothing"
    return f"{step.to}{late} | {step.entry or '-'} | {step.notice or '-'} | {effects}"


def _rows() -> Iterator[str]:
    yield "# state: act -> next state | line of history | notice | effects on places and rights"
    for kind, table in TABLES.items():
        for state in table:
            yield f"\n## {kind}, {state}"
            for act in (*EDGE_ACTS, *OUR_ACTS):
                otherwise = "kept as unapplied" if act in EDGE_ACTS else "refused"
                step = machine.step_of(kind, state, act)
                yield f"{act:<19} -> {_words(step, otherwise)}"
    for state, steps in machine.RESERVATION.items():
        yield f"\n## reservation, {state}"
        for act in machine.RESERVATION_ACTS:
            step = steps.get(act)
            found = "refused" if step is None else step.to + (" (late)" if step.late else "")
            yield f"{act:<19} -> {found}"


def test_every_state_with_every_act_is_as_reviewed() -> None:
    assert_golden(GOLDEN, "\n".join(_rows()) + "\n")


def test_tables_name_only_states_acts_and_effects_that_there_are() -> None:
    for table in TABLES.values():
        for steps in table.values():
            assert set(steps) <= {*EDGE_ACTS, *OUR_ACTS}
            assert {step.to for step in steps.values()} <= set(table)
            assert {effect for step in steps.values() for effect in step.effects} <= set(EFFECTS)


def test_custody_ends_with_every_right_taken_away_and_begins_with_a_place() -> None:
    for kind, table in TABLES.items():
        for state, act in itertools.product(table, (*EDGE_ACTS, *OUR_ACTS)):
            step = machine.step_of(kind, state, act)
            if step is None or step.to == state:
                continue
            if step.to in ENDS[kind] and act != "give_up":  # who stands there may still collect
                assert {"forget", "revoke"} & set(step.effects), (state, act)
            if state not in HELD and step.to in machine.CLOCK_RUNS:
                assert {"occupy", "begin_clock"} <= set(step.effects), (state, act)


def test_every_notice_is_documented() -> None:
    text = DOC.read_text()
    steps = [
        step for table in TABLES.values() for cells in table.values() for step in cells.values()
    ]
    for kind in {step.notice for step in steps if step.notice}:
        assert f"`{kind}`" in text, kind


# Every state with every event, through the ledger ------------------------------------------------


def _event(act: str, parcel: Parcel, compartment: int) -> events.Event:
    right: dict[str, Any] = {"right_id": str(parcel.right_id)}
    taken: dict[str, Any] = {
        **right,
        "parcel_id": str(parcel.id),
        "compartment": compartment,
        "evidence": "door",
    }
    carrier: dict[str, Any] = {"carrier_id": str(parcel.carrier_id)}
    made: dict[str, Any] = {
        "deposited": lambda: events.Deposited(**taken, **carrier, label_mac="m"),
        "dropped_off": lambda: events.DroppedOff(**taken, allowance_class="S"),
        "collected": lambda: events.Collected(**taken),
        "removed": lambda: events.Removed(**taken),
        "delivery_failed": lambda: events.DeliveryFailed(**right, reason="no_room"),
        "upsized": lambda: events.Upsized(**right, from_=compartment, to=compartment),
    }
    if act.startswith("reported_"):
        what: Any = act.removeprefix("reported_")
        return events.Reported(what=what, compartment=compartment, parcel_id=str(parcel.id))
    built: events.Event = made[act]()
    return built


CASES = [
    (kind, state, act)
    for kind, table in TABLES.items()
    for state in table
    for act in EDGE_ACTS
    if act != "displaced"
]


def test_every_edge_event_is_applied_in_every_state_to_which_we_may_have_moved(api: Api) -> None:
    house = Lives(api, doors=len(CASES))
    carrier_id = UUID(house.carrier_id)
    parcels = [
        Parcel(
            id=uuid4(),
            kind=kind,
            carrier_id=carrier_id,
            locker_id="oslo-1",
            right_id=uuid4(),
            state=state,
            compartment=number if state in (*HELD, "lost") else None,
            deposited_at=datetime.now(UTC),
            collect_within_s=3_600,
            created_at=datetime.now(UTC),
        )
        for number, (kind, state, _) in enumerate(CASES, start=1)
    ]

    def put(session: Any) -> None:
        locker = session.get(Locker, "oslo-1")
        for number, parcel in enumerate(parcels, start=1):
            kind: Any = "drop_off" if parcel.kind == "drop_off" else "collect"
            right = messages.Right(id=str(parcel.right_id), kind=kind)
            rights.wish(session, locker, right)
            if parcel.state in HELD:
                place = session.get(Compartment, ("oslo-1", number))
                place.content, place.parcel_id = "parcel", parcel.id
        session.add_all(parcels)

    api.change(put)
    said = [
        _event(act, parcel, number)
        for number, ((_, _, act), parcel) in enumerate(zip(CASES, parcels, strict=True), start=1)
    ]
    first = len(house.locker.stored) + 1
    house.tell(*said[: len(said) // 2])
    house.tell(*said[len(said) // 2 :])
    unapplied = house.unapplied()
    after = {row.id: row.state for row in api.rows(Parcel)}
    for place, ((kind, state, act), parcel) in enumerate(zip(CASES, parcels, strict=True)):
        step = machine.step_of(kind, state, act)
        if step is None:
            assert unapplied.pop(first + place) == "a parcel of another kind", (kind, state, act)
        assert after[parcel.id] == (step.to if step else state), (kind, state, act)
    assert unapplied == {}
    assert api.count(DropOff) == 0


@pytest.mark.parametrize("kind", TABLES)
def test_a_parcel_of_which_nothing_is_known_moves_nowhere(kind: str) -> None:
    assert machine.step_of(kind, "nowhere", "collected") is None
