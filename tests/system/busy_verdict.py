"""Judges a busy visit by the locker's journal, the plant's own record and the API's answers.

Pure. `events`: the journal's rows (`type`, what it says), in order. `pulses`: the boards' record.
Each check returns what is wrong, in words; an empty list is a kept invariant.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]
PULSES_MAX = 3
SECONDS = 19
"""So many characters of a time say it to the second."""
COIL_MS_MAX = 320.0
"""Each of the three families pulses for 300 ms; 20 ms are the boards' own."""


@dataclass(frozen=True)
class Visit:
    """Everything that is known of it when it is over."""

    events: Sequence[Json]
    pulses: Sequence[Json]
    """`compartment`, `mono_s` (the clock of a journal's `mono_ms`), `on_ms`."""
    doors: Sequence[Json]
    """The plant's truth: `compartment`, `open`, `full`."""
    recorded: Sequence[Json] = ()
    """The same events as the backend's ledger has them."""
    stamped: Sequence[Json] = ()
    """The ledger's events with their stamps."""
    supplies: Mapping[int, str] = field(default_factory=dict)
    """The power supply of each compartment."""
    parcels: Mapping[str, str] = field(default_factory=dict)
    """The state of each parcel by the API."""
    low: frozenset[int] = frozenset()
    """Compartments within reach from a wheelchair."""
    wants_low: frozenset[str] = frozenset()
    """Parcels that were reserved for one of them."""
    offline_pickups: int = 0
    leaks: Sequence[str] = ()
    """Where a code or a key was found that must not be there."""
    overheard: int = 0
    """How many messages were looked through for them."""
    reservations: int = 0
    decisions: int = 0
    """How many decisions were derived again."""
    altered: Sequence[str] = ()
    """Which of them came out otherwise."""
    strangers: Sequence[str] = ()
    """What a carrier could see of a rival."""
    unequal: Sequence[str] = ()
    """Repeated requests that were answered in another way."""


def one_parcel_a_compartment(visit: Visit) -> list[str]:
    """I1: and at the end the plant is as full as the journal says."""
    found, lies_in = [], dict[int, str]()
    for event in visit.events:
        number, parcel = event.get("compartment", 0), event.get("parcel_id", "")
        if event["type"] in ("deposited", "dropped_off"):
            if number in lies_in:
                found.append(f"{parcel} and {lies_in[number]} in compartment {number}")
            lies_in[number] = parcel
        elif event["type"] in ("collected", "removed") and lies_in.pop(number, None) != parcel:
            found.append(f"{parcel} was taken from {number}, where it did not lie")
    full = {row["compartment"] for row in visit.doors if row["full"]}
    if full != set(lies_in):
        found.append(f"the plant is full at {sorted(full)}, the journal at {sorted(lies_in)}")
    return found


def nothing_overcommitted(visit: Visit) -> list[str]:
    """I2: the locker had room for all, so no claim may have lost its place."""
    return [
        f"{event['type']}: {event}"
        for event in visit.events
        if event["type"] in ("overcommitted", "delivery_failed")
    ]


def pulses_were_recorded_first(visit: Visit) -> list[str]:
    """I3: each pulse that the boards counted was authorised, and written down before it."""
    authorised = {
        event["authorisation_id"]: event["compartment"]
        for event in visit.events
        if event["type"] == "presented" and event["outcome"] == "authorised"
        if event.get("authorisation_id")
    }
    said = [event for event in visit.events if event["type"] == "pulsed"]
    found = [
        f"a pulse at {event['compartment']} without authorisation"
        for event in said
        if authorised.get(event["authorisation_id"]) != event["compartment"]
    ]
    wrote = [event for event in visit.stamped if event["type"] == "pulsed"]
    written, fired = _times(wrote, "mono_ms"), _times(visit.pulses, "mono_s", 1000)
    if {number: len(at) for number, at in written.items()} != {
        number: len(at) for number, at in fired.items()
    }:
        found.append(f"the journal has pulses {written}, the boards {fired}")
    for number, at in fired.items():
        late = [one for one, wrote in zip(at, written.get(number, ()), strict=False) if one < wrote]
        found += [f"a pulse of {number} at {one:.0f} ms, before it was written" for one in late]
    return found


def _times(rows: Sequence[Json], key: str, unit: float = 1) -> dict[int, list[float]]:
    """Return when each compartment was pulsed, in ms and in order."""
    found: dict[int, list[float]] = {}
    for row in rows:
        found.setdefault(row["compartment"], []).append(row[key] * unit)
    return {number: sorted(at) for number, at in sorted(found.items())}


def one_authorisation_one_operation(visit: Visit) -> list[str]:
    """I4: at most three pulses, none after the door was seen open."""
    found, pulses, opened = [], Counter[str](), set[str]()
    for event in visit.events:
        given = event.get("authorisation_id") or ""
        if event["type"] == "pulsed":
            pulses[given] += 1
            if pulses[given] > PULSES_MAX or given in opened:
                found.append(f"pulse {pulses[given]} for {given}")
        elif event["type"] == "door_opened":
            opened.add(given)
    return found


