"""What many lockers say at once is taken in by two processes; one that dies loses nothing."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fellesskap_backend import secrets
from fellesskap_backend.bridge.exchange import Exchange, House
from fellesskap_backend.bridge.intake import Lockers, Said, Take
from fellesskap_backend.bridge.lane import LaneFailed
from fellesskap_backend.bridge.lanes import BURST, HERE_OF, Lanes
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.settings import Settings
from fellesskap_protocol import events
from fellesskap_protocol.signing import seal
from fellesskap_protocol.topics import topic
from tests.backend.api import Api
from tests.backend.lockers import AT, HandLocker
from tests.backend.postgres import Postgres
from tests.system.house import wait_for

pytestmark = pytest.mark.slow  # each starts processes

NAMES = [f"oslo-{number}" for number in range(1, BURST + 2)]
THERE = len([turn for turn in range(len(NAMES)) if turn % HERE_OF])
COMMISSIONED = 2
"""Two events commission a locker of one door."""


@dataclass
class Burst:
    """Lockers that all speak at once to one bridge, and what it did with it."""

    api: Api
    lanes: Lanes
    lockers: list[HandLocker]
    said: list[str] = field(default_factory=list)
    here: list[int] = field(default_factory=list)
    """How many lockers' words were taken in by this process, each time."""
    came: list[bool] = field(default_factory=list)
    """One for each time that the other process had done something."""

    def __post_init__(self) -> None:
        self.exchange = Exchange(
            House(
                self.api.secrets,
                self.api.engine,
                lambda topic, _: self.said.append(topic),
                lambda: AT,
                spread=self._spread,
            )
        )

    def _spread(self, take: Take, lockers: Lockers) -> list[Said]:
        def counted(some: Lockers) -> list[Said]:
            self.here.append(len(some))
            return take(some)

        return self.lanes.spread(counted, lockers)

    def tell(self, *more: Came) -> None:
        """Let every locker tell its whole journal once more, after one event that is new."""
        for told in (self.said, self.here, self.came):
            told.clear()
        for one in self.lockers:
            one.add(events.DoorClosed(compartment=1))
        self.exchange.take_all([*map(_told, self.lockers), *more])
        wait_for("what was given away", self.returned)

    def returned(self) -> bool:
        """Finish what is done; say whether the other process has nothing in hand."""
        self.exchange.take_all([])
        return not self.lanes.busy

    def acknowledged(self) -> list[str]:
        """Name the lockers that heard where we stand, each as often as it did."""
        return sorted(one.rpartition("/")[0] for one in self.said if one.endswith("/ack"))

    def kept(self) -> list[tuple[str, int]]:
        """Return how many events of each locker are recorded."""
        return sorted(Counter(one.locker_id for one in self.api.rows(Entry)).items())

    def start(self) -> int:
        """Let the other process begin; return its id."""
        self.tell()
        wait_for("the other process", lambda: self.lanes.apart)
        (process,) = multiprocessing.active_children()
        assert process.pid is not None
        return process.pid


def _told(locker: HandLocker) -> Came:
    return Came(topic(locker.locker_id, "journal"), seal(locker.batch(), locker.key), False)


@pytest.fixture
def burst(postgres: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Burst]:
    """Put lockers up that are commissioned; only PostgreSQL has more writers than one."""
    name = f"lanes_{abs(hash(request.node.name)):x}"
    settings = Settings(state=tmp_path, database_url=postgres.create(name, "migrated"))
    api = Api(settings)
    lockers = [HandLocker(api.secrets.installation, name) for name in NAMES]
    for one in lockers:
        one.claim(api)
        one.commission(1)
    came: list[bool] = []
    lanes = Lanes(settings, lambda: came.append(True))
    yield Burst(api, lanes, lockers, came=came)
    lanes.stop()
    api.stop()


def _expected(more: int) -> list[tuple[str, int]]:
    return sorted((name, COMMISSIONED + more) for name in NAMES)


