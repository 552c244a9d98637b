"""A daemon whose store cannot be opened: the kiosk and the operators say so until it can.

Nothing is known, so nothing opens: who types a code is told to come later. `daemon` calls it with
the way to begin; the doors' ports are not open yet.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from fellesskap_edge.inbox import (
    CodeTyped,
    Inward,
    KeyPressed,
    LinkDown,
    LinkUp,
    Outward,
    Publish,
)
from fellesskap_edge.journal import JournalInUse, JournalUnusable
from fellesskap_edge.letterbox import Letterbox
from fellesskap_edge.outage import RETRY_S
from fellesskap_edge.state import Answer
from fellesskap_protocol.messages import State, encode

log = logging.getLogger(__name__)
FAULT = "journal: cannot be opened, nothing opens"
LATER_MAX = 100
"""What pins and probes said meanwhile is heard when there is somebody to hear it."""
Begun = TypeVar("Begun")


def until_it_opens(
    begin: Callable[[], Begun],
    inbox: Letterbox,
    perform: Callable[[Outward], None],
    serve: Callable[[], None],
    *,
    retry_s: float = RETRY_S,
) -> Begun:
    """Return what `begin` returns, as soon as it does; call `serve` before waiting for it.

    A store that another daemon holds is no reason to wait: raises `JournalInUse`.
    """
    serving = linked = False
    while True:
        try:
            begun = begin()
        except JournalInUse:
            raise
        except JournalUnusable as error:
            log.error("out of order: %s", error)  # noqa: TRY400 (the disk is at fault, not we)
        else:
            if linked:
                inbox.post(LinkUp())
            return begun
        if not serving:
            serving = True
            serve()
        linked = _turn_away(inbox, perform, retry_s, linked)


def _turn_away(
    inbox: Letterbox, perform: Callable[[Outward], None], for_s: float, linked: bool
) -> bool:
    """Answer whoever comes; return whether the broker is connected."""
    until = time.monotonic() + for_s
    later: list[Inward] = []
    while (left_s := until - time.monotonic()) > 0:
        event = inbox.get(left_s)
        if event is None:
            break
        match event:
            case CodeTyped(_, ticket):
                perform(Answer(ticket, "locker_out_of_order"))
            case LinkUp():
                linked = True
                state = State(
                    at=datetime.now(UTC), clock="untrusted", compartments=(), faults=(FAULT,)
                )
                perform(Publish("state", encode(state), retained=True))
            case LinkDown():
                linked = False
            case KeyPressed(ticket=ticket):
                perform(Answer(ticket, "locker_out_of_order"))
            case _:
                later.append(event)
    for event in later[-LATER_MAX:]:
        inbox.post(event)
    return linked