def nothing_used_up_opens(visit: Visit) -> list[str]:
    """I5: no right that was collected opens another act than looking again."""
    found, used = [], set[str]()
    for event in visit.events:
        right = event.get("right_id")
        if event["type"] == "presented" and event["outcome"] == "authorised" and right in used:
            found.append(f"right {right} opened after it was used up")
        elif event["type"] in ("collected", "removed"):
            used.add(str(right))
    return found


def no_remote_opening(visit: Visit) -> list[str]:
    """I6: nobody opened from afar in this visit."""
    return [
        f"{event}"
        for event in visit.events
        if event["type"] == "presented" and event["kind"] == "command"
    ]


def ledger_is_the_journal(visit: Visit) -> list[str]:
    """I7: each event once, in order."""
    if list(visit.recorded) == list(visit.events):
        return []
    return [f"{len(visit.events)} events in the journal, {len(visit.recorded)} recorded"]


def reserved_is_reserved(visit: Visit) -> list[str]:
    """I8: every parcel that was answered 201 is in the locker, or was collected."""
    return [
        f"parcel {parcel} is {state}"
        for parcel, state in visit.parcels.items()
        if state not in ("deposited", "collected")
    ]


def nothing_leaks(visit: Visit) -> list[str]:
    """I11: no code or key in any log or message, and there were messages to look through."""
    return list(visit.leaks) if visit.overheard else ["no message was overheard"]


def decisions_are_derived_again(visit: Visit) -> list[str]:
    """I15: every reservation was a decision, and each comes out as it was told."""
    few = visit.decisions < visit.reservations or not visit.decisions
    return [*visit.altered, *([f"only {visit.decisions} decisions"] if few else [])]


def residents_were_served_offline(visit: Visit) -> list[str]:
    """I12: whoever had a code got the parcel while the network was down."""
    return [] if visit.offline_pickups > 0 else ["nobody collected while the network was down"]


def low_stays_low(visit: Visit) -> list[str]:
    """I13: no low request got a high compartment."""
    return [
        f"{event['parcel_id']} lies in {event['compartment']}, which is not low"
        for event in visit.events
        if event["type"] == "deposited" and event["parcel_id"] in visit.wants_low
        if event["compartment"] not in visit.low
    ]


def no_coil_too_long(visit: Visit) -> list[str]:
    """I14: by the boards' own clock; and one coil at a time on a supply."""
    found = [
        f"the coil of {pulse['compartment']} was on for {pulse['on_ms']:.0f} ms"
        for pulse in visit.pulses
        if pulse["on_ms"] > COIL_MS_MAX
    ]
    free_at = dict[str, float]()
    for pulse in sorted(visit.pulses, key=lambda one: float(one["mono_s"])):
        supply = visit.supplies[pulse["compartment"]]
        if pulse["mono_s"] < free_at.get(supply, 0.0):
            found.append(f"two coils at once on supply {supply}: {pulse}")
        free_at[supply] = pulse["mono_s"] + pulse["on_ms"] / 1000
    return found


def serving_is_true(visit: Visit) -> list[str]:
    """I16: what was served is said once, in order, after it was served, of no time before."""
    found, last = [], ""
    for event in visit.stamped:
        last = last or str(event["at"])[:SECONDS]
        if event["type"] == "serving":
            begin, end = str(event["from"])[:SECONDS], str(event["to"])[:SECONDS]
            if begin < last:
                found.append(f"served twice, or before the daemon ran: from {begin}")
            if end > str(event["at"])[:SECONDS]:
                found.append(f"served until {end}, said at {event['at']}")
            last = end
    return found


CHECKS: dict[str, Callable[[Visit], list[str]]] = {
    "I1 one parcel a compartment": one_parcel_a_compartment,
    "I2 no claim lost its room": nothing_overcommitted,
    "I3 recorded before it pulsed": pulses_were_recorded_first,
    "I4 one authorisation, one operation": one_authorisation_one_operation,
    "I5 nothing used up opens": nothing_used_up_opens,
    "I6 remote opens": no_remote_opening,
    "I7 the ledger is the journal": ledger_is_the_journal,
    "I8 what was acknowledged is there": reserved_is_reserved,
    "I9 same key, same answer": lambda visit: list(visit.unequal),
    "I10 carriers see nothing of rivals": lambda visit: list(visit.strangers),
    "I11 no code or key in logs and topics": nothing_leaks,
    "I12 served with the network down": residents_were_served_offline,
    "I13 low stays low": low_stays_low,
    "I14 no coil too long": no_coil_too_long,
    "I15 decisions are derived again": decisions_are_derived_again,
    "I16 served time is true, said once": serving_is_true,
}
