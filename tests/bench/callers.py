"""HTTP callers that cost little beside what they measure: one after another, or many at once."""

import asyncio
import http.client
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from tests.system.house import Json

Headers = dict[str, str]


class Answered(NamedTuple):
    """When the request began, and what came back."""

    begun: float
    status: int
    body: Json


class Caller:
    """One connection that is kept; `post` tells when it began, each with a key of its own."""

    def __init__(self, url: str, headers: Headers | None = None) -> None:
        self._line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._headers = {"Content-Type": "application/json", **(headers or {})}

    def post(self, path: str, asked: Json) -> Answered:
        """Send a request on the open connection and return its answer."""
        body = json.dumps(asked).encode()
        if self._line.sock is None:
            self._line.connect()
        headers = self._headers | {"Idempotency-Key": uuid.uuid4().hex}
        begun = time.monotonic()
        self._line.request("POST", path, body, headers)
        answer = self._line.getresponse()
        return Answered(begun, answer.status, json.loads(answer.read()))

    def close(self) -> None:
        """Close the connection."""
        self._line.close()


def rendered(url: str, path: str, headers: Headers, asked: Json) -> bytes:
    """Return a POST as its bytes."""
    body = json.dumps(asked).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def per_second(
    urls: str | Sequence[str], requests: list[bytes], connections: int, expected: int
) -> float:
    """Send all requests over so many connections at once; return how many a second.

    Several servers have the same number of connections each. Raises `AssertionError` for any other
    answer than the status that is expected.
    """
    every = [urls] if isinstance(urls, str) else urls
    places = [urlsplit(every[turn % len(every)]) for turn in range(connections)]
    return asyncio.run(_all(places, iter(requests), len(requests), expected))


async def _all(
    places: Sequence[SplitResult], requests: Iterator[bytes], count: int, expected: int
) -> float:
    lines = [await asyncio.open_connection(one.hostname, one.port) for one in places]

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            status = int(head.split(b" ", 2)[1])
            assert status == expected, f"{status}: {body[:500]!r}"

    begun = time.monotonic()
    await asyncio.gather(*(one(*line) for line in lines))
    spent = time.monotonic() - begun
    for _, writer in lines:
        writer.close()
    return count / spent
