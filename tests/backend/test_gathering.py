"""Requests that come at the same moment: which share a transaction, and what each is told."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest
from sqlalchemy.exc import OperationalError

from fellesskap_backend.errors import Unauthorized
from fellesskap_backend.gathering import TOGETHER_MAX, Gathering

Done = list[tuple[str, list[int]]]


class Work:
    """Answers numbers with their negative, when it is let; `bad` ones break it."""

    def __init__(self) -> None:
        self.begun: Done = []
        self.let = threading.Event()
        self.held: set[str] = set()
        self.bad: dict[int, Exception] = {}

    def __call__(self, who: str, some: Sequence[int]) -> list[int]:
        self.begun.append((who, list(some)))
        if who in self.held:
            assert self.let.wait(20)
        for one in some:
            if one in self.bad:
                raise self.bad[one]
        return [-one for one in some]


def run(work: Work, act: Callable[[Gathering[str, int, int]], Awaitable[None]]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(act(Gathering(work)), 20)

    asyncio.run(whole())


async def until(said: Callable[[], bool]) -> None:
    """Let the loop go on until something is so; the whole test has a limit."""
    while not said():
        await asyncio.sleep(0)


async def asks(gathering: Gathering[str, int, int], who: str, *numbers: int) -> list[int]:
    """Ask for all of them at once."""
    return list(await asyncio.gather(*(gathering.ask(who, one) for one in numbers)))


async def outcomes(gathering: Gathering[str, int, int], *numbers: int) -> list[object]:
    """Ask for all of them at once; an error is what came of its number."""
    asked = (gathering.ask("red", one) for one in numbers)
    return list(await asyncio.gather(*asked, return_exceptions=True))


def test_who_comes_alone_waits_for_nobody() -> None:
    work = Work()

    async def act(gathering: Gathering[str, int, int]) -> None:
        assert await gathering.ask("red", 1) == -1
        assert await gathering.ask("red", 2) == -2

    run(work, act)
    assert work.begun == [("red", [1]), ("red", [2])]


def test_what_comes_meanwhile_is_the_next_transaction_of_each_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fellesskap_backend.gathering.OLD_S", 60.0)
    work = Work()
    work.held.add("first")

    async def act(gathering: Gathering[str, int, int]) -> None:
        first = asyncio.create_task(gathering.ask("first", 0))
        await until(lambda: bool(work.begun))
        red = asyncio.create_task(asks(gathering, "red", 1, 2))
        blue = asyncio.create_task(asks(gathering, "blue", 3))
        await asyncio.sleep(0)
        more = asyncio.create_task(asks(gathering, "red", 4))
        for _ in range(10):
            await asyncio.sleep(0)
        assert work.begun == [("first", [0])]
        work.let.set()
        assert await first == 0
        assert [await one for one in (red, blue, more)] == [[-1, -2], [-3], [-4]]

    run(work, act)
    assert work.begun == [("first", [0]), ("red", [1, 2, 4]), ("blue", [3])]


def test_a_transaction_takes_so_many_and_leaves_the_rest_to_the_next() -> None:
    work = Work()
    work.held.add("first")
    numbers = range(1, 2 * TOGETHER_MAX + 2)

    async def act(gathering: Gathering[str, int, int]) -> None:
        first = asyncio.create_task(gathering.ask("first", 0))
        every = asyncio.create_task(asks(gathering, "red", *numbers))
        await until(lambda: bool(work.begun))
        work.let.set()
        await first
        assert await every == [-one for one in numbers]

    run(work, act)
    sizes = [len(some) for who, some in work.begun if who == "red"]
    assert sum(sizes) == len(numbers)
    assert max(sizes) == TOGETHER_MAX
    assert [one for who, some in work.begun if who == "red" for one in some] == [*numbers]


def test_one_that_waits_for_a_lock_lets_the_others_by() -> None:
    work = Work()
    work.held.add("first")

    async def act(gathering: Gathering[str, int, int]) -> None:
        first = asyncio.create_task(gathering.ask("first", 0))
        await until(lambda: bool(work.begun))
        assert await gathering.ask("red", 1) == -1
        assert not first.done()
        work.let.set()
        assert await first == 0
        assert await asks(gathering, "red", 2, 3) == [-2, -3]

    run(work, act)


def test_one_that_breaks_takes_nothing_from_the_others() -> None:
    work = Work()
    work.bad[2] = ZeroDivisionError("a bug")

    async def act(gathering: Gathering[str, int, int]) -> None:
        told = await outcomes(gathering, 9, 1, 2, 3)
        assert told == [-9, -1, work.bad[2], -3]

    run(work, act)
    assert ("red", [1, 2, 3]) in work.begun
    assert work.begun[-3:] == [("red", [1]), ("red", [2]), ("red", [3])]


@pytest.mark.parametrize(
    "error",
    [
        Unauthorized("The API key is not known."),
        OperationalError("COMMIT", None, Exception("gone"), connection_invalidated=True),
    ],
)
def test_what_concerns_them_all_is_told_to_all_and_not_tried_one_by_one(error: Exception) -> None:
    if isinstance(error, OperationalError):
        assert error.orig is not None
        error.orig.sqlstate = None  # type: ignore[attr-defined]
    work = Work()
    work.bad[2] = error

    async def act(gathering: Gathering[str, int, int]) -> None:
        told = await outcomes(gathering, 9, 1, 2, 3)
        assert told == [-9, error, error, error]

    run(work, act)
    assert work.begun == [("red", [9]), ("red", [1, 2, 3])]


def test_who_went_away_takes_nothing_from_the_others() -> None:
    work = Work()
    work.held.add("red")

    async def act(gathering: Gathering[str, int, int]) -> None:
        first = asyncio.create_task(gathering.ask("red", 1))
        await until(lambda: bool(work.begun))
        gone, stays = (asyncio.create_task(gathering.ask("red", one)) for one in (2, 3))
        await asyncio.sleep(0)
        gone.cancel()
        work.let.set()
        assert await stays == -3
        assert await first == -1

    run(work, act)
