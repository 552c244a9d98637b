"""What goes on at the kiosk, for the page that shows the right keys. Pure.

No label, no code, no name: an act, a door, what is asked.
"""

from typing import Literal

import msgspec

from fellesskap_edge.clock import Instant
from fellesskap_edge.door import Reading
from fellesskap_edge.facts import Act
from fellesskap_edge.removing import removable
from fellesskap_edge.state import Controller, Draft
from fellesskap_edge.visiting import asked_lately, badge_of, current


class Standing(msgspec.Struct, frozen=True):
    """What the page must know to show the right keys; no label, no code, no name."""

    act: Act | None = None
    compartment: int | None = None
    door: Reading = "unknown"
    courier: bool = False
    may_take_out: int = 0
    asks: Literal["carrier", "size"] | None = None
    options: tuple[str, ...] = ()


def standing(controller: Controller, now: Instant) -> Standing:
    """Return what goes on at the kiosk."""
    draft = Draft(controller, now)
    asked, remover = asked_lately(draft), badge_of(draft, "remove")
    number = controller.at_hand
    operation = controller.operations.get(number or 0)
    if badge_of(draft, "deposit") is None:
        asked = None
    return Standing(
        act=operation.act if operation else None,
        compartment=number if operation else None,
        door=controller.doors[number].reading if number is not None else "unknown",
        courier=current(draft) is not None,
        may_take_out=len(removable(draft, remover)) if remover else 0,
        asks=asked.choice if asked else None,
        options=asked.options if asked else (),
    )
