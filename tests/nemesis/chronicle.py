"""What happens in a campaign, written down as it happens, in the form that the judge reads.

Everybody writes here from a thread of their own: people what they ask and hear, the proxy what
passes, each locker's own eyes what coils and doors do. `at` is the machine's monotonic clock, which
no fault touches, so that all of it stands on one scale. Moments (`scan`, `journal`, `reserve`, …)
are said aloud for the nemesis, which waits for one and strikes in it.
"""

import itertools
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from fellesskap_protocol.messages import Ack, Birth, Command, MalformedMessage, Result, Rights
from fellesskap_protocol.messages import decode as decoded
from fellesskap_protocol.signing import unb64url
from fellesskap_protocol.topics import InvalidTopic, parse
from tests.judge import history
from tests.nemesis.framing import Packet
from tests.nemesis.proxy import Direction

Json = dict[str, Any]
Outcome = Literal["ok", "fail", "unknown"]
BRIDGE = "bridge"
"""The name of the backend's line to the broker; each locker's line bears the locker's name."""


class Chronicle:
    """The history of one campaign."""

    def __init__(self) -> None:
        self.began_mono, self.began_wall = time.monotonic(), time.time()
        self.records: list[history.AnyRecord] = []
        self.open: dict[str, history.Asked] = {}
        """What was asked and is not answered."""
        self.outcomes: Counter[str] = Counter()
        self._ops = itertools.count(1)
        self._lock = threading.Lock()
        self._said = threading.Condition()
        self._moments: list[tuple[str, str]] = []
        self._boots: dict[str, str] = {}
        self.passing: list[tuple[float, str]] = []
        """What passed the proxy, when: `journal up` of whichever line."""

    @property
    def now(self) -> float:
        """True seconds since the start."""
        return time.monotonic() - self.began_mono

    def add(self, record: history.AnyRecord) -> None:
        """Write one record down."""
        with self._lock:
            self.records.append(record)

    # Who asks, and what came of it ---------------------------------------------------------------

    def ask(
        self, who: str, act: history.Act, *, target: str = "", key: str = "", **body: Any
    ) -> str:
        """Note that somebody asks; return the number under which the answer goes."""
        op = f"op-{next(self._ops)}"
        asked = history.Asked(
            at=self.now, op=op, who=who, act=act, target=target, key=key, body=body
        )
        with self._lock:
            self.records.append(asked)
            self.open[op] = asked
        self.say(act, str(body.get("locker") or target))
        return op

    def answer(self, op: str, outcome: Outcome, status: int = 0, body: Json | None = None) -> None:
        """Note what came of it."""
        heard = history.Answered(
            at=self.now, op=op, outcome=outcome, status=status, body=body or {}
        )
        with self._lock:
            self.records.append(heard)
            asked = self.open.pop(op)
        self.outcomes[f"{asked.act} {outcome}"] += 1

    def in_flight(self, *acts: history.Act) -> Counter[str]:
        """Count what is asked and not answered, of these acts, or of all that go to the API."""
        with self._lock:
            return Counter(one.act for one in self.open.values() if not acts or one.act in acts)

    # Moments -------------------------------------------------------------------------------------

    def say(self, moment: str, where: str) -> None:
        """Say aloud that this happens, there."""
        with self._said:
            self._moments.append((moment, where))
            self._said.notify_all()

    def wait(self, moments: frozenset[str], where: str, timeout_s: float) -> str:
        """Return the next of these moments (at `where`, if that is not empty); empty if none came.

        An empty set takes any moment.
        """
        seen = len(self._moments)
        until = time.monotonic() + timeout_s
        with self._said:
            while (left_s := until - time.monotonic()) > 0:
                for moment, there in self._moments[seen:]:
                    if (not moments or moment in moments) and where in ("", there):
                        return moment
                seen = len(self._moments)
                self._said.wait(left_s)
        return ""

    # The wire ------------------------------------------------------------------------------------

    def passed(self, line: str, direction: Direction, packet: Packet) -> None:
        """Note what a packet says that passes a line of the proxy, sent and not yet received."""
        if not packet.topic:
            return
        try:
            where = parse(packet.topic)
        except InvalidTopic:
            return
        said = f"{where.kind} {direction}"
        self.passing.append((self.now, said))
        self.say(where.kind, where.locker_id)
        if direction == "up" and where.kind in _OF_BRIDGE | _OF_EDGE:
            self._spoken(where.locker_id, where.kind, packet.payload)

    def _spoken(self, locker: str, kind: str, token: bytes) -> None:
        try:
            payload = unb64url(token.split(b".")[1])
            at = self.now
            match kind:
                case "ack":
                    ack = decoded(Ack, payload)
                    self.add(
                        history.Acked(
                            at=at,
                            locker=locker,
                            epoch=ack.epoch,
                            seq=ack.acked_seq,
                            verdict=ack.verdict,
                        )
                    )
                case "rights":
                    self.add(history.Sent(at=at, locker=locker, rights=decoded(Rights, payload)))
                case "commands":
                    command = decoded(Command, payload)
                    self.add(history.Commanded(at=at, locker=locker, command=command))
                case "birth":
                    birth = decoded(Birth, payload)
                    self._challenged(locker, birth.boot_id, birth.challenge)
                case _:
                    result = decoded(Result, payload)
                    boot = self._boots.get(locker, "")
                    self._challenged(locker, boot, result.challenge)
        except (MalformedMessage, ValueError, IndexError) as error:
            raise AssertionError(f"a message of ours cannot be read: {kind}") from error

    def _challenged(self, locker: str, boot_id: str, challenge: str) -> None:
        self._boots[locker] = boot_id
        self.add(
            history.Challenged(at=self.now, locker=locker, boot_id=boot_id, challenge=challenge)
        )

    # The end -------------------------------------------------------------------------------------

    def ordered(self) -> list[history.AnyRecord]:
        """Return the history in the order of its moments; of equal ones, as they were written."""
        with self._lock:
            return sorted(self.records, key=lambda record: record.at)

    def write(self, path: Path) -> int:
        """Write the history into a file; return how many lines."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            return history.write(self.ordered(), file)


_OF_BRIDGE = frozenset({"ack", "rights", "commands"})
_OF_EDGE = frozenset({"birth", "results"})
