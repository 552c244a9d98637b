"""PURE: all that waits for a cut-off of one locker, decided together and written by its desk.

By `allocation.batch`, under the key of the day. Written in the order of the lots, so neither the
answers nor their order tell who asked first. `claims` of each is what was live before all of them.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from fellesskap_backend.allocation import deciding as fair
from fellesskap_backend.allocation import view as fair_view
from fellesskap_backend.allocation.batch import decide_batch, lot
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.desk import Decided, Desk, Row, Together, Wanted
from fellesskap_protocol.signing import b64url

_MARK = '"batch":{'
_LOTS = b"fellesskap lots"


@dataclass(frozen=True)
class Batch:
    """A cut-off that is being decided; the key stays secret until its day is over."""

    day: str
    cut_off: datetime
    key: bytes


def key_of(k_master: bytes, day: date) -> bytes:
    """Derive a day's key to the lots; what was published of one day tells nothing of another."""
    return hmac.digest(hmac.digest(k_master, _LOTS, sha256), day.isoformat().encode(), sha256)


def hash_of(key: bytes) -> str:
    """Return what is announced of a day's key before the day begins."""
    return sha256(key).hexdigest()


class Batched(msgspec.Struct):
    """What the body of a decision says of its batch."""

    day: date
    cut_off: str
    first: int
    of: int


class _Body(msgspec.Struct):
    batch: Batched


def batch_in(body: str) -> Batched | None:
    """Return with what it was decided; None: alone, at once, or the body is spoilt."""
    if _MARK not in body:
        return None
    try:
        return msgspec.json.decode(body, type=_Body).batch
    except ValueError:
        return None


def ticket(carrier_id: UUID, label_key: str) -> str:
    """Return for what a lot is drawn: the carrier and its label, which both know before.

    Not an id of ours: who draws the lots could choose that.

    >>> ticket(UUID(int=7), "sscc:370712345678901238")
    'RPf6ndlu9_Nwry4mBgbzQsjUIBEMFoVxn_OjrOR1WBs'
    """
    return b64url(sha256(f"{carrier_id} {label_key}".encode()).digest())


def decide(
    desk: Desk, batch: Batch, waiting: Mapping[str, Wanted], moment: Moment
) -> dict[str, Decided]:
    """Answer all that waits, by its ticket; return the answers in the order of their lots."""
    rules, view = desk.place.rules, desk.view
    if rules is None or not isinstance(view, fair_view.View):
        raise ValueError("only fair-share has cut-offs")
    requests = {
        name: fair.Request(
            str(one.number), one.request.demand, one.request.hold, one.request.is_duplicate
        )
        for name, one in waiting.items()
    }
    decisions = decide_batch(rules.fair, view, requests, batch.key)
    lots = {name: lot(batch.key, name) for name in waiting}
    live = desk.live
    shared: Row = {
        "day": batch.day,
        "cut_off": instant(batch.cut_off),
        "key_hash": hash_of(batch.key),
        "first": desk.head.number + 1,
        "of": len(waiting),
    }
    return {
        name: desk.write(
            waiting[name],
            decisions[name],
            moment,
            Together(live, shared | {"ticket": name, "lot": lots[name].hex()}),
        )
        for name in sorted(waiting, key=lambda name: lots[name])
    }
