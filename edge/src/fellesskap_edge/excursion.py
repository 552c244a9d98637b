"""Compartments out of their temperature: the mark on the parcel, the doubt about the place. Pure.

An alarm takes the compartment out of what is offered (`suspect`) and marks the parcel that lies
there until it is taken out, also when it is cold again: nobody gets food that went warm
unknowingly. It keeps no door shut. Limits and times are the affair of `climate`.
"""

from datetime import datetime

import msgspec

from fellesskap_edge.facts import Excursion
from fellesskap_edge.service import change_service
from fellesskap_edge.state import (
    Answer,
    Draft,
    Forget,
    Keep,
    Record,
    TemperatureJudged,
    WarnOfTemperature,
)
from fellesskap_protocol.events import Fault

CAUSE = "temperature"
UNKNOWN = "not known"


def judged(draft: Draft, event: TemperatureJudged) -> None:
    """Take in how a compartment stands to its limits from now on."""
    number = event.compartment
    if event.standing in ("outside", "unknown"):
        _begin(draft, event)
        return
    _fault(draft, number, event.what, event.since)
    excursion = draft.c.excursions.get(number)
    if event.standing == "good" and excursion is not None and excursion.still:
        lifted = event.lifts and excursion.what == UNKNOWN
        right_id = None if lifted else excursion.right_id
        _keep(draft, number, msgspec.structs.replace(excursion, still=False, right_id=right_id))


def _begin(draft: Draft, event: TemperatureJudged) -> None:
    number, place = event.compartment, draft.c.places[event.compartment]
    before = draft.c.excursions.get(number)
    same_parcel = before is not None and before.right_id == place.right_id is not None
    # A parcel that was warm once is not made good by a second time that is milder.
    since = min(before.since, event.since) if before and same_parcel else event.since
    what = before.what if before and same_parcel and event.what == UNKNOWN else event.what
    suspected = before is not None and before.suspected
    _told(draft, number, event.what, event.since)
    if place.service == "in":
        change_service(draft, number, "suspect", CAUSE)
        suspected = True
    _keep(draft, number, Excursion(since, what, True, suspected, place.right_id))


def settle(draft: Draft) -> None:
    """Follow the parcels: end a mark with its parcel, mark one that was just put in."""
    for number, excursion in list(draft.c.excursions.items()):
        right_id = draft.c.places[number].right_id
        if excursion.still:
            if right_id != excursion.right_id:
                if right_id is not None:
                    _told(draft, number, excursion.what, excursion.since)
                _keep(draft, number, msgspec.structs.replace(excursion, right_id=right_id))
        elif right_id is None or right_id != excursion.right_id:
            _end(draft, number, excursion)


def _end(draft: Draft, number: int, excursion: Excursion) -> None:
    """It is cold and its parcel is gone: offer it again, if this took it away."""
    del draft.c.excursions[number]
    draft.say(Forget("excursion", str(number)))
    # What an operator said of it meanwhile stands.
    if excursion.suspected and draft.c.places[number].service == "suspect":
        change_service(draft, number, "in", CAUSE)


def warn(draft: Draft) -> None:
    """Follow every answer that opens a marked parcel's door with a word about its temperature."""
    for effect in tuple(draft.effects):
        if not isinstance(effect, Answer) or effect.outcome != "opens":
            continue
        number = effect.compartment
        excursion = draft.c.excursions.get(number) if number is not None else None
        if excursion is not None and excursion.right_id is not None:
            draft.say(WarnOfTemperature(effect.ticket, number or 0, excursion.since))


def unwatched(draft: Draft, watched: set[int]) -> None:
    """End what no probe will ever end: `locker.toml` took the probe away."""
    for number, excursion in list(draft.c.excursions.items()):
        if number not in watched:
            draft.c.excursions[number] = msgspec.structs.replace(excursion, still=False)


def _told(draft: Draft, number: int, what: str, since: datetime) -> None:
    """Record the alarm, and which parcel it concerns."""
    place = draft.c.places[number]
    right = draft.c.rights.get(place.right_id or "")
    lay = f"parcel {right.parcel_id} lay there" if right else f"content {place.content}"
    at = since.strftime("%Y-%m-%dT%H:%MZ")
    _fault(draft, number, f"{what} since {at}: {lay}", since)


def _fault(draft: Draft, number: int, what: str, since: datetime) -> None:
    draft.say(Record(Fault(part=f"temperature {number}", what=what, since=since)))


def _keep(draft: Draft, number: int, excursion: Excursion) -> None:
    draft.c.excursions[number] = excursion
    draft.say(Keep("excursion", str(number), excursion))
