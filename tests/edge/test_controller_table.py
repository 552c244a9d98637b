"""Every event in every representative state of the locker, and all that comes of it.

`golden/controller.txt` is the reviewed answer. Review it line by line when it changes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec

from fellesskap_edge import state as ctl
from fellesskap_edge.facts import Fact
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Effect, Event
from fellesskap_protocol.events import AnyEvent, event_type
from fellesskap_protocol.messages import Right
from tests.edge.little_locker import (
    DOORS,
    LittleLocker,
    allowance,
    badge,
    code,
    command,
    fresh_copy,
    removal,
    right,
)
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "controller.txt"
STAMP = {"type", "seq", "prev", "at", "clock", "boot_id", "mono_ms", "kiosk"}
CLAIM, SECOND, LATER = right("one"), right("two"), right("three", carrier="blue")
CARRIER = Right(id="carrier-red", kind="carrier", carrier_id="red", deposit_auth="label")
DROP_OFF = right("four", "drop_off")
VALUES = {"size": "S", "carrier": "blue"}
EXPIRED = msgspec.structs.replace(right("late"), deposit_by=LittleLocker().now.wall)


def new() -> LittleLocker:
    return LittleLocker()


def ready() -> LittleLocker:
    return LittleLocker().ready(CLAIM, SECOND, LATER, EXPIRED)


def pulsed() -> LittleLocker:
    locker = ready()
    locker.scan("label-one")
    locker.wait(1.0)
    return locker


def queued() -> LittleLocker:
    locker = ready()
    locker.scan("label-two")
    locker.wait(0.2)
    locker.scan("label-one")
    locker.wait(0.1)
    return locker


def opened() -> LittleLocker:
    locker = pulsed()
    locker.door(1, "open")
    locker.wait(3.0)
    return locker


def left_open() -> LittleLocker:
    locker = opened()
    locker.wait(200.0)
    return locker


def blind() -> LittleLocker:
    locker = ready()
    locker.door(1, "unknown")
    locker.scan("label-one")
    locker.wait(1.0)
    return locker


def holding() -> LittleLocker:
    locker = ready()
    locker.deposit("one")
    locker.wait(1.0)
    return locker


def collecting() -> LittleLocker:
    locker = holding()
    locker.enter("code-one")
    locker.door(1, "open")
    locker.wait(3.0)
    return locker


def collected() -> LittleLocker:
    locker = collecting()
    locker.door(1, "shut")
    locker.wait(1.0)
    return locker


def restarted() -> LittleLocker:
    locker = opened()
    locker.restart()
    for bank in ("a", "b"):
        locker.give(ctl.BankContact(bank, answering=True))
    return locker


def forced() -> LittleLocker:
    locker = holding()
    locker.door(1, "open")
    return locker


def jammed() -> LittleLocker:
    locker = ready()
    locker.scan("label-one")
    locker.wait(60.0)
    return locker


def silent() -> LittleLocker:
    locker = holding()
    locker.give(ctl.BankContact("a", answering=False))
    for number in (1, 2, 3):
        locker.give(ctl.DoorSensed(number, "unknown"))
    return locker


def guessed() -> LittleLocker:
    locker = holding()
    for turn in range(6):
        locker.enter(f"code-wrong-{turn}")
        locker.scan(f"label-wrong-{turn}")
    return locker


def opened_remotely() -> LittleLocker:
    locker = holding()
    locker.command("open_door", "seen", 4)
    locker.wait(1.0)
    return locker


def queueing() -> LittleLocker:
    locker = opened()
    locker.scan("label-two")
    return locker


def visiting() -> LittleLocker:
    locker = ready()
    locker.put(allowance("S", 2), allowance("L", 1), CARRIER)
    locker.show_badge(badge())
    return locker


def choosing() -> LittleLocker:
    locker = visiting()
    locker.scan("label-none")
    return locker


def consolidating() -> LittleLocker:
    locker = ready()
    locker.put(allowance("S", 2))
    locker.show_badge(badge("red", "blue"))
    locker.scan("label-none")
    return locker


def sweeping() -> LittleLocker:
    locker = ready()
    locker.deposit("one")
    locker.deposit("two")
    locker.put(removal("one"), removal("two"))
    locker.show_badge(badge())
    locker.press("take_out")
    locker.wait(1.0)
    locker.door(1, "open")
    locker.wait(3.0)
    return locker


def sending() -> LittleLocker:
    locker = ready()
    locker.put(DROP_OFF, allowance("S", 1))
    return locker


def dropping_off() -> LittleLocker:
    locker = sending()
    locker.enter("code-four")
    locker.wait(1.0)
    locker.door(1, "open")
    locker.wait(3.0)
    return locker


def dropped_off() -> LittleLocker:
    locker = dropping_off()
    locker.door(1, "shut")
    return locker


STATES: tuple[Callable[[], LittleLocker], ...] = (
    new,
    ready,
    queued,
    pulsed,
    blind,
    opened,
    left_open,
    holding,
    collecting,
    collected,
    restarted,
    forced,
    jammed,
    silent,
    guessed,
    opened_remotely,
    queueing,
    visiting,
    choosing,
    consolidating,
    sweeping,
    sending,
    dropping_off,
    dropped_off,
)


def events(locker: LittleLocker) -> dict[str, Event]:
    """One event of every type at least, about compartment 1 and the right that is meant for it."""
    revoked = msgspec.structs.replace(CLAIM, revoked=True)
    return {
        "DoorSensed(1 open)": ctl.DoorSensed(1, "open"),
        "DoorSensed(1 shut)": ctl.DoorSensed(1, "shut"),
        "DoorSensed(1 unknown)": ctl.DoorSensed(1, "unknown"),
        "PulseUnacknowledged(1)": ctl.PulseUnacknowledged(1),
        "BankContact(a silent)": ctl.BankContact("a", answering=False),
        "BankContact(a answers)": ctl.BankContact("a", answering=True),
        "BankPower(a cut)": ctl.BankPower("a", on=False, why="relay 1 stays on"),
        "BankPower(a on)": ctl.BankPower("a", on=True),
        "LabelScanned(one)": ctl.LabelScanned(("label-one",), "new"),
        "LabelScanned(one again)": ctl.LabelScanned(("label-one",), "new", repeated=True),
        "LabelScanned(late)": ctl.LabelScanned(("label-late",), "new"),
        "LabelScanned(unknown)": ctl.LabelScanned(("label-none",), "new"),
        "ContentSensed(1 occupied)": ctl.ContentSensed(1, occupied=True),
        "KeyTurned(on)": ctl.KeyTurned(on=True),
        "LabelScanned(two)": ctl.LabelScanned(("label-two",), "new"),
        "BadgeShown(red)": ctl.BadgeShown(badge(jti="badge-2"), "new", timely=True),
        "BadgeShown(same)": ctl.BadgeShown(badge(), "new", timely=True),
        "BadgeShown(elsewhere)": ctl.BadgeShown(badge(lockers=("oslo-9",)), "new", timely=True),
        "BadgeShown(expired)": ctl.BadgeShown(badge(for_s=0), "new", timely=True),
        "BadgeShown(untimely)": ctl.BadgeShown(badge(), "new", timely=False),
        "BadgeForged": ctl.BadgeForged(),
        **{
            f"KeyPressed({key})": ctl.KeyPressed(key, VALUES.get(key, ""), "new", "ticket")
            for key in get_args(Key)
        },
        "Proceed": ctl.Proceed("new"),
        "CodeEntered(one)": code("code-one", "new"),
        "CodeEntered(one, 12 digits)": code("long-one", "new"),
        "CodeEntered(one, QR)": code("qr-one", "new"),
        "CodeEntered(four)": code("code-four", "new"),
        "CodeEntered(wrong)": code("code-none", "new"),
        "Command(open 1)": command("open_door", "j1", 1, locker),
        "Command(open 1, stale)": command("open_door", "j1", 1, locker, fresh=False),
        "Command(open 1, expired)": command("open_door", "j1", 1, locker, for_s=-1),
        "Command(open 1, seen)": command("open_door", "seen", 1, locker),
        "Command(open 9)": command("open_door", "j1", 9, locker),
        "Command(set_service 1 out)": command("set_service", "j1", 1, locker),
        "Command(report_custody)": command("report_custody", "j1", None, locker),
        "Command(show_challenge)": command("show_challenge", "j1", None, locker, fresh=False),
        "RightsArrived(put one revoked)": ctl.RightsArrived(1, 9, False, (revoked,), ()),
        "RightsArrived(remove one)": ctl.RightsArrived(1, 9, False, (), ("one",)),
        "RightsArrived(from empty)": ctl.RightsArrived(2, 1, True, (SECOND,), ()),
        "TemperatureJudged(1 outside)": ctl.TemperatureJudged(
            1, "outside", locker.now.wall, "above 6.0 C"
        ),
        "Tick": ctl.Tick(),
    }


def told_fact(fact: Fact) -> str:
    body = msgspec.to_builtins(fact)
    if isinstance(fact, Right):
        at = f" at {body['compartment']}" if body.get("compartment") else ""
        return f"{body['kind']}{at}{' revoked' if body.get('revoked') else ''}"
    body.pop("at", None)
    right_of = body.pop("right", None)
    failures = body.pop("failures", None)
    held = body.pop("badge", None)
    body.pop("acted_at", None), body.pop("exp", None)
    words = [f"badge={held['jti']}"] if held else []
    words += [f"{key}={value}" for key, value in body.items() if value is not None]
    words += [f"right={right_of['id']}"] if right_of else []
    words += [f"{len(failures)} failures"] if failures is not None else []
    return " ".join(words)


TIMES = ("from", "to", "since")


def told_event(event: AnyEvent) -> str:
    body = {
        key: value
        for key, value in msgspec.to_builtins(event).items()
        if key not in STAMP and value is not None
        if not (key in TIMES and event_type(event) in ("serving", "fault", "custody_reported"))
        if not (event_type(event) == "custody_reported" and key.endswith("_mac"))
    }
    return f"{event_type(event)}({', '.join(f'{key}={value}' for key, value in body.items())})"


TOLD = {
    ctl.GoOn: "go on",
    ctl.TellAtDoor: "tell at door {0.compartment}: {0.outcome}",
    ctl.WarnOfTemperature: "warn of the temperature in {0.compartment}",
}


def told(effect: Effect) -> str:
    match effect:
        case ctl.Record(event):
            return f"record {told_event(event)}"
        case ctl.Keep(kind, key, fact):
            return f"keep {kind}/{key}: {told_fact(fact)}".rstrip(" :")
        case ctl.Forget(kind, key):
            return f"forget {kind}/{key}"
        case ctl.Pulse(number, authorisation_id):
            return f"PULSE {number} for {authorisation_id}"
        case ctl.WatchDoor(number, fast):
            return f"watch {number} {'often' if fast else 'seldom'}"
        case ctl.Answer(_, outcome, number, options) | ctl.TellCourier(outcome, number, options):
            who = "answer" if isinstance(effect, ctl.Answer) else "tell courier"
            chosen = f" of {', '.join(options)}" if options else ""
            return f"{who}: {outcome}" + (f" {number}" if number else "") + chosen
        case ctl.Reply():
            more = [effect.reason] if effect.reason else []
            more += [f"first {effect.first_outcome}"] if effect.first_outcome else []
            words = f" ({', '.join(more)})" if more else ""
            return f"reply {effect.jti}: {effect.outcome}{words}"
        case _:
            return TOLD[type(effect)].format(effect)


def cell(before: LittleLocker, event: Event) -> list[str]:
    locker = fresh_copy(before)
    effects = locker.give(event)
    moved = [
        f"door {n}: {before.controller.doors[n].state} -> {locker.controller.doors[n].state}"
        for n in DOORS
        if before.controller.doors[n].state is not locker.controller.doors[n].state
    ]
    lines = moved + [told(effect) for effect in effects]
    if not lines:
        return ["-"] if locker.controller == before.controller else ["(noted)"]
    return lines


def standing(locker: LittleLocker) -> str:
    doors = " ".join(f"{n}:{door.state}" for n, door in locker.controller.doors.items())
    held = [n for n, place in locker.controller.places.items() if place.content == "parcel"]
    return f"doors {doors}; parcels in {held or 'none'}"


def test_every_event_in_every_state_is_as_reviewed() -> None:
    lines = ["What comes of each event; `-`: nothing, `(noted)`: remembered without a word.", ""]
    for make in STATES:
        before = make()
        lines += [f"== {make.__name__}: {standing(before)}", ""]
        for name, event in events(before).items():
            first, *rest = cell(before, event)
            lines.append(f"{name:31} | {first}")
            lines += [f"{'':31} | {more}" for more in rest]
        lines.append("")
    assert_golden(GOLDEN, "\n".join(lines))


def test_no_type_of_event_is_left_out() -> None:
    assert {type(event) for event in events(new()).values()} == set(ctl.EVENTS)
