"""PURE: what a carrier is told of a decision, from the body that was stored.

Its own request, the outcome and why. Not its number, chain, basis or position: from these a rival
would learn how much others ask for. In their place a receipt has `record`, a commitment to the
whole body that only an auditor can open, so that none of it can be rewritten either.
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
GIVEN = {
    "guaranteed": "There is room for it, and it is given: it is of your guaranteed part.",
    "commons": "There is room for it, and it is given: of what belongs to nobody.",
    "lent": "There is room for it, and it is given: of what others did not ask for.",
    "accessible": "It is given one of the low compartments that are kept for whoever asks for one.",
}
"""Of which part `fair-share` gave room."""
SHORTER = " It waits for a shorter time than you asked, for the times that nobody came."
_OWN = ("part", "quota", "used", "held_for_s")
"""What decisions of `fair-share` say beside: the carrier's own numbers."""
_BATCH = ("day", "cut_off", "key_hash", "ticket", "lot")
"""What one decided at a cut-off says of that; with how many others would tell of rivals."""
_SAID = ("id", "locker_id", "carrier_id", "at", "policy", "outcome")
_SIDES = ("w_mm", "h_mm", "d_mm", "g")


def told(body: str, words: str | None = None) -> Json:
    """Return what is told; `words` are those of before, where it was told already.

    Raises `KeyError`, `ValueError` or `TypeError` (`msgspec.DecodeError` is one) for a body that
    `decisions.desk` did not write.
    """
    said: Json = msgspec.json.decode(body)
    request = dict(said["request"])
    *sides, needs = request.pop("box")
    box = {"dimensions": dict(zip(_SIDES, sides, strict=True)), "needs": needs}
    shown = {name: said[name] for name in _SAID}
    shown |= {name: said[name] for name in _OWN if name in said}
    if "batch" in said:
        shown["batch"] = {name: said["batch"][name] for name in _BATCH}
    shown["because"] = because(said) if words is None else words
    return shown | {"request": box | request}


def because(said: Json) -> str:
    """Say in words why it was decided so."""
    if said["outcome"] == "confirmed":
        return GIVEN.get(said.get("part") or "", CONFIRMED) + (
            SHORTER if "held_for_s" in said else ""
        )
    words = {str(name): one.detail for name, one in REFUSALS.items()}
    return words[said["outcome"]]


def committed(body: str, seed: bytes, words: str | None = None) -> str:
    """Return the text that is committed to, as canonical JSON; `seed` is that of the hour."""
    record = hmac.digest(seed, b"record " + body.encode(), sha256)
    return canonical(told(body, words) | {"record": b64url(record)}).decode()


def shown(text: str) -> Json:
    """Return what was told from the text that was committed to."""
    said: Json = msgspec.json.decode(text)
    del said["record"]
    return said


def is_of(text: str, body: str, seed: bytes) -> bool:
    """Say whether this is what was to be committed to of a body.

    We may put the words better one day; those that were told stay.
    """
    try:
        words = msgspec.json.decode(text)["because"]
        return committed(body, seed, words) == text
    except (KeyError, TypeError, ValueError):
        return False
