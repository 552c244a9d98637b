"""Requests of one caller that come at the same moment share a transaction.

While one runs, what comes waits for the next, all of it together; who comes alone waits for nobody.
All of it runs on the event loop, but for the work itself.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

from fellesskap_backend.errors import BackendError
from fellesskap_backend.trouble import is_away

W = TypeVar("W", bound=Hashable)
A = TypeVar("A")
T = TypeVar("T")
TOGETHER_MAX = 64
"""Requests of one transaction: its lockers are kept from others meanwhile."""
YOUNG_MAX = 1
"""Transactions at a time, while they are young."""
OLD_S = 0.05
"""From then on one waits for a lock, or for the disk, and others go on beside it."""


class Gathering(Generic[W, A, T]):
    """Gathers requests of one kind; `work` answers some of one caller in a transaction."""

    def __init__(self, work: Callable[[W, Sequence[A]], Sequence[T]]) -> None:
        self._work = work
        self._waiting: dict[W, list[tuple[A, asyncio.Future[T]]]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._young = 0

    async def ask(self, who: W, asked: A) -> T:
        """Return the answer to one request, or raise what its transaction ended with."""
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, []).append((asked, told))
        self._begin()
        return await told

    def _begin(self) -> None:
        """Begin the transaction of whoever has waited longest, if it is time."""
        while self._waiting and self._young < YOUNG_MAX:
            who = next(iter(self._waiting))
            waiting = self._waiting.pop(who)
            if len(waiting) > TOGETHER_MAX:
                self._waiting[who] = waiting[TOGETHER_MAX:]
            task = asyncio.create_task(self._answer(who, waiting[:TOGETHER_MAX]))
            self._running.add(task)  # the loop alone would let it go
            task.add_done_callback(self._running.discard)
            self._young += 1

    async def _answer(self, who: W, some: Sequence[tuple[A, asyncio.Future[T]]]) -> None:
        young = True

        def age() -> None:
            nonlocal young
            if young:
                young = False
                self._young -= 1
                self._begin()

        aging = asyncio.get_running_loop().call_later(OLD_S, age)
        answers = await run_in_threadpool(self._do, who, [asked for asked, _ in some])
        aging.cancel()
        age()
        for (_, told), answer in zip(some, answers, strict=True):
            if told.cancelled():
                continue
            if isinstance(answer, Exception):
                told.set_exception(answer)
            else:
                told.set_result(answer)

    def _do(self, who: W, some: Sequence[A]) -> Sequence[T | Exception]:
        """Do the work; if that fails, for each by itself: a bad one takes nothing from the others.

        What concerns them all is told to all: the key, or a database that went away.
        """
        try:
            return self._work(who, some)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            if len(some) == 1 or isinstance(error, BackendError) or is_away(error):
                return [error] * len(some)
        return [answer for one in some for answer in self._do(who, [one])]
