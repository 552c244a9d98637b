"""Does what the plan says to the real processes, and notes where each kill hit.

One thread takes the steps in order; what must be undone later (a restart, the end of a partition)
is done by others meanwhile, so that faults overlap as they do outside.
"""

import contextlib
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg

from tests.judge import history
from tests.nemesis import where
from tests.nemesis.building import Building, Part
from tests.nemesis.plan import (
    AIMS,
    CUT,
    KINDS,
    WEATHERS,
    ClockJump,
    FullDisk,
    Kill,
    Kind,
    Step,
    Stop,
    Wire,
)
from tests.nemesis.proxy import Weather
from tests.nemesis.shifted_edge import set_clock
from tests.system.house import NeverHappened

UP_S_MAX = 180.0
"""How long a part may need until it is up again."""
MOMENT_S_MAX = 4.0
"""How long a kill waits for its moment; then it strikes in another."""
INSIDE_S_MAX, LOOK_S = 3.0, 0.003
"""How long a kill waits for a transaction, and how often it looks."""
GAP_S = (0.2, 1.0)
IN_THE_API = frozenset(
    f"{act} without an answer" for act in ("reserve", "cancel", "open_door", "look", "other")
)
HANDS = 12


class Nemesis:
    """The doer. `hit`: how many kills hit which part in which step."""

    def __init__(self, building: Building, seed: int, tell: Callable[[str], None]) -> None:
        self.building = building
        self.hit: Counter[tuple[str, str]] = Counter()
        self.kills: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._tell = tell
        self._chronicle = building.chronicle
        self._hands = ThreadPoolExecutor(HANDS, "nemesis")
        self._undone: list[Future[None]] = []
        self._lines = {name: threading.Lock() for name in building.proxy.lines}
        self._disks = {name: threading.Lock() for name in building.lockers}

    def work(self, steps: list[Step]) -> None:
        """Take every step; return when all that was done is undone."""
        try:
            for step in steps:
                if self.building.over.is_set():
                    break
                self._do(step)
                self.building.pause(self._chance.uniform(*GAP_S))
            for one in self._undone:
                one.result()
        finally:
            self._hands.shutdown()  # what was killed is started again, whatever happened

    def _do(self, step: Step) -> None:
        match step:
            case Kill():
                self._kill(step)
            case Stop(part, for_s):
                self._later(self._stop, self.building.parts[part], for_s)
            case Wire():
                self._later(self._wire, step)
            case FullDisk():
                self._later(self._fill, step)
            case ClockJump():
                self._later(self._jump, step)

    def _later(self, work: Callable[..., None], *what: Any) -> None:
        self._undone.append(self._hands.submit(work, *what))

    def _fault(self, layer: history.Layer, kind: str, at: str, state: Any = "once") -> None:
        if state != "over":
            self.faults[f"{layer}: {kind}"] += 1
            self._tell(f"{kind} at {at}")
        self._chronicle.add(
            history.Fault(at=self._chronicle.now, layer=layer, kind=kind, where=at, state=state)
        )

    def _touched(self, part: str) -> list[str]:
        """Return the lockers that are cut off while a part, or a line, does not work."""
        lockers = list(self.building.lockers)
        found = [one for one in lockers if part in (one, f"edge:{one}")]
        return found or lockers

    # Processes -----------------------------------------------------------------------------------

    def _kill(self, kill: Kill) -> None:
        """Wait until the part is up and its moment comes; strike; start it again by and by."""
        part = self.building.parts[kill.part]
        part.turn.acquire()
        at = kill.part.removeprefix("edge:") if kill.part.startswith("edge:") else ""
        moment = self._chronicle.wait(kill.aim, at, MOMENT_S_MAX)
        if not moment:
            others = frozenset().union(*AIMS[_kind(part)])
            moment = self._chronicle.wait(others, at, MOMENT_S_MAX)
        self.building.pause(kill.jitter_s)
        steps = self._strike(part, inside=kill.inside)
        self.building.obstruct(part.name, self._touched(part.name))
        self.kills[_kind(part)] += 1
        self.hit.update((_kind(part), step) for step in steps)
        what = f"SIGKILL ({moment or 'no moment'}; {', '.join(sorted(steps))})"
        self._fault("process", what, part.name)
        self._later(self._start_again, part, kill.down_s)

    def _strike(self, part: Part, *, inside: bool) -> set[str]:
        """Kill a part; return in which steps it was."""
        if _kind(part) == "edge":
            part.end()
            locker = self.building.lockers[part.name.removeprefix("edge:")]
            return where.of_edge(locker.folder / "state" / "journal.sqlite")
        if part.name == "broker":
            steps = where.of_broker(self._chronicle.passing, self._chronicle.now)
            part.end()
            return steps
        steps = self._seen_inside(part, inside=inside)
        asked = {f"{act} without an answer" for act in self._chronicle.in_flight()}
        part.end()
        return steps | (asked & IN_THE_API) or {"between transactions"}

    def _seen_inside(self, part: Part, *, inside: bool) -> set[str]:
        """Return in which steps the database is; if wished, not before it is in one.

        The backend stands still while we look, so that the kill finds it where it was seen.
        """
        until = time.monotonic() + INSIDE_S_MAX
        try:
            with self.building.connect() as admin:
                while True:
                    if part.name == "backend":
                        part.freeze()
                    steps = where.of_database(admin)
                    if steps or not inside or time.monotonic() > until:
                        return steps
                    if part.name == "backend":
                        part.thaw()
                    self.building.pause(LOOK_S)
        except psycopg.Error:
            return {"with the database away"}

    def _start_again(self, part: Part, down_s: float) -> None:
        try:
            self.building.pause(down_s)
            until = time.monotonic() + UP_S_MAX
            while True:
                try:
                    part.begin()
                except NeverHappened:
                    # A backend ends if its database does while it starts; systemd starts it again.
                    if part.name != "backend" or time.monotonic() > until:
                        raise
                else:
                    break
        finally:
            self.building.clear(part.name)
            part.turn.release()

    def _stop(self, part: Part, for_s: float) -> None:
        with part.turn:
            self._fault("process", "SIGSTOP", part.name, "begun")
            self.building.obstruct(part.name, self._touched(part.name))
            part.stop()
            self.building.pause(for_s)
            part.go_on()
            self.building.clear(part.name)
            self._fault("process", "SIGSTOP", part.name, "over")

    # The wire ------------------------------------------------------------------------------------

    def _wire(self, step: Wire) -> None:
        proxy = self.building.proxy
        with self._lines[step.line]:
            if step.kind == CUT:
                self._fault("wire", CUT, step.line)
                proxy.cut(step.line)
                return
            weather = WEATHERS[step.kind]
            self._fault("wire", step.kind, step.line, "begun")
            if weather.mute or weather.still:
                self.building.obstruct(f"line {step.line}", self._touched(step.line))
            proxy.weather(step.line, weather)
            if weather.mute:
                proxy.cut(step.line)  # whoever comes again is not answered
            self.building.pause(step.for_s)
            proxy.weather(step.line, Weather())
            if weather.mute:
                proxy.cut(step.line)
            self.building.clear(f"line {step.line}")
            self._fault("wire", step.kind, step.line, "over")

    # Disks and clocks ----------------------------------------------------------------------------

    def _fill(self, step: FullDisk) -> None:
        """Fill the store's own disk, or forbid its files to grow where there is no such disk."""
        part = self.building.parts[f"edge:{step.locker}"]
        state = self.building.disks.get(step.locker)
        kind = "full disk" if state else "file size limit"
        with self._disks[step.locker]:
            if state is not None:
                self._fault("disk", kind, step.locker, "begun")
                rest = state / "rest"
                with contextlib.suppress(OSError), rest.open("wb") as file:
                    while True:
                        file.write(bytes(4096))
                        file.flush()
                self.building.pause(step.for_s)
                rest.unlink()
            else:
                with part.turn:
                    self._fault("disk", kind, step.locker, "begun")
                    [process] = part.processes()
                    store = self.building.lockers[step.locker].folder / "state"
                    most = (store / "journal.sqlite-wal").stat().st_size
                    _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
                    resource.prlimit(process, resource.RLIMIT_FSIZE, (most, hard))
                    self.building.pause(step.for_s)
                    resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))
            self._fault("disk", kind, step.locker, "over")

    def _jump(self, step: ClockJump) -> None:
        clock, name = self.building.lockers[step.locker].clock, f"edge:{step.locker}"
        self._set(name, step.offset_s, synchronised=step.synchronised)
        set_clock(clock, step.offset_s, synchronised=step.synchronised)
        self._fault("clock", f"jump {step.offset_s:+.0f} s", step.locker, "begun")
        self.building.pause(step.for_s)
        set_clock(clock, 0.0, synchronised=True)
        self._set(name, 0.0, synchronised=True)
        self._fault("clock", f"jump {step.offset_s:+.0f} s", step.locker, "over")

    def _set(self, part: str, offset_s: float, *, synchronised: bool) -> None:
        self._chronicle.add(
            history.Clock(
                at=self._chronicle.now, part=part, offset_s=offset_s, trusted=synchronised
            )
        )


def _kind(part: Part) -> Kind:
    """Return the kind of a part."""
    return next(kind for kind in KINDS if part.name.split(":")[0] == kind)
