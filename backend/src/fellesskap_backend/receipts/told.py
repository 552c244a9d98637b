"""PURE: what a carrier is told of a decision, from the body that was stored.

Its own request, the outcome and why. Not its number, chain, basis or position: from these a rival
would learn how much others ask for.
"""

from typing import Any

import msgspec

from fellesskap_backend.decisions.policy import REFUSALS
from fellesskap_backend.decisions.record import canonical

Json = dict[str, Any]
CONFIRMED = "There is room for it, and it is given."
_SAID = ("id", "locker_id", "carrier_id", "at", "policy", "outcome")
_SIDES = ("w_mm", "h_mm", "d_mm", "g")


def told(body: str, words: str | None = None) -> str:
    """Return it as canonical JSON; `words` are those of before, where it was told already.

    Raises `KeyError`, `ValueError` or `TypeError` (`msgspec.DecodeError` is one) for a body that
    `decisions.desk` did not write.
    """
    said: Json = msgspec.json.decode(body)
    request = dict(said["request"])
    *sides, needs = request.pop("box")
    box = {"dimensions": dict(zip(_SIDES, sides, strict=True)), "needs": needs}
    shown = {name: said[name] for name in _SAID}
    shown["because"] = because(said["outcome"]) if words is None else words
    return canonical(shown | {"request": box | request}).decode()


def because(outcome: str) -> str:
    """Say in words why it was decided so."""
    words = {"confirmed": CONFIRMED} | {name: one.detail for name, one in REFUSALS.items()}
    return words[outcome]


def is_of(text: str, body: str) -> bool:
    """Say whether this is what a body has its carrier told.

    We may put the words better one day; those that were committed to stay.
    """
    try:
        words = msgspec.json.decode(text)["because"]
        return told(body, words) == text
    except (KeyError, TypeError, ValueError):
        return False
