"""The whole system of one seed, in one thread and virtual time: lockers, backend, wire, people.

Nothing here asks the machine for the time or for chance. `run` takes what is due next, wherever it
is: a locker's turn, or an act on the agenda. People are generators that yield how long they wait.
"""

import random
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.errors import BackendError
from fellesskap_backend.idempotency import Answered
from fellesskap_edge.config import LockerConfig
from fellesskap_protocol import buggify
from fellesskap_protocol.codes import MacKind, mac
from fellesskap_protocol.signing import SigningKey
from fellesskap_protocol.topics import Kind, parse, topic
from tests.judge import history
from tests.simulation.cabinet import Cabinet
from tests.simulation.chronicle import Chronicle
from tests.simulation.installation import BackendDied, Installation
from tests.simulation.layout import described
from tests.simulation.provisioning import claim
from tests.simulation.replies import Json, Reply, without_secrets
from tests.simulation.secrecy import Left
from tests.simulation.stand_parts import START
from tests.simulation.wire import Wire

DAY_S = 86_400.0
SPINS_MAX = 20_000
"""So many turns at one moment are a loop without end."""
POLLS_WAKE_S, POLL_S = (0.3, 4.0, 20.0, 20.0), 3600.0
WORKS_WAKE_S, WORK_S = (5.0, 300.0, 1800.0, *(3600.0,) * 5), 3600.0
"""How soon bridge and worker look after something was committed, and how often anyhow; in most
worlds the worker is slow, which costs least."""
BUGGY = 0.02
OFTENER = {"feed.few_at_once": 0.1}
"""How likely what is asked but fifty times a day is taken."""
RETRY_S = 20.0
SLEEPS_S = (0.0, *(hours * 3600.0 for hours in (1, 2, 3, 3, 4, 4, 4, 5)))
"""How long a locker on a battery leaves its radio off; 0: never. It is awake for some minutes."""
AWAKE_S = 400.0
Going = Generator[float, None, Any]
"""Yields how long somebody waits, in seconds; returns what they found."""


