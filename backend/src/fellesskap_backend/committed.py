"""What whoever watches the log must hear of a transaction, said when it is committed.

One that lost a race is done again, and what several lockers said together is recorded one by one
when one of them cannot be: what was said in a transaction that is undone would be heard twice, or
be untrue.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

_WAITING = "when committed"
_Waiting = list[tuple[list[SessionTransaction], Callable[[], None]]]
"""In which parts of the transaction it was said, and what."""


def when_committed(session: Session, say: Callable[..., None], text: str, *about: Any) -> None:
    """Say something to a log (`log.error`) if and when a session's transaction is committed."""
    waiting: _Waiting = session.info.setdefault(_WAITING, [])
    waiting.append((list(_parts(session.get_nested_transaction())), partial(say, text, *about)))


def _parts(inside: SessionTransaction | None) -> Iterator[SessionTransaction]:
    while inside is not None:
        yield inside
        inside = inside.parent


@event.listens_for(Session, "after_commit")
def _say(session: Session) -> None:
    if not session.in_nested_transaction():
        for _, say in session.info.pop(_WAITING, ()):
            say()


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, undone: SessionTransaction) -> None:
    waiting: _Waiting = session.info.pop(_WAITING, [])
    if undone.nested:
        session.info[_WAITING] = [one for one in waiting if undone not in one[0]]
