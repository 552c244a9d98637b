"""What somebody before a door is told of it while its operation goes on, or when it failed. Pure.

An answer says what becomes of a code or a scan; this says what became of the door: push against it,
it is out of use, it still stands open, it was shut on nothing. Whom an operator let in from afar
stands at no kiosk, and who took another door instead has left this one. Used by `operating` and
`completing`.
"""

from fellesskap_edge.choosing import PUTS_IN
from fellesskap_edge.facts import Act, Operation
from fellesskap_edge.spoken import Told
from fellesskap_edge.state import Draft, TellAtDoor

COURIERS: frozenset[Act] = frozenset({"deposit", "remove", "cancel"})


def not_opened(draft: Draft, number: int, operation: Operation, *, again: bool) -> None:
    """Say that a pulse opened nothing; `again`: it will be tried again by itself."""
    _tell(draft, number, operation, "push_door" if again else "not_opened")


def jammed(draft: Draft, number: int, operation: Operation) -> None:
    """Say that the last pulse failed; what was to be put in finds another door."""
    _tell(draft, number, operation, "jammed_out" if operation.act in PUTS_IN else "jammed")


def still_open(draft: Draft, number: int, operation: Operation) -> None:
    """Ask for the door to be shut, unless the kiosk is busy with another one."""
    if draft.c.at_hand in (None, number):
        _tell(draft, number, operation, "left_open")


def contradicted(draft: Draft, number: int, operation: Operation) -> None:
    """Say that the occupancy sensor does not see what was to be done; so it counts as not done."""
    _tell(draft, number, operation, "seen_empty" if operation.act in PUTS_IN else "seen_full")


def _tell(draft: Draft, number: int, operation: Operation, outcome: Told) -> None:
    if operation.jti is None and operation.act != "abandoned":
        draft.say(TellAtDoor(outcome, number, courier=operation.act in COURIERS))
