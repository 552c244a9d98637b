"""Folds the records that are no journal entries into the judge's state; those: `fold_journal`;
plant and faults: `fold_plant`.

Judges nothing, and believes nothing to be in order: a history with a wrong line must not end it.
"""

from collections.abc import Callable
from typing import Any

from fellesskap_protocol.events import Collected, Removed
from tests.judge import fold_plant, history
from tests.judge.state import Change, Epoch, Feed, Keyed, Parcel, Place, Question, World

AT_A_LOCKER = ("scan", "show_badge", "type_code", "show_qr")
MAKES = ("reserve", "manifest", "drop_off")
TERMS = {"extend": ("collect_within_s", min), "patch": ("deposit_by_s", max)}
"""What acts set anew, and what holds of the new and the old where nobody knows which it is."""
RESERVATION_OF = {
    "reservation.confirmed": "confirmed",
    "reservation.cancelled": "cancelled",
    "reservation.expired": "expired",
    "reservation.diverted": "diverted",
    "parcel.deposited": "fulfilled",
}
FACT_OF = {
    "parcel.deposited": "deposited",
    "parcel.dropped_off": "deposited",
    "parcel.collected": "collected",
    "parcel.removed": "removed",
    "parcel.picked_up": "removed",
}
"""What an event that a carrier got says for good."""


def locker(world: World, record: history.Locker) -> None:
    """Begin a place, or take in that its hardware is another."""
    boxes = {one.number: one for one in record.compartments}
    place = world.places.get(record.locker)
    if place is None:
        place = Place(record.locker, record, boxes)
        world.places[record.locker] = place
    place.spec, place.boxes = record, boxes
    for number in boxes:
        place.service.setdefault(number, "in")
    place.room_moved = True


# Questions and answers ---------------------------------------------------------------------------


def asked(world: World, record: history.Asked) -> None:
    """Remember a question until it is answered."""
    if record.act in AT_A_LOCKER:
        _shown(world, record)
        return
    world.questions[record.op] = Question(record, world.line)
    fresh = not record.key or key_of(record) not in world.keyed
    units = len(_wanted(record)) or 1
    if fresh and record.act == "open_door":
        world.opens_asked += 1
    if fresh and record.act in ("reserve", "manifest"):
        world.open_units += units
    if fresh and record.key:
        world.keyed[key_of(record)] = Keyed(record.body, units=units)


def key_of(record: history.Asked) -> tuple[str, str, str, str]:
    """Return under what an answer is kept: a key is its tenant's, for one operation."""
    return record.who, record.act, record.target, record.key


def _wanted(record: history.Asked) -> list[dict[str, Any]]:
    """Return what a question asks to be made, one body a parcel."""
    if record.act == "manifest":
        return [one for one in listed(record.body.get("parcels")) if isinstance(one, dict)]
    return [record.body] if record.act in MAKES else []


def listed(value: object) -> list[Any]:
    """Return what should be a list as one, whatever it is."""
    return list(value) if isinstance(value, list | tuple) else []


def _shown(world: World, record: history.Asked) -> None:
    place = world.places.get(record.target)
    if place is None:
        return
    for mac in macs_of(record):
        place.shown[mac] = record.at
    jti = record.body.get("jti")
    if record.act == "show_badge" and isinstance(jti, str):
        place.badges[jti] = (bool(record.body.get("holds", True)), record.at)
    if len(place.shown) > 4096:
        newest = sorted(place.shown.items(), key=lambda one: one[1])[2048:]
        place.shown = dict(newest)


def macs_of(record: history.Asked) -> list[str]:
    """Return the MACs of what was presented."""
    return [one for one in listed(record.body.get("macs")) if isinstance(one, str)]


def answered(world: World, record: history.Answered) -> None:
    """Take in what an answer promises."""
    question = world.questions.pop(record.op, None)
    if question is None:
        return
    ask = question.asked
    keyed = world.keyed.get(key_of(ask)) if ask.key else None
    if keyed is not None and keyed.first is None and is_kept(record):
        keyed.first, keyed.body = record, ask.body
        if ask.act in ("reserve", "manifest"):
            world.open_units -= keyed.units
    if record.outcome == "ok":
        if ask.act in MAKES:
            _made(world, ask, record)
        else:
            _acted(world, ask, record)
    elif record.outcome == "unknown" and ask.act in TERMS:
        _new_term(world, ask, perhaps=True)


def is_kept(record: history.Answered) -> bool:
    """Say whether an answer is one that its key gives again: 422, 404 and the like are not."""
    return record.outcome == "ok" or (record.outcome == "fail" and record.status in (409, 410))


