"""I3, I4 and I14: what moves a door, from the journal and the coils alone."""

from fellesskap_protocol.events import Presented, Pulsed
from tests.judge import history
from tests.judge.rules import HELD, Rules
from tests.judge.state import Place, World

PULSES_MAX = 3
AUTHORISATION_S = 30.0
FIRES_S = 4.0
"""From the journal to the coil: what waited longer for its line or supply is given back unsent."""


def coil_without_pulse(world: World, record: history.Coil) -> str | None:
    """Hold that each coil that is energised was written down before."""
    place = world.places.get(record.locker)
    if place is None or not record.on:
        return None
    number = record.compartment
    stray = any(
        kind.startswith("stray") and number in where for (_, kind, _), where in place.faults.items()
    )
    if stray:
        return None
    if number in place.coils:
        return HELD
    if place.owed.get(number, 0) <= 0:
        return f"the coil of {number} moved, and no pulse of it is in the journal"
    pulsed_at = place.pulsed_at.get(number, record.at)
    stood_s = sum(ran - stood for stood, ran in place.stalls if ran > pulsed_at)
    late_s = record.at - pulsed_at - stood_s
    if late_s <= FIRES_S + place.slack():
        return HELD
    return f"the coil of {number} moved {late_s:.1f} s after its pulse was written down"


def pulse_without_authority(world: World, place: Place, event: Pulsed) -> str | None:
    """Hold that each pulse has an authorisation, for this door."""
    del world
    name = event.authorisation_id
    if name not in place.given:
        return f"a pulse of {event.compartment} without authorisation"
    one = place.live.get(name)
    if one is not None and one.presented.compartment != event.compartment:
        return f"authorised was {one.presented.compartment}, pulsed is {event.compartment}"
    return HELD


I3: Rules = {history.Coil: coil_without_pulse, Pulsed: pulse_without_authority}


def authorised_once(world: World, place: Place, event: Presented) -> str | None:
    """Hold that an authorisation is given once."""
    del world
    if event.outcome != "authorised":
        return None
    given = event.authorisation_id in place.given
    return f"authorisation {event.authorisation_id} twice" if given else HELD


def pulsed_within(world: World, place: Place, event: Pulsed) -> str | None:
    """Hold that at most 3 pulses come of it, in 30 s, none once it was open or after a restart."""
    one = place.live.get(event.authorisation_id)
    if one is None:
        over = event.authorisation_id in place.given
        return f"a pulse of {event.compartment}, whose operation is over" if over else None
    late_s = world.at - one.at
    wrong = {
        f"attempt {event.attempt} after {one.pulses}": event.attempt != one.pulses + 1,
        f"pulse {one.pulses + 1}": one.pulses >= PULSES_MAX,
        f"{late_s:.1f} s after its authorisation": late_s > AUTHORISATION_S + place.slack(),
        "it was seen open": one.opened,
        "it is over": one.ended,
        "the daemon was started anew": one.boot_id != event.boot_id,
    }
    found = [words for words, is_wrong in wrong.items() if is_wrong]
    return f"a pulse of {event.compartment}: {', '.join(found)}" if found else HELD


I4: Rules = {Presented: authorised_once, Pulsed: pulsed_within}


def _too_long(place: Place, number: int, until: float) -> str | None:
    since = place.coils.get(number)
    limit_s = place.spec.coil_s_max.get(number, 1.0)
    if number in place.welded:
        limit_s = max(limit_s, place.spec.welded_s_max)
    if since is None:
        return None
    if until - since <= limit_s + place.slack():
        return HELD
    return f"the coil of {number} was on for {until - since:.3f} s, {limit_s:.3f} s allowed"


def on_too_long(world: World, record: history.Coil) -> str | None:
    """Hold that a coil is let go in time."""
    place = world.places.get(record.locker)
    return None if place is None else _too_long(place, record.compartment, record.at)


def still_on(world: World, record: history.End) -> str | None:
    """Hold that none is still on at the end."""
    for place in world.places.values():
        for number in place.coils:
            wrong = _too_long(place, number, record.at)
            if wrong:
                return f"{place.locker}: {wrong}"
    return HELD


def one_at_a_time(world: World, record: history.Coil) -> str | None:
    """Hold that a supply feeds one coil at a time: of two at once neither gets what it needs."""
    place = world.places.get(record.locker)
    supply = place.spec.supplies.get(record.compartment) if place is not None else None
    if place is None or supply is None or not record.on:
        return None
    others = place.coils.keys() - {record.compartment} - place.welded
    together = sorted(one for one in others if place.spec.supplies.get(one) == supply)
    if not together:
        return HELD
    return f"the coils of {together[0]} and {record.compartment} are on at once, both of {supply}"


I14: Rules = {history.Coil: (on_too_long, one_at_a_time), history.End: still_on}