def test_most_of_a_burst_is_taken_in_by_another_process(burst: Burst) -> None:
    burst.start()
    assert burst.here == [len(NAMES)], "what comes first need not wait for it to begin"
    burst.tell()
    assert burst.here == [len(NAMES) - THERE]
    assert burst.acknowledged() == sorted(topic(one, "ack").rpartition("/")[0] for one in NAMES)
    assert burst.kept() == _expected(2)


def test_it_is_given_more_when_it_has_done_what_it_had_and_is_not_waited_for(burst: Burst) -> None:
    burst.start()
    burst.said.clear()
    burst.came.clear()
    burst.exchange.take_all([_told(one) for one in burst.lockers])
    assert burst.lanes.busy, "what is committed here is answered before it is done"
    assert len(burst.acknowledged()) < len(NAMES)
    wait_for("word of it", lambda: burst.came)
    burst.exchange.take_all([])
    assert len(burst.acknowledged()) == len(NAMES)
    assert not burst.lanes.busy


def test_what_a_locker_says_waits_for_what_it_said_before(burst: Burst) -> None:
    burst.start()
    burst.said.clear()
    for _ in range(3):
        for one in burst.lockers:
            one.add(events.DoorClosed(compartment=1))
        burst.exchange.take_all([_told(one) for one in burst.lockers])
    wait_for("what was given away", burst.returned)
    assert len(burst.acknowledged()) == 3 * len(NAMES)
    assert burst.kept() == _expected(4)
    assert not burst.exchange.refused


def test_what_is_no_journal_and_what_nobody_can_read_is_answered_as_ever(burst: Burst) -> None:
    burst.start()
    burst.lockers[0].key = burst.lockers[1].key  # a signature that is not its own
    burst.tell(Came(topic("oslo-2", "results"), b"no result", False))
    assert burst.exchange.refused == {"UnknownKey": 1, "MalformedMessage": 1}
    assert len(burst.acknowledged()) == len(NAMES) - 1


def test_what_cannot_be_recorded_over_there_is_told_by_its_kind_alone(burst: Burst) -> None:
    burst.start()
    burst.lockers[1].position = (2**40, 0)  # no column holds it: PostgreSQL says so
    with pytest.raises(LaneFailed, match=r"^DataError$"):
        burst.tell()
    assert len(burst.acknowledged()) == len(NAMES) - 1


def test_a_process_that_dies_loses_nothing_and_another_takes_its_place(burst: Burst) -> None:
    os.kill(burst.start(), signal.SIGKILL)
    burst.tell()
    assert len(burst.acknowledged()) == len(NAMES)
    assert burst.kept() == _expected(2)
    burst.start()
    burst.tell()
    assert burst.here == [len(NAMES) - THERE]
    assert burst.kept() == _expected(4)


def test_one_that_died_while_nobody_spoke_is_found_gone_and_replaced(burst: Burst) -> None:
    os.kill(burst.start(), signal.SIGKILL)
    wait_for("its pool to know", lambda: not multiprocessing.active_children())
    burst.tell()
    assert len(burst.acknowledged()) == len(NAMES)
    burst.start()
    burst.tell()
    assert burst.here == [len(NAMES) - THERE]
    assert burst.kept() == _expected(4)


def test_few_lockers_are_not_worth_another_process(burst: Burst) -> None:
    burst.lockers = burst.lockers[: BURST - 1]
    burst.tell()
    burst.tell()
    assert not multiprocessing.active_children()
    assert burst.here == [BURST - 1]


def test_it_ends_with_a_bridge_that_is_killed(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create("lane_orphaned", "migrated")
    secrets.load(tmp_path)  # makes them
    command: Sequence[str] = (sys.executable, "-m", "tests.backend.lane_alone", str(tmp_path), url)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bridge:
        assert bridge.stdout is not None
        lane = os.pidfd_open(int(bridge.stdout.readline()))
        bridge.kill()
    ended = wait_for("the lane to end", lambda: _ended(lane))
    os.close(lane)
    assert ended


def _ended(process: int) -> bool:
    ready, _, _ = select.select([process], [], [], 0)
    return bool(ready)
