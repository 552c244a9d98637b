"""Lives whose end is judged: each test damages one thing, and it is put back.

A life takes seconds, so a module that uses these is of one group (`ENDED`): one worker lives it.
"""

from collections.abc import Iterator

import pytest

from tests.simulation.damage import Healed
from tests.simulation.life import Life, lives
from tests.simulation.world import DAY_S

ENDED = [pytest.mark.slow, pytest.mark.xdist_group("ended_lives")]
SEED, DAYS, UNDER_WAY = 13, 0.2, 0.1


@pytest.fixture(scope="module")
def over() -> Iterator[Life]:
    """A life that is over."""
    with lives(SEED, DAYS) as life:
        life.live()
        yield life


@pytest.fixture(scope="module")
def under_way() -> Iterator[Life]:
    """One in which parcels lie, and rights are in force."""
    with lives(SEED, DAYS) as life:
        with life.world.alive():
            life.agenda.plan()
            life.world.run(UNDER_WAY * DAY_S)
        yield life


@pytest.fixture
def life(over: Life) -> Iterator[Life]:
    with Healed(over):
        yield over


@pytest.fixture
def midway(under_way: Life) -> Iterator[Life]:
    with Healed(under_way):
        yield under_way
