"""A pipe between MQTT clients and their broker that does what networks do, one packet at a time.

Each `Line` is one address that one client is told; behind it stands the broker. `Weather` says how
the line behaves just now: loss, doubles, delay and reordering of whole PUBLISH packets, a slow
line, one direction or both standing still (as a partition does: TCP sends it all again when it is
over), connections that are taken and never answered, and cuts. Runs in a thread of its own.
"""

import asyncio
import contextlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.nemesis.framing import PUBLISH, BrokenFrame, Packet, split

Direction = Literal["up", "down"]
READ_BYTES = 65_536
START_S_MAX = 10.0
Observer = Callable[[str, Direction, Packet], None]


@dataclass
class Weather:
    """How a line behaves; the chances are for each PUBLISH, `delay_s` is at most."""

    lost: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0
    """Only this packet: later ones overtake it."""
    delay_s: float = 0.0
    bytes_per_s: float = 0.0
    """0: as fast as it goes."""
    still: frozenset[Direction] = frozenset()
    """Directions in which nothing moves until it is over."""
    mute: bool = False
    """Connections are taken, and nobody answers."""


@dataclass(eq=False)
class _Way:
    """One direction of one connection."""

    direction: Direction
    writer: asyncio.StreamWriter
    held: list[bytes] = field(default_factory=list)
    free_at: float = 0.0

    def write(self, raw: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(raw)


class Line:
    """One client's way to the broker; made by `Proxy.line`."""

    def __init__(self, name: str, broker_port: int, seed: int, observe: Observer) -> None:
        self.name = name
        self.weather = Weather()
        self.done: Counter[str] = Counter()
        """What was done to packets, and how many passed."""
        self.port = 0
        self.connections = 0
        self._broker_port = broker_port
        self._rng = random.Random(seed)
        self._observe = observe
        self._ways: list[_Way] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._come, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def become(self, weather: Weather) -> None:
        """Change the weather; what stood still and may move moves."""
        self.weather = weather
        for way in self._ways:
            if way.direction not in weather.still and not weather.mute:
                held, way.held = way.held, []
                for raw in held:
                    way.write(raw)

    async def cut(self) -> None:
        """Cut every connection, as a router that forgot them does."""
        self.done["cut"] += len(self._ways) // 2
        for writer in list(self._writers):
            writer.transport.abort()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, BrokenFrame):
                if self.weather.mute:
                    self.done["unanswered"] += 1
                    while await reader.read(READ_BYTES):
                        pass
                    return
                await self._join(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, broker = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._writers.add(broker)
        try:
            for each in (writer, broker):
                line: socket.socket = each.get_extra_info("socket")
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._carry(reader, writer, answers, broker)
        finally:  # whoever called may be gone by now
            self._writers.discard(broker)
            broker.transport.abort()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        broker: asyncio.StreamWriter,
    ) -> None:
        """Carry both ways until one of them ends."""
        ways = [_Way("up", broker), _Way("down", writer)]
        self._ways += ways
        self.connections += 1
        pumps = [
            asyncio.create_task(self._pump(reader, ways[0])),
            asyncio.create_task(self._pump(answers, ways[1])),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.connections -= 1
            for way in ways:
                self._ways.remove(way)

    async def _pump(self, reader: asyncio.StreamReader, way: _Way) -> None:
        rest = b""
        while data := await reader.read(READ_BYTES):
            packets, rest = split(rest + data)
            for packet in packets:
                self._pass(packet, way)
            await way.writer.drain()

    def _pass(self, packet: Packet, way: _Way) -> None:
        """Let one packet go its way, or not, or twice, or late."""
        self._observe(self.name, way.direction, packet)
        weather, chance = self.weather, self._rng
        self.done["passed"] += 1
        times, late_s = 1, 0.0
        if packet.type == PUBLISH:
            if chance.random() < weather.lost:
                self.done["lost"] += 1
                return
            if chance.random() < weather.doubled:
                self.done["doubled"] += 1
                times = 2
            if chance.random() < weather.delayed:
                self.done["delayed"] += 1
                late_s = chance.uniform(0, weather.delay_s)
        for turn in range(times):
            self._send(packet.raw, way, late_s * (1 + turn))

    def _send(self, raw: bytes, way: _Way, late_s: float) -> None:
        loop = asyncio.get_running_loop()
        wait_s = late_s
        if self.weather.bytes_per_s:
            self.done["slow"] += 1
            way.free_at = max(way.free_at, loop.time()) + len(raw) / self.weather.bytes_per_s
        wait_s += max(0.0, way.free_at - loop.time())
        if wait_s:
            loop.call_later(wait_s, self._arrive, raw, way)
        else:
            self._arrive(raw, way)

    def _arrive(self, raw: bytes, way: _Way) -> None:
        if way.direction in self.weather.still or self.weather.mute:
            self.done["held"] += 1
            way.held.append(raw)
        else:
            way.write(raw)


class Proxy:
    """Lines, and the thread that carries them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        self.lines: dict[str, Line] = {}

    def line(self, name: str, broker_port: int, seed: int, observe: Observer) -> Line:
        """Open a line to a broker; its port is free-chosen. `observe` sees each packet."""
        made = self.lines[name] = Line(name, broker_port, seed, observe)
        self._do(made.open())
        return made

    def weather(self, line: str, weather: Weather) -> None:
        """Change the weather of one line."""
        self._do(self.lines[line].become(weather))

    def cut(self, line: str) -> None:
        """Cut every connection of one line."""
        self._do(self.lines[line].cut())

    def close(self) -> None:
        """Cut everything and end."""
        for name in self.lines:
            self.cut(name)
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S_MAX)
        self._loop.close()

    async def _end(self) -> None:
        for line in self.lines.values():
            line.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S_MAX)
