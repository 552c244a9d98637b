"""Many endpoints in one thread: good ones, and ten kinds of bad ones. Plain sockets, real HTTP.

A behaviour is a coroutine that is given an endpoint and a connection, and does what it likes.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

Json = dict[str, Any]
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
BIG = 10 * 1024 * 1024


class Came(NamedTuple):
    """One request, when it came and what it said."""

    at: datetime
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Json:
        told: Json = json.loads(self.body)
        return told


class Endpoint:
    """One endpoint by its name; `came` are the requests that it got, in order."""

    def __init__(self, behaviour: "Behaviour") -> None:
        self.behaviour = behaviour
        self.came: list[Came] = []
        self.connections = 0
        self.status = 500
        self.over = asyncio.Event()

    def told(self) -> list[Json]:
        return [came.told for came in list(self.came)]


Behaviour = Callable[[Endpoint, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request(reader: asyncio.StreamReader) -> Came:
    """Read one request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = head.split("\r\n")[1:-2]
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Came(datetime.now(UTC), headers, body)


async def takes(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Take everything."""
    while True:
        endpoint.came.append(await request(reader))
        writer.write(OK)


async def hangs(
    endpoint: Endpoint, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
) -> None:
    """Read, and never answer."""
    endpoint.came.append(await request(reader))
    await endpoint.over.wait()


async def drips(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer with one byte a second."""
    endpoint.came.append(await request(reader))
    for byte in b"HTTP/1.1 204 No Content\r\nx-never: ends" + bytes(1000):
        writer.write(bytes([byte]))
        with suppress(TimeoutError):
            await asyncio.wait_for(endpoint.over.wait(), 1)
            return


async def redirects(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Say that somebody else shall have it."""
    while True:
        endpoint.came.append(await request(reader))
        head = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\n"
        writer.write(head + b"content-length: 0\r\n\r\n")


async def floods(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Take it, and answer with 10 MB."""
    endpoint.came.append(await request(reader))
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
    for _ in range(BIG // 65_536):
        writer.write(bytes(65_536))
        await writer.drain()


async def answers(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer with the status of the endpoint."""
    while True:
        endpoint.came.append(await request(reader))
        writer.write(b"HTTP/1.1 %d Whatever\r\ncontent-length: 0\r\n\r\n" % endpoint.status)


async def slams(
    endpoint: Endpoint, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
) -> None:
    """Read, and shut the connection."""
    endpoint.came.append(await request(reader))


async def babbles(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer what is no HTTP."""
    endpoint.came.append(await request(reader))
    writer.write(b"\x00\xff" * 500)


async def heads(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer with headers that never end."""
    endpoint.came.append(await request(reader))
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not endpoint.over.is_set():
        writer.write(b"x-more: " + b"y" * 1000 + b"\r\n")
        await writer.drain()


class Receivers:
    """Endpoints by their names, each on a port of its own on loopback."""

    def __init__(
        self, behaviours: Iterable[tuple[str, Behaviour]], tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self.endpoints = {name: Endpoint(behaviour) for name, behaviour in behaviours}
        self._ports: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def __getitem__(self, name: str) -> Endpoint:
        return self.endpoints[name]

    def url(self, name: str) -> str:
        """Where an endpoint is."""
        return f"http://127.0.0.1:{self.port(name)}/hook"

    def port(self, name: str) -> int:
        """On which port an endpoint listens."""
        return self._ports[name]

    def close(self) -> None:
        """Stop listening, and let go of whoever hangs."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        servers = [await self._listen(name, tasks) for name in self.endpoints]
        self._ready.set()
        await self._stopping.wait()
        for endpoint in self.endpoints.values():
            endpoint.over.set()
        for server in servers:
            server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in servers:
            await server.wait_closed()

    async def _listen(self, name: str, tasks: set[asyncio.Task[None]]) -> asyncio.Server:
        endpoint = self.endpoints[name]

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(_behave(endpoint, reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=self._tls)
        self._ports[name] = server.sockets[0].getsockname()[1]
        return server


async def _behave(
    endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    endpoint.connections += 1
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await endpoint.behaviour(endpoint, reader, writer)
    finally:
        writer.close()
