"""PURE: figures as they are answered: to a carrier its own, to operators and auditors all."""

import hmac
from base64 import b32encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from fellesskap_backend.db import instant
from fellesskap_backend.neutrality.complaints import BECAUSE, Complaint
from fellesskap_backend.neutrality.figures import Figures, told

Json = dict[str, Any]


def pseudonym(secret: bytes, month: str, carrier: str) -> str:
    """Return what a carrier is called in a month's report: always the same, and no other month's.

    `secret` is the installation's; without it nobody makes or undoes one.
    """
    made = hmac.digest(secret, f"{month} {carrier}".encode(), sha256)
    return f"carrier-{b32encode(made[:5]).decode().lower()}"


def complaints_of(carrier: str, found: Iterable[Complaint]) -> list[Json]:
    """Write the complaints of a carrier, the unexplained first, then in the order of time."""
    mine = [one for one in found if one.carrier == carrier]
    return [
        {
            "decision_id": one.decision,
            "locker_id": one.locker_id,
            "at": instant(one.at),
            "why": one.why,
            "because": BECAUSE[one.why],
        }
        for one in sorted(mine, key=lambda one: (one.why != "unexplained", one.at, one.decision))
    ]


def mine(one: Figures, *, lent: bool, complaints: list[Json] | None) -> Json:
    """Return what a carrier is told of itself.

    How many of its complaints are explained depends on what others had: that is for auditors, as
    are its `lent_hours` unless they may be shown (`lent`), and its `borrowed_hours` unless the
    figures say so. `complaints` None: the month is not over, and nobody has judged them.
    """
    shown = told(one) | {"complaints": None}
    if not one.may_know_borrowed:
        shown["borrowed_hours"] = None
    if not lent:
        shown["lent_hours"] = None
    if complaints is None:
        return shown | {"unexplained": None, "complained": None}
    return shown | {"complained": [one for one in complaints if one["why"] == "unexplained"]}


def untold() -> Json:
    """Return totals of which nothing is told."""
    return {
        name: dict.fromkeys(one) if isinstance(one, dict) else None
        for name, one in told(Figures()).items()
    }
