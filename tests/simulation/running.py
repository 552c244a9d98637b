"""Many seeds, side by side in processes: one verdict after the other, in the order of the seeds."""

import gc
import multiprocessing
import time
from collections.abc import Iterator
from functools import partial

from tests.simulation import ending, verdict
from tests.simulation.life import lives
from tests.simulation.verdict import Verdict


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


def each(first_seed: int, seeds: int, days: float, *, jobs: int) -> Iterator[Verdict]:
    """Yield the verdict of each seed."""
    every = range(first_seed, first_seed + seeds)
    if jobs == 1:
        yield from (live(seed, days) for seed in every)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(partial(live, days=days), every)
