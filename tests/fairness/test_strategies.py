"""What a search for ways to gain found; `docs/fairness-laboratory.md` publishes the counts.

The smallest counter-examples to honesty about sizes stand in `tests/backend/test_fair_share.py`.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from fellesskap_backend.allocation.batch import decide_batch
from fellesskap_backend.allocation.deciding import Request, decide
from fellesskap_backend.allocation.division import divide, quotas_of
from tests.backend.fair import DAY_KEY, SIZES, Scene, parcel, scene

LOCKERS = 400
CUT_OFF_MIN = 20 * 60
PAGE = Path(__file__).parents[2] / "docs/fairness-laboratory.md"
Trick = Callable[[Scene], Scene]


def served(one: Scene, names: set[str]) -> int:
    answers = decide_batch(one.policy, one.view(), one.requests, DAY_KEY)
    return sum(answers[name].confirmed for name in names)


def searched(trick: Trick) -> tuple[int, int]:
    """Try a trick of east at small crowded lockers; return how often east wins, and loses."""
    wins = losses = 0
    for seed in range(LOCKERS):
        one = crowded(Random(seed))
        gain = served(trick(one), set(easts(one))) - served(one, set(easts(one)))
        wins, losses = wins + (gain > 0), losses + (gain < 0)
    return wins, losses


def crowded(rng: Random) -> Scene:
    """Twelve doors, and two carriers that ask for sixteen."""
    one = scene("".join(rng.choices(SIZES, (5, 3, 2), k=12)), {"east": 2, "north": 3})
    asked = [(rng.choice(("east", "north")), rng.choice(SIZES)) for _ in range(16)]
    return one.asking({f"r{n:02}": Request(who, parcel(s)) for n, (who, s) in enumerate(asked)})


def easts(one: Scene) -> dict[str, Request]:
    return {name: request for name, request in one.requests.items() if request.carrier == "east"}


def two_names(one: Scene) -> Scene:
    """Appear as two carriers, of half the weight each; every second request by either."""
    weights = {"east": 1, "east too": 1, "north": 3}
    seconds = list(easts(one))[1::2]
    requests = {
        name: replace(request, carrier="east too") if name in seconds else request
        for name, request in one.requests.items()
    }
    quotas = quotas_of(divide(one.policy, one.every), weights)
    return replace(one, weights=weights, quotas=quotas, requests=requests)


def ten_times_over(one: Scene) -> Scene:
    """Ask for ten times as many as one has."""
    more = {f"x{number:03}": request for number, request in enumerate(9 * [*easts(one).values()])}
    return one.asking(one.requests | more)


def one_size_larger(one: Scene) -> Scene:
    """Announce every parcel one size larger than it is."""
    larger = {
        name: replace(request, demand=parcel({"S": "M"}.get(request.size, "L")))
        for name, request in easts(one).items()
    }
    return one.asking(one.requests | larger)


def half_after_the_cut_off(one: Scene) -> int:
    """Ask for every second one only when the cut-off is over, first of all; return what one got."""
    late = list(easts(one))[1::2]
    early = {name: asked for name, asked in one.requests.items() if name not in late}
    view = one.view(CUT_OFF_MIN)
    answers = decide_batch(one.policy, view, early, DAY_KEY)
    for name, answer in answers.items():
        if answer.use is not None:
            view.give(early[name].demand, answer.use)
    got = sum(answers[name].confirmed for name in early if name in easts(one))
    for name in late:
        answer = decide(one.policy, view, one.requests[name])
        if answer.use is not None:
            view.give(one.requests[name].demand, answer.use)
            got += 1
    return got


@pytest.mark.slow
def test_who_holds_half_back_until_the_cut_off_is_over_wins_as_seldom_as_the_page_says() -> None:
    gains = []
    for seed in range(LOCKERS):
        one = crowded(Random(seed))
        gains.append(half_after_the_cut_off(one) - served(one, set(easts(one))))
    wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    assert (wins, losses, sum(gains)) == (40, 48, -15)
    assert f"| {wins} | {losses} |" in PAGE.read_text()


@pytest.mark.parametrize(
    ("trick", "wins", "losses"),
    [(two_names, 17, 53), (ten_times_over, 0, 394), (one_size_larger, 3, 330)],
)
@pytest.mark.slow
def test_a_trick_wins_as_seldom_as_the_page_says(trick: Trick, wins: int, losses: int) -> None:
    assert searched(trick) == (wins, losses)
    assert f"| {wins} | {losses} |" in PAGE.read_text()
