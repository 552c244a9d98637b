"""`fellesskap-audit verify RECEIPT ROOTS`: does a receipt stand under a published root?

Meant to be read by whoever does not trust us: this file imports nothing of ours, only Python's own
library and `cryptography` (Ed25519). It needs no account and no network. What it does:

1. RECEIPT says what was decided (`decision`, a text), and holds a secret of 32 bytes (`salt`).
   SHA-256(salt || decision) is the entry that stands for it.
2. The entry is one of the leaves of a binary tree of hashes (RFC 6962, 2.1). The receipt gives its
   `place` from the left and, from below, the neighbour on each level (`path`): hashing upwards
   leads to the root, and only there.
3. ROOTS has one root for each hour, signed with Ed25519 (a compact JWS, RFC 7515) by one of the
   `keys` in it: a key may be replaced in the course of time. The root that was computed must be
   that of the receipt's hour, and the number of levels that of its tree.

4. What was decided at a cut-off has a `lot` for its `ticket`. With LOTS, where the key of a day is
   public once it is over, it is drawn again: HMAC-SHA256(key, ticket). The SHA-256 of the key
   (`key_hash`) was published before the day began, so nobody chose it to make one win.

So a decision that was changed, left out or told differently to two carriers would be seen, as long
as people compare the ROOTS they were given: fetch them at different times and places, and keep
them. Two different roots of one hour in one file are refused.
"""

import argparse
import hmac
import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BATCH: dict[str, type] = {"day": str, "key_hash": str, "ticket": str, "lot": str}
FILE_BYTES_MAX = 64 << 20
"""More than fifteen years of hourly roots."""


class NotProven(Exception):
    """The receipt does not stand under the roots; says why."""


def verify(receipt: bytes, roots: bytes, key: bytes | None = None) -> dict[str, Any]:
    """Return the decision that is proven, and by which root and key; raise `NotProven`.

    `receipt` is the receipt, or the whole answer in which it came. `key` is the public key (32
    bytes) that you know the operator by; without it the one in the file is believed, and returned
    to be compared.
    """
    given = read(receipt, "receipt", {})
    given = given.get("receipt", given)
    given = has(given, "receipt", {"hour": str, "decision": str, "salt": str, "place": int})
    path = given.get("path")
    if not isinstance(path, list):
        raise NotProven("receipt: `path` is missing")
    published = published_roots(roots)
    if given["hour"] not in published:
        raise NotProven(f"no root is published for {given['hour']}")
    said, signer = published[given["hour"]]
    if key is not None and signer != key:
        raise NotProven("that root is signed by another key than the one you named")
    if given["place"] not in range(said["size"]) or said["size"] != 1 << len(path):
        raise NotProven("the path is not one of that tree")
    salt = unb64(given["salt"])
    if len(salt) != 32:
        raise NotProven("a salt has 32 bytes")
    try:
        entry = sha256(salt + given["decision"].encode()).digest()
    except UnicodeEncodeError:
        raise NotProven("receipt: `decision` is no text") from None
    if climb(entry, given["place"], [unb64(one) for one in path]) != unb64(said["root"]):
        raise NotProven("the path does not lead to the published root")
    return {
        "decision": given["decision"],
        "hour": given["hour"],
        "root": said["root"],
        "issuer": said["iss"],
        "key": b64(signer),
    }


def drawn(decision: str, lots: bytes) -> str:
    """Draw the lot of a decision that is proven again, and return it; raise `NotProven`."""
    batch = has(read(decision.encode(), "decision", {}).get("batch"), "batch", BATCH)
    every = [has(one, "lots", {"date": str}) for one in read(lots, "lots", {"lots": list})["lots"]]
    day = next((one for one in every if one["date"] == batch["day"]), None)
    if day is None:
        raise NotProven(f"lots: none for {batch['day']}")
    if day.get("key") is None:
        raise NotProven(f"lots: the key of {batch['day']} is not public yet")
    key = unb64(day["key"])
    if not sha256(key).hexdigest() == day.get("key_hash") == batch["key_hash"]:
        raise NotProven("the key is not the one that was announced")
    if hmac.digest(key, batch["ticket"].encode(), "sha256").hex() != batch["lot"]:
        raise NotProven("the lot is not that of the ticket")
    return str(batch["lot"])


