"""Every named crash point in every kind of act: nothing is doubled, and the person tries again.

`make test` dies at the first and the last pass of a point in an act, `make test-full` at each.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fellesskap_edge.config_check import load
from fellesskap_edge.door import State
from fellesskap_edge.parts import CRASH_AT
from tests.durability.scenes import SCENES, Scene
from tests.durability.visits import Visits
from tests.system.house import locker_toml

PASSES_MAX = 40
"""Polls pass `after_write` hundreds of times in an hour: so many of them, spread, say enough."""
RESTART_S = 1.0
"""No daemon is back sooner: systemd waits (`RestartSec`), and Python starts."""


def ready(folder: Path, scene: Scene) -> Visits:
    """A locker in the state in which the act begins."""
    folder.mkdir()
    (folder / "locker.toml").write_text(locker_toml("sim-1"))
    locker = Visits(1, folder, config=scene.wired(load(folder / "locker.toml")))
    locker.wait(8)
    locker.announce(1)
    scene.before(locker)
    locker.passed.clear()
    return locker


def live(folder: Path, name: str, doom: tuple[str, int] | None = None) -> Counter[str]:
    """Die once, at one pass of one point in one act, or not at all; go on; judge.

    Returns how often the act passed each point.
    """
    scene = SCENES[name]
    locker = ready(folder, scene)
    pulses = len(locker.hardware.plant.pulses)
    locker.doom, locker.down_s = doom, RESTART_S
    scene.act(locker)
    assert locker.deaths == (doom is not None), f"{name}: not dead at {doom}"
    passed = locker.passed.copy()
    locker.settle()
    fired = len(locker.hardware.plant.pulses) - pulses
    assert fired <= scene.pulses_max, f"{name}, {doom}: {fired} pulses for one act"
    scene.again(locker)
    locker.settle()
    locker.verify()
    epoch = locker.backend.open_epoch
    if epoch.acked < locker.drive.parts.journal.head_seq:
        locker.wait(5)  # something was written in the last moment
    assert epoch.acked == locker.drive.parts.journal.head_seq, "all of it is recorded"
    scene.judge(locker)
    locker.drive.parts.journal.close()
    return passed


def states(folder: Path, name: str) -> set[State]:
    """Return the states in which doors stand while an act passes points, cut off once or not."""
    folder.mkdir()
    stood: set[State] = set()
    for doom in (None, ("after_commit", 0)):
        locker = ready(folder / ("cut" if doom else "whole"), SCENES[name])
        locker.stood.clear()
        locker.doom = doom
        SCENES[name].act(locker)
        locker.drive.parts.journal.close()
        stood |= locker.stood
    return stood


def die_each(folder: Path, name: str, turns: Callable[[int], set[int]]) -> int:
    """Die at these passes of each point; return how often."""
    lived = 0
    for point, times in sorted(live(folder / "dry", name).items()):
        for turn in sorted(turns(times)):
            try:
                live(folder / f"{point}-{turn}", name, (point, turn))
            except BaseException:
                print(f"SCENE={name} POINT={point} TURN={turn}")
                raise
            lived += 1
    return lived


def first_and_last(times: int) -> set[int]:
    return {0, times - 1}


def all_of_them(times: int) -> set[int]:
    return set(range(0, times, max(1, times // PASSES_MAX)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_after_dying_at_any_point_nothing_is_doubled(name: str, in_memory: Path) -> None:
    assert die_each(in_memory, name, first_and_last)


@pytest.mark.full
@pytest.mark.parametrize("name", SCENES)
def test_after_dying_at_every_pass_of_any_point_nothing_is_doubled(
    name: str, in_memory: Path, record_property: Callable[[str, object], None]
) -> None:
    lived = die_each(in_memory, name, all_of_them)
    record_property(f"crash_points_{name.replace(' ', '_')}", lived)


@pytest.mark.slow
def test_every_state_of_a_door_is_one_to_die_in(in_memory: Path) -> None:
    stood = {state for name in SCENES for state in states(in_memory / name.replace(" ", "-"), name)}
    assert stood == set(State)


@pytest.mark.slow
def test_every_named_point_is_passed_somewhere(in_memory: Path) -> None:
    acts = ("start", "deposit", "new epoch", "an hour")
    passed = sum((live(in_memory / name, name) for name in acts), Counter[str]())
    assert set(passed) == set(CRASH_AT)
