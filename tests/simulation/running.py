"""Many seeds, side by side in processes: one verdict after the other, in the order of the seeds."""

import gc
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from math import inf

from tests.simulation import ending, rivals, verdict
from tests.simulation.life import lives
from tests.simulation.rivals import Business
from tests.simulation.verdict import Verdict

ATTACKS = ("attack", "replay")


def live(seed: int, days: float, *, only: frozenset[int] | None = None) -> Verdict:
    """Live one seed to its end."""
    gc.set_threshold(50_000, 20, 20)  # what a life leaves goes with it
    begun = time.process_time()
    with lives(seed, days, only=only) as life:
        try:
            life.live()
            found = verdict.of(life)
        except Exception as error:  # noqa: BLE001 - a bug of ours ends a life, not the run
            found = Verdict(seed, seeds=1, breaks=[(seed, ending.bug(error))])
    found.cpu_s = time.process_time() - begun
    return found


def compare(seed: int, days: float, *businesses: Business, fair: bool = False) -> list[str]:
    """Live a seed once with each business of the rival; return what others were told otherwise.

    `fair`: nothing breaks, and nobody attacks: then a rival may ask more than it would have.
    """
    only = _fair(seed, days) if fair else None
    with ExitStack() as stack:
        every = []
        for one in businesses:
            life = stack.enter_context(lives(seed, days, only=only, rival=one))
            if fair:  # and nothing is heard sooner because somebody asks
                life.world.faulty = life.world.wire.faulty = False
                life.world.poll_wake_s = life.world.work_wake_s = inf
            life.live()
            every.append(life)
        first, *others = every
        return [words for other in others for words in rivals.differences(first, other)]


def _fair(seed: int, days: float) -> frozenset[int]:
    with lives(seed, days) as life:
        life.agenda.plan()
        acts = [act for act in life.agenda.acts if act.name.split()[0] not in ("fault", *ATTACKS)]
        return frozenset(act.number for act in acts)


def each(first_seed: int, seeds: int, days: float, *, jobs: int) -> Iterator[Verdict]:
    """Yield the verdict of each seed."""
    every = range(first_seed, first_seed + seeds)
    if jobs == 1:
        yield from (live(seed, days) for seed in every)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(partial(live, days=days), every)
