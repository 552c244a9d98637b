"""I11: what may leave the system in nobody's sight but its owner's, and all that did leave it.

Searched at the end of a life: logs with their tracebacks, error texts, topics, URLs, every message
on the wire (telemetry is what others call metrics) and every column of the database. A code is to
be in none of them: locker and backend know it by a MAC, and derive it where it is told.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from fellesskap_protocol.codes import CODE_DIGITS
from fellesskap_protocol.signing import unb64url
from tests.judge import history
from tests.judge.canaries import Canaries, Secret
from tests.simulation.replies import Json, without_secrets

if TYPE_CHECKING:
    from tests.simulation.life import Life

PERSON = {"name": "Kari Kanarifugl", "phone": "+4791276543", "e-mail": "kari.kanari+7@example.org"}
"""Who other carriers' parcels are for: their labels tell, in a code of two dimensions."""
COUNTED = ("mono_ms", "iat", "exp")
"""Numbers of a message that have as many digits as a code."""
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass
class Left:
    """What left a world, as it left."""

    keys: set[str] = field(default_factory=set)
    """Keys of the API and badges: their owners have them, and nobody else may."""
    errors: list[str] = field(default_factory=list)
    topics: set[str] = field(default_factory=set)
    messages: set[tuple[str, bytes]] = field(default_factory=set)
    """By kind."""
    urls: set[str] = field(default_factory=set)
    told: list[tuple[str, str]] = field(default_factory=list)
    """What carriers were answered, saw and heard, without what only they may know."""

    def tell(self, who: str, what: Json) -> None:
        """Tell a carrier something, in an answer or an event."""
        if what and who.startswith("carrier:"):
            self.told.append((who, str(without_secrets(what))))


def label_of(number: int) -> str:
    """Return what stands on a parcel of a carrier that is none of ours: it names its addressee."""
    fields = (f"JJD{number:013d}", *PERSON.values())
    return "[)>\x1e01\x1d" + "\x1d".join(fields) + "\x1e\x04"


def secrets(life: "Life") -> dict[str, Secret]:
    """Name everything that must stand nowhere."""
    world = life.world
    found: dict[str, Secret] = dict(PERSON)
    found |= {f"key {turn}": one for turn, one in enumerate(sorted(world.left.keys))}
    found |= world.installation.private
    for locker_id, cabinet in world.cabinets.items():
        found[f"K_locker of {locker_id}"] = cabinet.identity.k_locker
        found[f"device key of {locker_id}"] = world.chance(f"{locker_id}/device").randbytes(32)
    for one in life.shipments:
        for turn, (code, qr) in enumerate(one.codes.items()):
            found[f"code {turn} of {one.label}"] = code[:CODE_DIGITS]
            found[f"long code {turn} of {one.label}"] = code
            if qr:
                found[f"qr {turn} of {one.label}"] = qr
    return found


def leaks(life: "Life") -> Iterator[str]:
    """Yield which secret stands where."""
    hidden = secrets(life)
    canaries = Canaries(hidden)
    keys = {one.hex() for one in hidden.values() if isinstance(one, bytes)}
    for where, texts in _channels(life):
        told = {one for one in texts if not HASH.fullmatch(one) or one in keys}
        for leak in canaries.find("\n".join(sorted(told)), where):
            yield f"I11 {leak.secret} stands in a {leak.where}, {leak.form}"


def _channels(life: "Life") -> Iterator[tuple[str, Iterable[str]]]:
    left, records = life.world.left, life.world.chronicle.records
    yield "log", life.logs.said
    yield "error text", left.errors
    yield "topic", left.topics
    asked = (one for one in records if isinstance(one, history.Asked))
    yield "URL", left.urls | {f"/{one.act}/{one.target}" for one in asked}
    for kind in sorted({kind for kind, _ in left.messages}):
        said = (payload for one, payload in left.messages if one == kind)
        yield f"message of {kind}", (leaf for payload in said for leaf in leaves(opened(payload)))
    written = (one.event for one in records if isinstance(one, history.Journalled))
    yield "journal", (leaf for event in written for leaf in leaves(event))
    yield from _columns(life)


def _columns(life: "Life") -> Iterator[tuple[str, Iterable[str]]]:
    eye = life.world.installation.eye
    tables = eye.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    for (table,) in tables.fetchall():
        rows = eye.execute(f'SELECT * FROM "{table}"')
        names = [column[0] for column in rows.description]
        columns: dict[str, set[str]] = {name: set() for name in names}
        for row in rows.fetchall():
            for name, value in zip(names, row, strict=True):
                if isinstance(value, str | bytes):
                    columns[name].update(leaves(value))
        yield from ((f"column {table}.{name}", texts) for name, texts in columns.items())


def opened(payload: bytes) -> bytes:
    """Return what a message says, signed or not."""
    if payload.startswith(b"{"):
        return payload
    try:
        _, said, _ = payload.split(b".")
        return unb64url(said)
    except ValueError:
        return payload


def leaves(value: Any) -> Iterator[str]:
    r"""Yield every text of something, down to JSON within JSON, and its numbers that may be codes.

    >>> sorted(leaves(b'{"iat": 12345678, "said": ["{\\"n\\": 40718265}"]}'))
    ['40718265', 'iat', 'n', 'said']
    """
    match value:
        case dict():
            for name, one in value.items():
                yield name
                if name not in COUNTED:
                    yield from leaves(one)
        case list():
            for one in value:
                yield from leaves(one)
        case str() | bytes() if value[:1] in ("{", "[", b"{", b"["):
            try:
                yield from leaves(msgspec.json.decode(value))
            except msgspec.DecodeError:
                yield _text(value)
        case None | bool():
            pass
        case _:
            yield _text(value)


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return value.decode() if value.isascii() and value.decode().isprintable() else value.hex()
