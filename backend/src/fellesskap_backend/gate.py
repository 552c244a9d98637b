"""The gate at the rim: as many requests inside as there are connections, never more.

Threads, connections and admitted requests are one number, so nothing inside waits for another's
connection; who is outside waits here, cheaply, and is told to come back after `gate_wait_s`. A
body is read whole before admission: a slow sender holds no place. HEAD is admitted as GET: the
server leaves the body out. Pure ASGI, wrapped around `app`.
"""

import asyncio
import json
import logging
import traceback
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fellesskap_backend.errors import PROBLEM_TYPE, BackendError, BodyTooLarge, Busy

log = logging.getLogger(__name__)
BODY_BYTES_MAX = 64 * 1024
BODIES_BYTES_MAX = {"/v1/manifests": 2 * 1024 * 1024}
"""Where more than usual is taken at once: 2,000 parcels of a kilobyte."""
RETRY_AFTER_S = 1
INSTANCE = "fellesskap.instance"
"""Where a scope has the name by which a failure is told, and found in the log."""
Header = tuple[bytes, bytes]


class Gate:
    """An ASGI application that admits `places` requests at a time to another."""

    def __init__(self, app: ASGIApp, *, places: int, wait_s: float) -> None:
        self._app = app
        self._places = asyncio.Semaphore(places)
        self._wait_s = wait_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(scope, receive)
        except BodyTooLarge as error:
            await refuse(error, send)
            return
        if body is None:
            return
        try:
            async with asyncio.timeout(self._wait_s):
                await self._places.acquire()
        except TimeoutError:
            busy = Busy("Every place is taken; try again.")
            await refuse(busy, send, [(b"retry-after", str(RETRY_AFTER_S).encode())])
            return
        try:
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            scope = {**scope, "method": method}
            await self._app(scope, _replay(body, receive), send)
        except Exception as error:  # noqa: BLE001 - a bug; the application has answered 500
            # The trace without the text: PostgreSQL quotes whole rows in what it says.
            trace = "".join(traceback.format_tb(error.__traceback__))
            kind, instance = type(error).__name__, scope.get(INSTANCE, "after its answer began")
            log.error("a request failed: %s, %s\n%s", kind, instance, trace)  # noqa: TRY400
        finally:
            self._places.release()


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the whole body; None if the caller has gone; raise `BodyTooLarge`."""
    parts: list[bytes] = []
    length = 0
    most = BODIES_BYTES_MAX.get(scope["path"], BODY_BYTES_MAX)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        length += len(part)
        if length > most:
            raise BodyTooLarge(f"A request carries at most {most} bytes here.")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body at once, then what the server says."""
    told = False

    async def replayed() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def refuse(error: BackendError, send: Send, headers: Sequence[Header] = ()) -> None:
    """Answer before anything was admitted, and close: the rest of a body may be on its way."""
    body = json.dumps(error.problem()).encode()
    told = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": told})
    await send({"type": "http.response.body", "body": body})
