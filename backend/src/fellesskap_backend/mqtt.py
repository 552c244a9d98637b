"""The bridge: what lockers say goes into the database, what is owed to them goes out.

paho's thread posts into a bounded inbox; one thread takes from it and does the work, which is
`bridge.exchange`'s. On PostgreSQL another process helps when many speak (`bridge.lanes`). Payloads,
codes and keys are never logged.
"""

import logging
import queue
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Engine

from fellesskap_backend.bridge.exchange import HEARD, Exchange, House
from fellesskap_backend.bridge.lanes import Lanes
from fellesskap_backend.bridge.link import Came, Link
from fellesskap_backend.pace import Pace
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Login, Settings
from fellesskap_protocol.topics import every_locker

log = logging.getLogger(__name__)
INBOX_MAX = 10_000
"""Messages that wait; further ones are dropped and come again by their senders' timers."""
AT_ONCE_MAX = 128
"""How many messages are taken together: who waits at a door waits for no more. Fewer are more
commits, for each of which a disk is waited."""
POLL_S = 0.1
"""The net under `wake`: how often the database is asked what is owed."""
RESTS = 4
"""How many times as long as a poll took none begins after it (`pace`)."""
STOP_S_MAX = 15.0


class Bridge:
    """One bridge over all lockers; `served` is called when what was committed is on its way.

    It wakes the worker, and not before: the two share an interpreter, and somebody waits at a door.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        engine: Engine,
        login: Login,
        *,
        served: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._served = served
        self._inbox: queue.Queue[Came | None] = queue.Queue(INBOX_MAX)
        self._lanes: Lanes | None = None
        self._link = Link(login, [every_locker(kind) for kind in HEARD], self._post)
        house = House(
            secrets,
            engine,
            self._link.publish,
            lambda: datetime.now(UTC),
            served=served,
            came=lambda: self._link.came,
        )
        if engine.dialect.name == "postgresql":
            self._lanes = Lanes(settings, self._look)  # SQLite has one writer at a time
            house = replace(house, spread=self._lanes.spread)
        self._exchange = Exchange(house)
        self._committed, self._woken = threading.Event(), threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bridge", daemon=True)
        self._pace = Pace(RESTS)
        self._poll_at = 0.0

    @property
    def refused(self) -> Counter[str]:
        """Messages that were let go, by why."""
        return self._exchange.refused

    def start(self) -> None:
        """Begin to connect and to work; return at once."""
        self._link.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the message in hand."""
        self._stopping.set()
        self._link.stop()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(STOP_S_MAX)
        if self._lanes is not None:
            self._lanes.stop()

    def wake(self, *, at_once: bool = True) -> None:
        """Say that something was committed: it goes out at once, or with the next poll."""
        self._committed.set()
        if not at_once or self._woken.is_set():  # it was told so already
            return
        self._woken.set()
        self._look()

    def _look(self) -> None:
        """Let the thread look what there is."""
        with suppress(queue.Full):  # then it is awake already
            self._inbox.put_nowait(None)

    @property
    def up(self) -> bool:
        """Whether the broker has taken our subscriptions."""
        return self._link.up

    def _post(self, came: Came) -> None:
        try:
            self._inbox.put_nowait(came)
        except queue.Full:
            self.refused["inbox full"] += 1

    # One thread from here on ---------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopping.is_set():
            came = self._next()
            try:
                if self._until_poll_s() <= 0:
                    self._poll()
                self._exchange.take_all(came)
                self._exchange.tick()
            except Exception as error:  # noqa: BLE001 - the top of the loop; words may be secret
                self.refused[type(error).__name__] += 1
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error(  # noqa: TRY400 - an exception's own words may hold what is secret
                    "a message or poll failed: %s\n%s", type(error).__name__, where
                )

    def _next(self) -> list[Came]:
        """Wait for a message; return it with those that are there already."""
        came: list[Came | None] = []
        wait_s = min(self._until_poll_s(), self._exchange.wake_at - time.time())
        try:
            came.append(self._inbox.get(timeout=max(0.0, wait_s)))
            while len(came) < AT_ONCE_MAX:
                came.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        return [one for one in came if one is not None]

    def _until_poll_s(self) -> float:
        if self._woken.is_set():
            return self._pace.wait_s
        return self._poll_at - time.monotonic()

    def _poll(self) -> None:
        committed = self._committed.is_set()
        self._committed.clear()
        self._woken.clear()
        self._poll_at = time.monotonic() + POLL_S
        with self._pace.round():
            self._exchange.poll()
        if committed:
            self._served()
