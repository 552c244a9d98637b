"""PURE: do receipts and roots still say what was committed to?

By the functions with which a carrier verifies them (`fellesskap_protocol.audit`).
"""

import hmac
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from fellesskap_backend.db import instant
from fellesskap_backend.decisions.batches import batch_in
from fellesskap_backend.decisions.replay import Fold, NotDerived, Run
from fellesskap_backend.policies.comparing import Published
from fellesskap_backend.receipts.tables import AuditRoot
from fellesskap_protocol.audit import NotProven, climb, name_of, unb64, unsigned
from fellesskap_protocol.merkle import Tree, entry, size_of
from fellesskap_protocol.signing import b64url


class Root(NamedTuple):
    """What was published of an hour."""

    size: int
    root: str
    seed: str


class Committed(NamedTuple):
    """One receipt as it is stored."""

    told: str
    salt: str
    place: int
    path: list[str]


def padding(seed: bytes, count: int) -> Iterator[bytes]:
    """Yield entries that nobody without the seed tells from those of decisions."""
    for number in range(count):
        yield hmac.digest(seed, number.to_bytes(4, "big"), sha256)


def published(row: AuditRoot, issuer: str, names: Container[str]) -> tuple[Root, bool]:
    """Return what was signed of an hour, and whether the row says the same.

    `names` are the installation's keys, of today and of before. Where nothing that they signed is
    there, the row's own word is all there is.
    """
    own = Root(row.size, row.root, row.seed)
    try:
        key = unb64(row.key)
        name = name_of(key)
        said, _ = unsigned(row.jws, {name: key})
    except NotProven:
        return own, False
    if name not in names or (said["iss"], said["hour"]) != (issuer, instant(row.hour)):
        return own, False
    signed = own._replace(size=said["size"], root=said["root"])
    return signed, signed == own


def derived(fold: Fold, run: Run, broken: Container[int]) -> list[list[str]]:
    """Return, of each decision that is derived again, what is wrong with it.

    Of a batch of which a row is altered or gone nothing is derived: that row is named, and every
    other answer depends on it. Nor is one named for what it was decided beside: a claim of such a
    row explains another answer.
    """
    rows = run.links
    if run.of > 1 and run.touches(broken):
        fold.take(run)
        return [[] for _ in rows]
    if not run.is_whole:
        return [["not all of its batch"] for _ in rows]
    try:
        again = fold.again(run, alone=rows[0].number - 1 in broken)
        wrong = [
            [] if text == row.body else ["decided otherwise"]
            for row, text in zip(rows, again, strict=True)
        ]
    except NotDerived:
        wrong = [["cannot be derived"] for _ in rows]
    if any(wrong) and run.stands_beside(broken):
        fold.take(run)
        return [[] for _ in rows]
    return wrong


CutOffs = Mapping[tuple[date, str], datetime | None]
"""When each announced cut-off of a locker was decided, by day and instant."""


def ruled(row: Any, decided_at: datetime, published: Published, cut_offs: CutOffs) -> Iterator[str]:
    """Yield what is wrong with the rules, and the cut-off, by which was decided."""
    if f'"policy":"{published.in_force(decided_at)}"' not in row.body:
        yield "not by the rules in force"
    batch = batch_in(row.body)
    if batch is None:
        return
    if (batch.day, batch.cut_off) not in cut_offs:
        yield "at a cut-off that was not announced"
    elif cut_offs[batch.day, batch.cut_off] != decided_at:
        yield "not when its cut-off was decided"


def stands(one: Committed, under: Root) -> bool:
    """Say whether a receipt leads to a root."""
    if one.place not in range(under.size) or under.size != 1 << len(one.path):
        return False
    try:
        leaf = entry(unb64(one.salt), one.told.encode())
        return b64url(climb(leaf, one.place, [unb64(node) for node in one.path])) == under.root
    except (NotProven, ValueError):
        return False


def is_whole(root: Root, salted: Iterable[tuple[str, str]]) -> bool:
    """Say whether these (`salt`, `told`) and padding are all that a tree was made of."""
    try:
        entries = [entry(unb64(salt), said.encode()) for salt, said in salted]
        seed = unb64(root.seed)
        tree = Tree(entries, list(padding(seed, size_of(len(entries)) - len(entries))))
    except (NotProven, ValueError):
        return False
    return (tree.size, b64url(tree.root)) == (root.size, root.root)
