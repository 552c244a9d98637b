"""What time alone changes, and what the worker completes: each row in a transaction of its own.

The rules are the nouns'; here is only who is looked for, and what is done. At most 100 rows of a
kind are looked for in a round.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from fellesskap_backend.badges import deposit_auth
from fellesskap_backend.cut_offs import deciding
from fellesskap_backend.db import Moment
from fellesskap_backend.drop_offs import service as drop_offs
from fellesskap_backend.parcels import acts, unannounced
from fellesskap_backend.reservations import ending
from fellesskap_backend.secrets import Secrets


class Deadline(NamedTuple):
    """Find rows that are due; act on one, with its locker locked and everything read again."""

    find: Callable[[Session, datetime], Sequence[Any]]
    act: Callable[[Session, Any, Moment], None]


def all_of(secrets: Secrets) -> tuple[Deadline, ...]:
    """Return every deadline, in the order in which they are looked at."""
    return (
        Deadline(unannounced.waiting, partial(unannounced.complete, secrets=secrets)),
        Deadline(ending.to_soften, ending.soften),
        Deadline(ending.to_expire, ending.expire),
        Deadline(drop_offs.to_expire, drop_offs.expire),
        Deadline(acts.to_be_overdue, acts.overdue),
        Deadline(deposit_auth.to_tell, deposit_auth.tell),
        Deadline(deciding.due, partial(deciding.decide, secrets=secrets)),
    )
