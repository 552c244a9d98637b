"""What is judged when a life is over: no secret left it, decisions stand, nothing is in limbo.

The history itself is judged as it grows, by `tests.judge`; here is what no single history shows.
"""

import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fellesskap_backend import db
from fellesskap_backend.parcels.machine import TABLES
from fellesskap_backend.receipts.replaying import Replay
from fellesskap_protocol.events import AnyEvent, DoorClosed, DoorOpened, Pulsed
from fellesskap_protocol.messages import MalformedMessage, Right, decode, decode_event
from tests.judge import history
from tests.simulation import rivals, secrecy

if TYPE_CHECKING:
    from tests.simulation.life import Life

DONE = (
    "cancelled",
    "expired",
    "diverted",
    "collected",
    "removed",
    "picked_up",
    "lost",
    "delivery_failed",
)
"""States in which nobody waits for anything."""
FIRST = {"last_mile": "expected", "drop_off": "authorised"}


def breaks(life: "Life") -> Iterator[str]:
    """Yield what is wrong at the end."""
    yield from (f"{one.invariant} {one.words}" for one in life.judge.breaches)
    yield from life.seen
    yield from rivals.strangers(life)
    yield from secrecy.leaks(life)
    yield from decisions(life)
    yield from limbo(life)


def bug(error: Exception) -> str:
    """Say what ended a life that no breach ended: a bug of ours, of product or world."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    said = f"bug {type(error).__name__}: {error}"
    return f"{said} in {Path(where.filename).name}:{where.lineno}"


def decisions(life: "Life") -> Iterator[str]:
    """I15: the same inputs and policy version give the same decision."""
    home = life.world.installation
    found = db.read(home.engine, lambda session: Replay(session, home.secrets).run())
    yield from (f"I15 {one}" for one in found["altered"])


def limbo(life: "Life") -> Iterator[str]:
    """Liveness, as the rows have it: all is recorded, every right applied, nothing waits."""
    eye = life.world.installation.eye
    for locker_id, wanted, applied in eye.execute(
        "SELECT id, generation || '/' || revision, applied_generation || '/' || applied_revision "
        "FROM lockers WHERE quarantined_at IS NULL ORDER BY id"
    ).fetchall():
        if wanted != applied:
            yield f"liveness {locker_id}: rights {wanted} are wished, {applied} applied"
        cabinet = life.world.cabinets[locker_id]
        if cabinet.drive is None:
            yield f"liveness {locker_id}: its daemon does not run"
        elif cabinet.drive.uplink.acked_seq < cabinet.journal.head_seq - 1:
            yield f"liveness {locker_id}: its journal is not recorded"
    quarantined = {
        row[0]
        for row in eye.execute("SELECT id FROM lockers WHERE quarantined_at IS NOT NULL").fetchall()
    }
    for parcel_id, locker_id, state in eye.execute(
        "SELECT id, locker_id, state FROM parcels ORDER BY id"
    ).fetchall():
        if state not in DONE and locker_id not in quarantined:
            yield f"liveness parcel {parcel_id} at {locker_id} is {state} for good"


def comparable(life: "Life") -> bool:
    """Say whether rows and lockers can be compared at all."""
    back = life.world.chronicle.faults["disk", "backup put back"]
    return life.world.installation.up and not back


def unheld(life: "Life") -> Iterator[str]:
    """Yield which rights a locker lacks, or has otherwise, of the revision that it says it applied.

    An allowance of an earlier store may still be in the rows, and in those of an old backup
    anything may be.
    """
    home = life.world.installation
    if not comparable(life):
        return
    for name, cabinet in life.world.cabinets.items():
        if cabinet.drive is None:
            continue
        controller = cabinet.drive.controller
        for (body,) in home.eye.execute(
            "SELECT body FROM rights JOIN lockers ON lockers.id = locker_id WHERE locker_id = ? "
            "AND NOT removed AND rights.revision <= ? AND generation = ? ORDER BY rights.id",
            (name, controller.position.revision, controller.position.generation),
        ).fetchall():
            wished = decode(Right, body)
            held = controller.rights.get(wished.id)
            if wished.kind == "allowance":
                continue
            if held is None:
                yield f"liveness {name}: it does not hold {wished.kind} {wished.id}"
            elif held.code_mac != wished.code_mac or (wished.revoked and not held.revoked):
                yield f"liveness {name}: {wished.kind} {wished.id} is not as it is wished"


def freed_early(life: "Life") -> Iterator[str]:
    """Yield what was taken away and is room again before its locker said that it applied that."""
    home = life.world.installation
    if not comparable(life):
        return
    for name, parcel_id, revision in home.eye.execute(
        "SELECT claims.locker_id, parcels.id, released_at_revision FROM claims "
        "JOIN parcels ON parcels.right_id = claims.right_id WHERE released "
        "AND released_at_revision IS NOT NULL "  # a soft one never held any
        "AND state IN ('cancelled', 'expired', 'diverted') AND NOT EXISTS (SELECT 1 FROM ledger "
        "WHERE ledger.locker_id = claims.locker_id AND type = 'rights_applied' "
        "AND CAST(body AS TEXT) ->> 'revision' >= released_at_revision) ORDER BY parcels.id"
    ).fetchall():
        yield f"I2 {name}: room of {parcel_id} is free before {revision} is applied"


def judged(life: "Life") -> Counter[tuple[str, str]]:
    """Count what was judged, without excuse: as it grew, on the way, and at the end."""
    (decided,) = life.world.installation.eye.execute("SELECT count(*) FROM decisions").fetchone()
    return life.judge.judged + Counter(
        {
            ("I2", "freed_early"): life.compared,
            ("I10", "strangers"): len(life.world.left.told),
            ("I11", "leaks"): len(secrecy.secrets(life)),
            ("I15", "decisions"): decided,
            ("liveness", "unheld"): life.compared,
        }
    )


def pairs(life: "Life") -> set[tuple[str, str]]:
    """Return which states met which events: of parcels, and of doors in operation."""
    eye = life.world.installation.eye
    found: set[tuple[str, str]] = set()
    states: dict[bytes, tuple[str, str]] = {}
    for parcel_id, kind in eye.execute("SELECT id, kind FROM parcels").fetchall():
        states[parcel_id] = (kind, FIRST[kind])
    for parcel_id, what in eye.execute(
        "SELECT parcel_id, what FROM parcel_history ORDER BY id"
    ).fetchall():
        kind, state = states.get(parcel_id, ("last_mile", "expected"))
        for act, step in TABLES[kind].get(state, {}).items():
            if step.entry == what:
                found.add((f"{kind} {state}", act))
                states[parcel_id] = (kind, step.to)
                break
    return found | _of_doors(life)


def _of_doors(life: "Life") -> set[tuple[str, str]]:
    before: dict[tuple[str, int], str] = {}
    found: set[tuple[str, str]] = set()
    for record in life.world.chronicle.records:
        if isinstance(record, history.Journalled):
            try:
                event: AnyEvent = decode_event(record.event)
            except MalformedMessage:
                continue
            number = getattr(event, "compartment", None)
            if number is not None:
                name = type(event).__name__
                at = (record.locker, number)
                found.add((f"door after {before.get(at, 'nothing')}", name))
                if isinstance(event, Pulsed | DoorOpened | DoorClosed):
                    before[at] = name
    return found


def content(life: "Life") -> dict[str, int]:
    """Count parcels put in, and door operations, by the journals, until the calm begins."""
    kinds = {"parcels": 0}
    operations: set[str] = set()
    for record in life.world.chronicle.records:
        if isinstance(record, history.Calm):
            break
        if isinstance(record, history.Journalled):
            try:
                event = decode_event(record.event)
            except MalformedMessage:
                continue
            if type(event).__name__ in ("Deposited", "DroppedOff"):
                kinds["parcels"] += 1
            if isinstance(event, Pulsed):
                operations.add(event.authorisation_id)
    return kinds | {"operations": len(operations)}
