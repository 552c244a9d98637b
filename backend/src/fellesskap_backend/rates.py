"""How many requests one caller may send: a token bucket for each, in this process.

It stands before the gate and costs a dictionary look-up, and no place. A caller is an API key
that has come in before, or an address: who shows no key, or one that has not come in yet, pays
with his address, so that guessing keys gives nobody a new bucket and takes nothing from those
who have come in. Nothing is shared between processes: two of them let through twice as much.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fellesskap_backend.errors import RateLimited
from fellesskap_backend.gate import refuse

CALLERS_MAX = 20_000
"""Buckets that are remembered; the one unused for longest goes first, and is full by then."""
FREE = ("/v1/health",)
"""Not counted: whoever watches over the service asks often, and must hear."""
POLICY = "requests"


@dataclass(frozen=True)
class Rate:
    """`burst` requests at once, and `per_s` a second in the long run."""

    per_s: float
    burst: int


@dataclass(frozen=True)
class Bucket:
    """What is left at a time, in tokens."""

    left: float
    at: float


def refilled(bucket: Bucket, rate: Rate, now: float) -> Bucket:
    """PURE: return the bucket as it is now.

    >>> refilled(Bucket(0.0, 10.0), Rate(2.0, 5), 11.5)
    Bucket(left=3.0, at=11.5)
    """
    earned = max(0.0, now - bucket.at) * rate.per_s
    return Bucket(min(float(rate.burst), bucket.left + earned), max(now, bucket.at))


def taken(bucket: Bucket) -> Bucket | None:
    """PURE: return the bucket without one token; None if there is none."""
    return Bucket(bucket.left - 1, bucket.at) if bucket.left >= 1 else None


class RateLimit:
    """An ASGI application that lets a caller through to another as often as its bucket allows."""

    def __init__(
        self, app: ASGIApp, rate: Rate, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[bytes, Bucket] = OrderedDict()
        policy = f'"{POLICY}";q={rate.burst};w={ceil(rate.burst / rate.per_s)}'
        self._policy = (b"ratelimit-policy", policy.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the server."""
        if scope["type"] != "http" or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        now, address = self._clock(), _address(scope)
        key = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        named = address if key is None else _known_as(key)
        caller = named if named in self._buckets else address
        headers = self._take(caller, now)
        if headers is None:
            await self._refuse(caller, now, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                if caller != named and message["status"] != 401:
                    self._take(named, now)  # from now on it pays for itself
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, told)

    def _bucket(self, caller: bytes, now: float) -> Bucket:
        full = Bucket(float(self._rate.burst), now)
        return refilled(self._buckets.get(caller, full), self._rate, now)

    def _take(self, caller: bytes, now: float) -> list[tuple[bytes, bytes]] | None:
        """Take one token; return the headers that say what is left, None if nothing was."""
        bucket = self._bucket(caller, now)
        rest = taken(bucket)
        self._buckets[caller] = bucket if rest is None else rest
        self._buckets.move_to_end(caller)
        if len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)
        return None if rest is None else self._headers(rest)

    def _headers(self, bucket: Bucket) -> list[tuple[bytes, bytes]]:
        full_in_s = ceil((self._rate.burst - bucket.left) / self._rate.per_s)
        left = f'"{POLICY}";r={int(bucket.left)};t={full_in_s}'
        return [self._policy, (b"ratelimit", left.encode())]

    async def _refuse(self, caller: bytes, now: float, send: Send) -> None:
        bucket = self._bucket(caller, now)
        wait_s = max(1, ceil((1 - bucket.left) / self._rate.per_s))
        error = RateLimited(
            f"At most {self._rate.burst} at once and {self._rate.per_s:g} a second."
        )
        retry = (b"retry-after", str(wait_s).encode())
        await refuse(error, send, [retry, *self._headers(bucket)])


def _known_as(key: bytes) -> bytes:
    """Return by what a key is known here: not by itself."""
    return blake2b(key, digest_size=16).digest()


def _address(scope: Scope) -> bytes:
    client = scope.get("client")
    return b"address " + (client[0].encode() if client else b"")
