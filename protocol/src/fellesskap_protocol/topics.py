"""Topic strings: `fellesskap/v1/{shard}/{locker_id}/{kind}`, built and parsed here only.

Pure. Source: `docs/protocol.md` 1.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args
from zlib import crc32

Kind = Literal[
    "birth",
    "journal",
    "ack",
    "rights",
    "commands",
    "results",
    "keys",
    "presence",
    "state",
    "telemetry",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
DOWNLINK: tuple[Kind, ...] = ("ack", "rights", "commands", "keys")
"""What the backend sends and a locker subscribes to (a locker also hears its own presence)."""
UPLINK: tuple[Kind, ...] = ("birth", "journal", "results")
"""What a locker sends signed and the backend decides by."""
SHARDS = 256

_PREFIX = "fellesskap/v1"
_LOCKER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class InvalidLockerId(ValueError):
    """A locker id that does not match `[a-z0-9][a-z0-9-]{0,31}`."""


class InvalidTopic(ValueError):
    """A topic string that no part of the product builds."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Whose message it is and of which kind."""

    locker_id: str
    kind: Kind


def check_locker_id(locker_id: str) -> str:
    """Return the id unchanged, or raise `InvalidLockerId` saying what is allowed."""
    if not _LOCKER_ID.fullmatch(locker_id):
        raise InvalidLockerId(
            f"locker id {locker_id[:40]!r}: 1 to 32 of a-z, 0-9 and '-', not beginning with '-'"
        )
    return locker_id


def shard_of(locker_id: str) -> str:
    """Return the shard as two lower-case hex digits: crc32 of the id modulo 256.

    >>> shard_of("oslo-1")
    '40'
    """
    return f"{crc32(locker_id.encode()) % SHARDS:02x}"


def topic(locker_id: str, kind: Kind) -> str:
    """Build the topic of one kind of message of one locker.

    >>> topic("oslo-1", "journal")
    'fellesskap/v1/40/oslo-1/journal'
    """
    check_locker_id(locker_id)
    return f"{_PREFIX}/{shard_of(locker_id)}/{locker_id}/{kind}"


def every_locker(kind: Kind) -> str:
    """Build the subscription to one kind of message of all lockers.

    >>> every_locker("state")
    'fellesskap/v1/+/+/state'
    """
    return f"{_PREFIX}/+/+/{kind}"


def parse(text: str) -> Topic:
    """Take a topic apart; raise `InvalidTopic` for anything that `topic` does not build.

    >>> parse("fellesskap/v1/40/oslo-1/birth")
    Topic(locker_id='oslo-1', kind='birth')
    """
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != _PREFIX:
        raise InvalidTopic(f"not a topic of {_PREFIX}: {text[:100]!r}")
    shard, locker_id, kind = parts[2:]
    if kind not in KINDS:
        raise InvalidTopic(f"unknown kind {kind[:40]!r} in {text[:100]!r}")
    if not _LOCKER_ID.fullmatch(locker_id) or shard != shard_of(locker_id):
        raise InvalidTopic(f"locker id and shard do not belong together in {text[:100]!r}")
    return Topic(locker_id, kind)
