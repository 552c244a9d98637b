"""PURE: what a carrier is told of a decision, from the body that was stored.

Its own request, the outcome and why. Not its number, chain, basis or position: from these a rival
would learn how much others ask for. Nor whether room beyond its part was of the commons or lent:
that depends on what others use. In their place a receipt has `record`, a commitment to the whole
body that only an auditor can open, so that none of it can be rewritten either.
"""

import hmac
from hashlib import sha256
from typing import Any

import msgspec

from fellesskap_backend.decisions.policy import REFUSALS
from fellesskap_backend.decisions.record import canonical
from fellesskap_protocol.signing import b64url

Json = dict[str, Any]
CONFIRMED = "There is room for it, and it is given."
BEYOND = "beyond"
TOLD_AS = {"commons": BEYOND, "lent": BEYOND}
"""Which of the two it was follows from what all rivals have: the body says it, to auditors."""
GIVEN = {
    "guaranteed": "There is room for it, and it is given: it is of your guaranteed part.",
    BEYOND: "There is room for it, and it is given: beyond your guaranteed part.",
    "accessible": "It is given one of the low compartments that are kept for whoever asks for one.",
}
"""Of which part `fair-share` gave room, as it is told."""
SHORTER = " It waits for a shorter time than you asked, for the times that nobody came."
_OWN = ("part", "quota", "used", "held_for_s")
"""What decisions of `fair-share` say beside: the carrier's own numbers."""
_BATCH = ("day", "cut_off", "key_hash", "ticket", "lot")
"""What one decided at a cut-off says of that; with how many others would tell of rivals."""
_SAID = ("id", "locker_id", "carrier_id", "at", "policy", "outcome")
_SIDES = ("w_mm", "h_mm", "d_mm", "g")


def told(body: str, before: Json | None = None) -> Json:
    """Return what is told; `before` is what was, where it was told already.

    Its words stay, and so does a part that was told by its own name.

    Raises `KeyError`, `ValueError` or `TypeError` (`msgspec.DecodeError` is one) for a body that
    `decisions.desk` did not write.
    """
    said: Json = msgspec.json.decode(body)
    request = dict(said["request"])
    *sides, needs = request.pop("box")
    box = {"dimensions": dict(zip(_SIDES, sides, strict=True)), "needs": needs}
    shown = {name: said[name] for name in _SAID}
    shown |= {name: said[name] for name in _OWN if name in said}
    if "part" in said and (before is None or before["part"] != said["part"]):
        shown["part"] = told_as(said["part"])
    if "batch" in said:
        shown["batch"] = {name: said["batch"][name] for name in _BATCH}
    shown["because"] = because(said) if before is None else before["because"]
    return shown | {"request": box | request}


def because(said: Json) -> str:
    """Say in words why it was decided so."""
    if said["outcome"] == "confirmed":
        given = GIVEN.get(told_as(said.get("part")) or "", CONFIRMED)
        return given + (SHORTER if "held_for_s" in said else "")
    words = {str(name): one.detail for name, one in REFUSALS.items()}
    return words[said["outcome"]]


def told_as(part: str | None) -> str | None:
    """Return by which word a carrier is told of which part it was given room.

    >>> told_as("lent"), told_as("commons"), told_as("guaranteed"), told_as(None)
    ('beyond', 'beyond', 'guaranteed', None)
    """
    return TOLD_AS.get(part or "", part)


def committed(body: str, seed: bytes, before: Json | None = None) -> str:
    """Return the text that is committed to, as canonical JSON; `seed` is that of the hour."""
    record = hmac.digest(seed, b"record " + body.encode(), sha256)
    return canonical(told(body, before) | {"record": b64url(record)}).decode()


def shown(text: str) -> Json:
    """Return what is told from the text that was committed to, in the words of today."""
    said: Json = msgspec.json.decode(text)
    del said["record"]
    if "part" in said:
        said["part"] = told_as(said["part"])
    return said


def is_of(text: str, body: str, seed: bytes) -> bool:
    """Say whether this is what was to be committed to of a body.

    We may put the words better one day; those that were told stay.
    """
    try:
        return committed(body, seed, msgspec.json.decode(text)) == text
    except (KeyError, TypeError, ValueError):
        return False