def made_of(record: history.Answered) -> list[dict[str, Any]]:
    """Return what an answer says was made, one body a parcel; what it refused is left out."""
    rows = listed(record.body.get("parcels")) or [record.body]
    return [
        row
        for row in rows
        if isinstance(row, dict)
        and isinstance(row.get("parcel_id"), str)
        and row.get("state", "confirmed") != "rejected"
        and (not isinstance(row.get("status"), int) or row["status"] < 300)
    ]


def _made(world: World, ask: history.Asked, record: history.Answered) -> None:
    wanted = _wanted(ask)
    by_label = {str(one.get("label")): one for one in wanted}
    for row in made_of(record):
        want = by_label.get(str(row.get("label"))) or (wanted[0] if len(wanted) == 1 else {})
        carrier = ask.who.removeprefix("carrier:")
        world.answered.add(row["parcel_id"])
        world.unasked.discard(row["parcel_id"])
        if row.get("state") == "requested":
            continue
        parcel = world.parcel(row["parcel_id"])
        if "reserved" in parcel.facts:
            continue
        _promise(parcel, want, carrier, ask.at)
        parcel.facts["reserved"] = world.line
        if ask.act != "drop_off":
            parcel.reservation = parcel.reservation or "confirmed"


def _promise(parcel: Parcel, want: dict[str, Any], carrier: str, at: float) -> None:
    parcel.carrier, parcel.asked_at = carrier, at
    parcel.locker = str(want.get("locker", ""))
    parcel.hold = str(want.get("hold", "hard"))
    parcel.needs = frozenset(str(one) for one in listed(want.get("needs")))
    parcel.deposit_by_s = seconds(want, "deposit_by_s")
    if parcel.collect_within_s is None:
        parcel.collect_within_s = seconds(want, "collect_within_s")


def seconds(body: dict[str, Any], name: str) -> float | None:
    """Return a number of a body, if it is one."""
    value = body.get(name)
    return float(value) if isinstance(value, int | float) else None


def _acted(world: World, ask: history.Asked, record: history.Answered) -> None:
    parcel = world.parcels.get(ask.target)
    match ask.act:
        case "cancel" if parcel is not None:
            parcel.facts["cancelled"] = world.line
            parcel.reservation = "cancelled"
        case "recall" | "dispute" if parcel is not None:
            parcel.facts[ask.act] = world.line
        case "extend" | "patch":
            _new_term(world, ask, perhaps=False)
        case "look":
            looked(world, record)
        case "open_door":
            operation = record.body.get("operation_id")
            if isinstance(operation, str):
                world.operations.setdefault(operation, ("issued", record.at))


def _new_term(world: World, ask: history.Asked, *, perhaps: bool) -> None:
    """Take in how long a parcel may lie or be awaited."""
    parcel = world.parcels.get(ask.target)
    name, of_both = TERMS[ask.act]
    asked = seconds(ask.body, name)
    if parcel is None or asked is None:
        return
    known = getattr(parcel, name)
    setattr(parcel, name, of_both(asked, known) if perhaps and known is not None else asked)


def looked(world: World, record: history.Answered) -> None:
    """Take in a state that somebody saw."""
    state = record.body.get("state")
    operation, parcel_id = record.body.get("operation_id"), record.body.get("parcel_id")
    if isinstance(operation, str) and isinstance(state, str):
        world.operations[operation] = (state, record.at)
    elif isinstance(parcel_id, str) and isinstance(state, str):
        parcel = world.parcel(parcel_id)
        parcel.state = state
        parcel.reservation = str(record.body.get("reservation") or parcel.reservation)


def delivered(world: World, record: history.Delivered) -> None:
    """Take in what a carrier was told."""
    known = world.feeds.setdefault(record.carrier, Feed())
    if record.via == "webhook":
        told = world.hooked.setdefault((record.carrier, record.parcel_id), set())
        told.add(record.position)
        known.hooked.add(record.event_id)
    if record.via == "feed":
        known.leaps -= bool(known.leaps and known.last and record.position > known.last + 1)
        known.last, known.read_at = max(known.last, record.position), record.at
    known.events.setdefault(record.position, record.event_id)
    parcel = world.parcel(record.parcel_id)
    parcel.told.add(record.type)
    if record.type == "reservation.confirmed" and record.parcel_id not in world.answered:
        world.unasked.add(record.parcel_id)
    late = record.type == "parcel.deposited"
    if record.type in RESERVATION_OF and (late or parcel.reservation in ("", "confirmed")):
        parcel.reservation = RESERVATION_OF[record.type]
    if record.type in FACT_OF:
        parcel.facts.setdefault(FACT_OF[record.type], world.line)
    if record.type in ("parcel.disputed", "parcel.resolved", "parcel.adopted"):
        parcel.facts["dispute"] = world.line


