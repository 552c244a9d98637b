"""One tree over the decisions of an hour, whose published root nobody can change afterwards.

Pure: salts and padding are arguments. An entry is SHA-256(salt || decision), so that it says
nothing to whoever lacks the salt. Entries stand in ascending order and are filled up with random
ones to a power of two, at least 1,024: neither a place nor the size tells how much was decided. The
tree over them is that of RFC 6962, 2.1 (leaf `00 || entry`, node `01 || left || right`).
`fellesskap_protocol.audit` verifies without this module.
"""

import json
from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Any

from fellesskap_protocol.signing import PublicKey, SigningKey, b64url

Json = dict[str, Any]

ENTRIES_MIN = 1_024
"""So many decisions an hour are told apart from none by nobody."""
SALT_BYTES = ENTRY_BYTES = 32
ROOT_TYP = "fellesskap.root.v1"


def entry(salt: bytes, decision: bytes) -> bytes:
    """Return what commits to a decision; `salt` has 32 bytes and is used once."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return sha256(salt + decision).digest()


def size_of(entries: int) -> int:
    """Return how many entries a tree of so many decisions has.

    >>> [size_of(entries) for entries in (0, 1_024, 1_025)]
    [1024, 1024, 2048]
    """
    return 1 << (max(ENTRIES_MIN, entries) - 1).bit_length()


class Tree:
    """The tree of one hour; `padding` gives at least as many random entries as are missing.

    Raises `ValueError` for too few of them, and where two entries are equal.
    """

    def __init__(self, entries: Collection[bytes], padding: Sequence[bytes]) -> None:
        missing = size_of(len(entries)) - len(entries)
        if len(padding) < missing:
            raise ValueError(f"{missing} entries of padding are needed, not {len(padding)}")
        full = sorted((*entries, *padding[:missing]))
        self.size = len(full)
        self._place = {one: place for place, one in enumerate(full)}
        if len(self._place) < self.size or any(len(one) != ENTRY_BYTES for one in full):
            raise ValueError(f"entries are all different and have {ENTRY_BYTES} bytes each")
        self._levels = [[sha256(b"\0" + one).digest() for one in full]]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = zip(below[::2], below[1::2], strict=True)
            self._levels.append([sha256(b"\1" + a + b).digest() for a, b in pairs])

    @property
    def root(self) -> bytes:
        """What is published."""
        return self._levels[-1][0]

    def path(self, one: bytes) -> tuple[int, list[bytes]]:
        """Return an entry's place and the sibling at each level, from below; else `KeyError`."""
        place = self._place[one]
        return place, [level[(place >> n) ^ 1] for n, level in enumerate(self._levels[:-1])]


def receipt(hour: str, salt: bytes, decision: str, at: tuple[int, Sequence[str]]) -> Json:
    """Return a carrier's receipt.

    `decision` is what the carrier is told; `at` its place in the tree, and the path from there,
    written as base64url.
    """
    place, path = at
    return {
        "hour": hour,
        "decision": decision,
        "salt": b64url(salt),
        "place": place,
        "path": list(path),
    }


def signed_root(issuer: str, hour: str, tree: Tree, key: SigningKey) -> str:
    """Return the root of an hour as a compact JWS; `hour` is when it began, in RFC 3339."""
    said = {"iss": issuer, "hour": hour, "size": tree.size, "root": b64url(tree.root)}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return key.sign(ROOT_TYP, text.encode()).decode()


def roots(keys: Sequence[PublicKey], signed: Sequence[str]) -> Json:
    """Return the file of roots: the keys that signed some of them, and the roots, oldest first."""
    return {"keys": [b64url(key.raw) for key in keys], "roots": list(signed)}