def climb(entry: bytes, place: int, path: list[bytes]) -> bytes:
    """Hash an entry upwards: at each level the neighbour is on the left if the place is odd."""
    node = sha256(b"\0" + entry).digest()
    for neighbour in path:
        if len(neighbour) != 32:
            raise NotProven("a hash has 32 bytes")
        left, right = (neighbour, node) if place % 2 else (node, neighbour)
        node = sha256(b"\1" + left + right).digest()
        place //= 2
    return node


def published_roots(roots: bytes) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Return, by hour, the signed root and the key that signed it."""
    given = read(roots, "roots", {"keys": list, "roots": list})
    keys = {name_of(raw): raw for raw in map(unb64, given["keys"])}
    published: dict[str, tuple[dict[str, Any], bytes]] = {}
    for token in given["roots"]:
        said, key = unsigned(token, keys)
        if published.setdefault(said["hour"], (said, key))[0] != said:
            raise NotProven(f"two different roots for {said['hour']}: keep this file, and ask why")
    return published


def name_of(key: bytes) -> str:
    """Return the name (`kid`) of a public key: its thumbprint of RFC 7638."""
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{b64(key)}"}}'
    return b64(sha256(text.encode()).digest())


def unsigned(token: object, keys: dict[str, bytes]) -> tuple[dict[str, Any], bytes]:
    """Return what a compact JWS says (`header.payload.signature`), and the key that signed it."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        raise NotProven("roots: not a compact JWS")
    header = read(unb64(parts[0]), "header", {"alg": str, "typ": str, "kid": str})
    if (header["alg"], header["typ"]) != ("Ed25519", "fellesskap.root.v1"):
        raise NotProven("roots: signed as something else")
    if header["kid"] not in keys:
        raise NotProven("roots: one is signed by a key that is not among `keys`")
    key = keys[header["kid"]]
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
        public.verify(unb64(parts[2]), f"{parts[0]}.{parts[1]}".encode())
    except (InvalidSignature, ValueError):
        raise NotProven("roots: a signature does not hold") from None
    return read(unb64(parts[1]), "root", {"iss": str, "hour": str, "size": int, "root": str}), key


def read(data: bytes, what: str, fields: dict[str, type]) -> dict[str, Any]:
    """Read a JSON object that has these fields of these types."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise NotProven(f"{what}: not JSON") from None
    return has(said, what, fields)


def has(said: Any, what: str, fields: dict[str, type]) -> dict[str, Any]:
    """Return an object if it has these fields of these types."""
    if not isinstance(said, dict):
        raise NotProven(f"{what}: not an object")
    for name, kind in fields.items():
        if type(said.get(name)) is not kind:
            raise NotProven(f"{what}: `{name}` is missing, or not what it should be")
    return said


def b64(raw: bytes) -> str:
    """Write base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: object) -> bytes:
    """Read base64url without padding, in its one spelling."""
    try:
        raw = text.encode("ascii") if isinstance(text, str) else b""
        data = urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except ValueError:
        raise NotProven("not base64url") from None
    if not raw or b64(data) != text:
        raise NotProven("not base64url")
    return data


def content(file: Path) -> bytes:
    """Return what stands in a file of a size that can be."""
    if file.stat().st_size > FILE_BYTES_MAX:
        raise NotProven(f"{file}: over {FILE_BYTES_MAX} bytes")
    return file.read_bytes()


def main() -> int:
    """Verify one receipt; 0 if it is proven, 1 with the reason if not."""
    parser = argparse.ArgumentParser(prog="fellesskap-audit", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("verify", help="does this receipt stand under a published root?")
    verb.add_argument("receipt", type=Path, help="the receipt, as GET /v1/decisions/{id} gave it")
    verb.add_argument("roots", type=Path, help="the roots, as GET /v1/audit/roots gave them")
    verb.add_argument("--key", help="the operator's public key, base64url, if you know it")
    verb.add_argument("--lots", type=Path, help="the keys, as GET /v1/audit/lots gave them")
    asked = parser.parse_args()
    try:
        key = unb64(asked.key) if asked.key else None
        proven = verify(content(asked.receipt), content(asked.roots), key)
        lot = drawn(proven["decision"], content(asked.lots)) if asked.lots else None
    except (NotProven, OSError) as error:
        print(f"not proven: {error}", file=sys.stderr)
        return 1
    print(f"proven: {proven['decision']}")
    print(f"under the root {proven['root']} of {proven['hour']}, by {proven['issuer']}")
    if lot is not None:
        print(f"its lot is {lot}: drawn for its ticket, with the key that was announced")
    if asked.key is None:
        print(f"signed by the key {proven['key']}: compare it with the one you were given")
    return 0


if __name__ == "__main__":
    sys.exit(main())
