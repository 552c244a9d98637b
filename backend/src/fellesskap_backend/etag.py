"""PURE: entity tags (RFC 9110 8.8.3), strong ones, made from what is shown.

The same content has the same tag in every process of the installation. Keyed: a tag may stand in
a log, and from a plain digest a pickup code could be found by trying.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from fellesskap_backend.errors import PreconditionFailed, PreconditionRequired
from fellesskap_protocol.signing import b64url

DIGEST_BYTES = 12
ANY = "*"


@dataclass(frozen=True)
class Tagger:
    """Makes the tags of one installation."""

    key: bytes = field(repr=False)

    def of(self, body: Any) -> str:
        """Return the tag of a body: of its content, not of its spaces and order."""
        content = msgspec.json.encode(body, order="deterministic")
        return f'"{b64url(blake2b(content, digest_size=DIGEST_BYTES, key=self.key).digest())}"'

    def of_bytes(self, content: bytes) -> str:
        """Return the tag of a body as it is sent."""
        return self.of(msgspec.json.decode(content))


@dataclass(frozen=True)
class Match:
    """What an If-Match asks for: that nothing has changed since it was read."""

    tagger: Tagger
    header: str | None

    def check(self, shown: Any) -> None:
        """Compare with what a GET would show now; the row behind it is locked by the caller.

        Raises `PreconditionRequired` where nothing was asked for, `PreconditionFailed` where it
        shows something else.
        """
        if self.header is None:
            raise PreconditionRequired("Read it first, and send its ETag as If-Match.")
        if self.tagger.of(shown) not in tags(self.header) and self.header.strip() != ANY:
            raise PreconditionFailed("It has changed since you read it; read it again.")


def tags(header: str) -> frozenset[str]:
    """Take a list of tags apart; a weak one stays weak and equals no strong one.

    >>> sorted(tags('"a", W/"b"'))
    ['"a"', 'W/"b"']
    """
    return frozenset(part.strip() for part in header.split(","))


def unchanged(header: str | None, tag: str) -> bool:
    """Say whether an If-None-Match names a tag; weak comparison, as RFC 9110 13.1.2 wants.

    >>> unchanged('W/"a"', '"a"'), unchanged("*", '"a"'), unchanged(None, '"a"')
    (True, True, False)
    """
    if header is None:
        return False
    return header.strip() == ANY or tag in {one.removeprefix("W/") for one in tags(header)}
