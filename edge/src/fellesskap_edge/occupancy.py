"""What occupancy sensors see, and which of them is doubted. Pure.

A sensor that contradicts three acts in a row and reads the same all the time is taken for stuck:
a standing fault, and its door is suspect. From then on the door alone says what an act was worth,
until the sensor moves. That it was right about the three is not ruled out, so none of them counts
as done after the fact, and what is not known to be empty is called unknown.
"""

from fellesskap_edge.facts import Unseen
from fellesskap_edge.service import change_service
from fellesskap_edge.state import UNSEEN_MAX, ContentSensed, Draft, Forget, Keep, Record
from fellesskap_protocol.events import Fault

CAUSE = "occupancy sensor"


def content_sensed(draft: Draft, event: ContentSensed) -> None:
    """Take in what a sensor sees; one that reads something else than before is not stuck."""
    number = event.compartment
    draft.c.occupied[number] = event.occupied
    before = draft.c.unseen.get(number)
    if before is not None and before.occupied != event.occupied:
        del draft.c.unseen[number]
        draft.say(Forget("unseen", str(number)))
        if before.uses >= UNSEEN_MAX:
            _fault(draft, number, "ok")


def contradicted(draft: Draft, number: int) -> None:
    """Count one more act that a sensor, which has not moved since the first, did not see."""
    before = draft.c.unseen.get(number)
    unseen = Unseen((before.uses if before else 0) + 1, draft.c.occupied[number])
    draft.c.unseen[number] = unseen
    draft.say(Keep("unseen", str(number), unseen))
    if unseen.uses != UNSEEN_MAX:
        return
    _fault(draft, number, unseen.what)
    place = draft.c.places[number]
    if place.service == "in":
        content = "unknown" if place.content == "empty" else place.content
        change_service(draft, number, "suspect", CAUSE, content=content)


def _fault(draft: Draft, number: int, what: str) -> None:
    draft.say(Record(Fault(part=f"occupancy sensor {number}", what=what, since=draft.now.wall)))