class World:
    """Everything of one seed; `only` these acts of the plan, for shrinking."""

    def __init__(self, seed: int, folder: Path, *, only: frozenset[int] | None = None) -> None:
        self.seed, self.folder, self.only = seed, folder, only
        self.now_s = 0.0
        self.faulty = True
        self.chronicle = Chronicle(lambda: self.now_s)
        self.wire = Wire(self.chance("wire"), self.chronicle, self.after)
        self.installation = Installation(
            self.chance("backend"),
            self.chronicle,
            folder,
            now_s=lambda: self.now_s,
            say=self._backend_says,
        )
        self.cabinets: dict[str, Cabinet] = {}
        self.left = Left()
        self.jtis: dict[str, str] = {}
        """What is the id of each badge."""
        self.places: dict[str, str] = {}
        """Where each thing really is: a locker, or `out`."""
        self._buggy = self.chance("buggify")
        self._answers = self.chance("answers")
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._turns, self._ops = count(), count(1)
        self.poll_wake_s = self.chance("bridge").choice(POLLS_WAKE_S)
        self.work_wake_s = self.chance("worker").choice(WORKS_WAKE_S)
        self.sleeps_s = self.chance("sleep").choice(SLEEPS_S)
        self._polls_at = self._works_at = self._ticks_at = inf
        self._polled_s = self._worked_s = 0.0
        self.after(POLL_S, self._poll_again)
        self.after(WORK_S, self._work_again)

    def chance(self, name: str) -> random.Random:
        """Return the chance of one part or act: nobody else's acts change it."""
        return random.Random(f"{self.seed}/{name}")

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Let rare paths of the product be taken now and then, for the length of a `with`."""

        def chance(point: str) -> bool:
            taken = self.faulty and self._buggy.random() < OFTENER.get(point, BUGGY)
            if taken:
                self.chronicle.points.add(point)
            return taken

        with buggify.installed(chance):
            yield

    # Time ----------------------------------------------------------------------------------------

    @property
    def wall(self) -> datetime:
        """The true time."""
        return START + timedelta(seconds=self.now_s)

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something later."""
        heappush(self._agenda, (self.now_s + delay_s, next(self._turns), act))

    def go(self, going: Going, delay_s: float = 0.0) -> None:
        """Let somebody begin; what they yield is how long they wait."""

        def step() -> None:
            pause_s = next(going, None)
            if pause_s is not None:
                self.after(pause_s, step)

        self.after(delay_s, step)

    def run(self, until_s: float) -> None:
        """Live until a time, in seconds since the start."""
        cabinets = list(self.cabinets.values())
        spins = 0
        for one in cabinets:
            one.touched = True
        while True:
            for one in cabinets:
                if one.touched:
                    one.look()
                    one.due = one._due()
                    one.touched = False  # looking was no touch
            due, who = self._agenda[0][0] if self._agenda else inf, None
            for one in cabinets:
                if one.due < due:
                    due, who = one.due, one
            if due > until_s:
                break
            spins = spins + 1 if due <= self.now_s else 0
            assert spins < SPINS_MAX, "the world goes round and round"
            self.now_s = max(self.now_s, due)
            if who is not None:
                who.now_s = self.now_s
                who.touched = True
                who._turn()
                continue
            for one in cabinets:
                one.now_s, one.touched = self.now_s, True
            heappop(self._agenda)[2]()
        self.now_s = until_s
        for one in cabinets:
            one.now_s = until_s

    # Lockers and the wire ------------------------------------------------------------------------

    def add(self, config: LockerConfig) -> Cabinet:
        """Provision a locker and start it."""
        locker_id = config.locker.id
        cabinet = Cabinet(config, self.chronicle, self.chance(locker_id), self.folder)
        cabinet.places = self.places
        device = SigningKey(self.chance(f"{locker_id}/device").randbytes(32))
        home = self.installation
        cabinet.identity = claim(home, locker_id, f"dev-{locker_id}", device)
        home.keys[locker_id] = {device.public.kid: device.public}
        cabinet.pipe = partial(self._locker_says, cabinet)
        self.cabinets[locker_id] = cabinet
        self.chronicle.note(history.Locker, **described(config))
        cabinet.started = self.connect
        cabinet.boot()
        return cabinet

    def connect(self, cabinet: Cabinet) -> None:
        """Let the broker take a connection soon."""

        def again() -> None:
            if cabinet.drive is not None and not cabinet.connected:
                if cabinet.asleep:
                    return
                if self.wire.line(cabinet.locker_id).cut:
                    self.after(RETRY_S, again)
                else:
                    cabinet.connect()

        self.after(cabinet.chance.uniform(0.5, 20), again)

    def radio(self, cabinet: Cabinet) -> Going:
        """Let a locker that saves its battery be in touch now and then."""
        rng = self.chance(f"{cabinet.locker_id}/radio")
        while self.sleeps_s and self.faulty:
            yield AWAKE_S * rng.uniform(0.7, 1.3)
            self._sleeps(cabinet, asleep=True)
            yield self.sleeps_s * rng.uniform(0.5, 1.5)
            self._sleeps(cabinet, asleep=False)

    def _sleeps(self, cabinet: Cabinet, *, asleep: bool) -> None:
        cabinet.asleep = asleep
        if asleep:
            cabinet.disconnect()
        else:
            self.connect(cabinet)
        if not self.wire.line(cabinet.locker_id).cut:
            self.chronicle.note(history.Contact, locker=cabinet.locker_id, up=not asleep)

    def _locker_says(self, cabinet: Cabinet, kind: Kind, payload: bytes) -> None:
        locker_id = cabinet.locker_id
        assert cabinet.drive is not None
        boot_id = cabinet.drive.parts.boot_id
        self.installation.overheard(locker_id, kind, payload, boot_id)
        self.left.topics.add(topic(locker_id, kind))
        self.left.messages.add((kind, payload))
        if kind not in ("state", "presence", "telemetry"):
            self.wire.carry(
                locker_id,
                "up",
                kind,
                payload=payload,
                deliver=partial(self.backend_hears, topic(locker_id, kind)),
            )

    def backend_hears(self, name: str, payload: bytes) -> None:
        """Let the backend take a message in; it may die of it."""
        home = self.installation
        if not home.up:
            return
        try:
            home.hear(name, payload)
            home.look()
        except BackendDied:
            self.backend_died()
            return
        self._mind()
        if parse(name).kind != "results":
            self._wake(poll=False)

    def _backend_says(self, locker_id: str, kind: Kind, payload: bytes) -> None:
        cabinet = self.cabinets.get(locker_id)
        self.left.topics.add(topic(locker_id, kind))
        self.left.messages.add((kind, payload))
        if cabinet is not None:
            self.wire.carry(
                locker_id,
                "down",
                kind,
                payload=payload,
                deliver=lambda body: cabinet.deliver(kind, body),
            )

    # The backend's own time ----------------------------------------------------------------------

    def backend_died(self) -> None:
        """Note a death of the backend; systemd starts it again."""
        home = self.installation
        home.look()
        home.stop()
        self.chronicle.fault("process", "backend killed", "backend")
        self.after(self.chance(f"down/{self.now_s}").uniform(2, 60), self._backend_back)

    def _backend_back(self) -> None:
        if not self.installation.up:
            self.installation.start()
            self.installation.heads()
            self._wake()

    def _wake(self, *, poll: bool = True) -> None:
        """Something was committed: bridge and worker look soon."""
        if poll and self._polls_at > self.now_s + self.poll_wake_s:
            self._polls_at = self.now_s + self.poll_wake_s
            self.after(self.poll_wake_s, self._poll)
        if self._works_at > self.now_s + self.work_wake_s:
            self._works_at = self.now_s + self.work_wake_s
            self.after(self.work_wake_s, self._work)

    def _mind(self) -> None:
        """Let the bridge do what is due, when it is."""
        home = self.installation
        due_s = home.exchange.wake_at - START.timestamp() - home.offset.total_seconds()
        if due_s < self._ticks_at:
            at_s = self._ticks_at = max(self.now_s, due_s) + 1e-3
            self.after(at_s - self.now_s, lambda: self._tick(at_s))

    def _tick(self, at_s: float) -> None:
        if at_s == self._ticks_at:  # else an earlier one came between
            self._ticks_at = inf
            self._bridge(self.installation.exchange.tick)

    def _poll(self) -> None:
        self._polls_at, self._polled_s = inf, self.now_s
        self._bridge(self._poll_and_tick)

    def _poll_and_tick(self) -> None:
        self.installation.exchange.poll()
        self.installation.exchange.tick()

    def _bridge(self, work: Callable[[], None]) -> None:
        home = self.installation
        if not home.up:
            return
        try:
            work()
        except BackendDied:
            self.backend_died()
            return
        self._mind()

    def _work(self) -> None:
        self._works_at, self._worked_s = inf, self.now_s
        if self.installation.up:
            try:
                self.installation.worker.round()
            except BackendDied:
                self.backend_died()
                return
            self._wake_poll()

    def _wake_poll(self) -> None:
        if self._polls_at > self.now_s + self.poll_wake_s:
            self._polls_at = self.now_s + self.poll_wake_s
            self.after(self.poll_wake_s, self._poll)

    def _poll_again(self) -> None:
        if self.now_s >= self._polled_s + POLL_S / 2:
            self._poll()
        self.after(POLL_S, self._poll_again)

    def _work_again(self) -> None:
        if self.now_s >= self._worked_s + WORK_S / 2:
            self._work()
        self.after(WORK_S, self._work_again)

    # Front doors ---------------------------------------------------------------------------------

    def ask(
        self,
        who: str,
        act: history.Act,
        work: Callable[[Session], Answered | Json],
        *,
        target: str = "",
        key: str = "",
        body: Json | None = None,
        reads: bool = False,
    ) -> Reply:
        """Ask the backend something through its services, as a route does."""
        op = self.op()
        home = self.installation
        self.chronicle.note(
            history.Asked, op=op, who=who, act=act, target=target, key=key, body=body or {}
        )
        reply = Reply("unknown")
        if home.up:
            try:
                answered = (db.read if reads else db.run)(home.engine, work)
            except BackendError as error:
                problem = error.problem()
                self.left.errors.append(str(problem))
                reply = Reply("fail", error.status, problem)
            except BackendDied:
                self.backend_died()
            else:
                if not isinstance(answered, Answered):
                    answered = Answered(200, answered)
                good = answered.status < 400
                reply = Reply("ok" if good else "fail", answered.status, answered.body)
            if not reads and home.up:
                self._wake()
        if self.faulty and reply.status and self._answers.random() < 0.02:
            self.chronicle.fault("wire", "answer lost", "backend")
            reply = Reply("unknown")
        self.left.tell(who, reply.body)
        self.chronicle.note(
            history.Answered,
            op=op,
            outcome=reply.outcome,
            status=reply.status,
            body=without_secrets(reply.body),
        )
        return reply

    def op(self) -> str:
        """Name an act that is asked."""
        return f"op-{next(self._ops)}"

    def mac(self, cabinet: Cabinet, kind: MacKind, value: str) -> str:
        """Return the MAC under which a locker knows something."""
        return mac(cabinet.identity.k_locker, kind, value)
