"""Webhooks over HTTP: one event loop in a thread of its own, that holds hundreds of them at once.

No redirect is followed, no answer is kept and hardly one read: the status says all. An address is
looked at where its socket is made, so that none is connected to that was not.
"""

import asyncio
import logging
import socket
import ssl
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import uvloop
from aiohttp.abc import AbstractResolver

from fellesskap_backend.webhooks import address, signing
from fellesskap_backend.webhooks.outbox import Letter, Outcome

log = logging.getLogger(__name__)
TIMEOUT_S = 10.0
"""For all of it: name, connection, TLS, request and the head of the answer."""
CONNECT_S = 5.0
ANSWER_BYTES_MAX = 8_192
"""Read of an answer, so that its connection can be used again; a longer one costs it that."""
ANSWER_S = 0.5
"""How long is waited for such a rest; the outcome is known already."""
KEPT_S = 15.0
"""How long an idle connection is kept."""
NAMES_S = 10
"""How long a resolved name is believed; each address is looked at when it is connected to."""
ERRORS = ("timeout", "forbidden_address", "tls", "unreachable", "malformed")
"""Why there was no answer."""
Ended = Callable[[Outcome], None]


class ForbiddenAddress(OSError):
    """An address that is not on the public internet."""


@dataclass(frozen=True)
class World:
    """Whom the world lets us believe: who vouches for hosts, who knows their addresses."""

    trusted: ssl.SSLContext | None = None
    """None: the authorities that the machine trusts."""
    names: AbstractResolver | None = None
    """None: the machine's own resolver."""


class Sender:
    """Sends what it is given; says of each how it ended, in its own thread."""

    def __init__(
        self,
        ended: Ended,
        *,
        allow_loopback: bool,
        timeout_s: float = TIMEOUT_S,
        world: World = World(),
    ) -> None:
        self._ended = ended
        self._allow_loopback = allow_loopback
        self._world = world
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S)
        self._loop = uvloop.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin; return at once."""
        self._thread.start()

    def stop(self) -> None:
        """End at once: of what is under way nothing is said, so it will be sent again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        if not self._loop.is_closed():
            self._loop.close()

    def send(self, letters: list[Letter]) -> None:
        """Send these; from any thread."""
        self._loop.call_soon_threadsafe(self._begin, letters)

    # In the loop's thread ------------------------------------------------------------------------

    def _run(self) -> None:
        self._loop.run_until_complete(self._until_stopped())

    async def _until_stopped(self) -> None:
        await self._open()
        await self._stopping.wait()
        await self._close()

    async def _open(self) -> None:
        connector = aiohttp.TCPConnector(
            limit=0,  # how many is decided by `lanes`
            ssl=self._world.trusted or ssl.create_default_context(),
            resolver=self._world.names,
            ttl_dns_cache=NAMES_S,
            keepalive_timeout=KEPT_S,
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"content-type": "application/json", "user-agent": "Fellesskap"},
        )

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._session is not None
        await self._session.close()
        await self._loop.shutdown_default_executor()

    def _begin(self, letters: list[Letter]) -> None:
        for letter in letters:
            task = self._loop.create_task(self._deliver(letter))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, letter: Letter) -> None:
        try:
            status, error = await self._post(letter), None
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as failed:
            status, error = None, error_of(failed)
            log.info("a webhook got no answer: %s", error)
        except Exception as failed:  # noqa: BLE001 - the top of a task; words may be secret
            status, error = None, error_of(failed)
            where = "".join(traceback.format_tb(failed.__traceback__))
            log.error(  # noqa: TRY400 - an exception's own words may hold what is secret
                "a webhook failed: %s\n%s", type(failed).__name__, where
            )
        self._ended(Outcome(letter.key, status, error))

    async def _post(self, letter: Letter) -> int:
        """Deliver one body; return the status."""
        assert self._session is not None
        fault = address.fault_of(letter.url, allow_loopback=self._allow_loopback)
        if fault is not None:
            raise ForbiddenAddress(fault)
        headers = signing.sign(
            letter.secrets, str(letter.key.event_id), datetime.now(UTC), letter.body
        )
        async with self._session.post(
            letter.url, data=letter.body, headers=headers, allow_redirects=False
        ) as answer:
            if not await _is_short(answer):
                answer.close()
            return answer.status

    def _socket(self, found: tuple[Any, ...]) -> socket.socket:
        """Make the socket for one address, unless nothing may go there."""
        family, kind, protocol, _, where = found
        if not address.may_reach(str(where[0]), allow_loopback=self._allow_loopback):
            raise ForbiddenAddress("not on the public internet")
        return socket.socket(family, kind, protocol)


async def _is_short(answer: aiohttp.ClientResponse) -> bool:
    """Read what is left of an answer; return whether that was soon all."""
    left = ANSWER_BYTES_MAX
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(ANSWER_S):
            while left > 0:
                read = await answer.content.read(left)
                if not read:
                    return True
                left -= len(read)
    return False


def error_of(failed: BaseException) -> str:
    """Say in one word why there was no answer."""
    if isinstance(failed, TimeoutError):
        return "timeout"
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ForbiddenAddress):
            return "forbidden_address"
        cause = cause.__cause__
    if isinstance(failed, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls"
    if isinstance(failed, aiohttp.ClientPayloadError | aiohttp.ClientResponseError | ValueError):
        return "malformed"
    return "unreachable"