# What the backend says to lockers ----------------------------------------------------------------


def sent(world: World, record: history.Sent) -> None:
    """Collect the parts of a change."""
    place, rights = world.places.get(record.locker), record.rights
    if place is None:
        return
    name = (rights.epoch, rights.generation, rights.from_, rights.to)
    change = place.changes.get(name)
    if change is None or change.parts != rights.parts:
        change = place.changes[name] = Change(rights.parts)
    change.heard[rights.part] = rights


def commanded(world: World, record: history.Commanded) -> None:
    """Remember what was signed."""
    if not record.stolen and record.command.kind == "open_door":
        world.opens_signed.add(record.command.jti)
    place = world.places.get(record.locker)
    if place is not None:
        place.commands[record.command.jti] = record.command
        if record.stolen:
            place.stolen.add(record.command.jti)


def challenged(world: World, record: history.Challenged) -> None:
    """Remember which boot gave out a challenge, and when."""
    place = world.places.get(record.locker)
    if place is not None:
        place.challenges.setdefault(record.challenge, (record.boot_id, record.at))


def badged(world: World, record: history.Badged) -> None:
    """Remember a badge and where it is good."""
    world.badges[record.badge.jti] = (
        record.badge,
        frozenset(record.badge.lockers) | frozenset(record.sites),
    )


def acked(world: World, record: history.Acked) -> None:
    """Take in where the backend says that it stands."""
    epoch = epoch_of(world, record.locker, record.epoch)
    if epoch is None:
        return
    if record.verdict == "ok":
        epoch.acked, epoch.refusals = max(epoch.acked, record.seq), 0
    else:
        epoch.closed = True
        epoch.refusals += 1


def epoch_of(world: World, name: str, epoch: str) -> Epoch | None:
    """Return what is known of one store's journal; None if of none such."""
    place = world.places.get(name)
    return None if place is None else place.epochs.get(epoch)


def gap(world: World, record: history.Gap) -> None:
    """Take in that the ledger says what is lost."""
    epoch = epoch_of(world, record.locker, record.epoch)
    if epoch is not None:
        for seq in range(epoch.recorded + 1, min(record.last, epoch.head) + 1):
            epoch.unrecorded.pop(seq, None)
        stands = 0 if epoch.rewound else epoch.recorded
        epoch.recorded, epoch.recorded_hash = max(stands, record.last), ""
        epoch.furthest = max(epoch.furthest, record.last)
        epoch.rewound = False


def restored(world: World, record: history.Restored) -> None:
    """Take in that a part forgot what came after a moment."""
    known_at = float("-inf") if record.to is None else record.to
    if record.part == "backend":
        world.restored_at = record.at
        for parcel in world.parcels.values():
            parcel.unsure = True
        for one in world.feeds.values():
            one.leaps, one.events = one.leaps + 1, {}
        world.keyed.clear()
        world.hooked.clear()
        for place in world.places.values():
            place.recording = ""
            for epoch in place.epochs.values():
                epoch.acked, epoch.rewound, epoch.over = 0, True, False
        return
    found = world.places.get(record.part.removeprefix("edge:"))
    if found is None:
        return
    found.copy_at = record.at
    found.guesses.clear()
    if known_at > float("-inf"):
        found.blurred = found.custody_blurred = True
        found.service = dict.fromkeys(found.service, "")
        for epoch in found.epochs.values():
            epoch.branched = True
            found.forgotten |= {
                event.parcel_id: event.right_id
                for _, event, written_at in epoch.unrecorded.values()
                if isinstance(event, Collected | Removed) and written_at > known_at
            }


def calm(world: World, record: history.Calm) -> None:
    """Take in that the faults are over."""
    world.calm, world.calm_line = record, world.line


FOLDS: dict[type[history.Record], Callable[[World, Any], None]] = {
    history.Locker: locker,
    history.Asked: asked,
    history.Answered: answered,
    history.Delivered: delivered,
    history.Sent: sent,
    history.Commanded: commanded,
    history.Challenged: challenged,
    history.Badged: badged,
    history.Acked: acked,
    history.Gap: gap,
    history.Restored: restored,
    history.Coil: fold_plant.coil,
    history.Door: fold_plant.door,
    history.Laid: fold_plant.laid,
    history.Taken: fold_plant.taken,
    history.Part: fold_plant.part,
    history.Contact: fold_plant.contact,
    history.Clock: fold_plant.clock,
    history.Fault: fold_plant.fault,
    history.Calm: calm,
}
