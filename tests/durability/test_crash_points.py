"""Every named crash point in every kind of act: nothing is doubled, and the person tries again.

`make test` dies at the first and the last pass of a point in an act, `make test-full` at each.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fellesskap_edge.parts import CRASH_AT
from fellesskap_edge.spoken import Key
from fellesskap_protocol.events import CustodyReported
from tests.durability.visits import Visits, code, label

Act = Callable[[Visits], object]
HOUR_S = 3600.0
PASSES_MAX = 40
"""Polls pass `after_write` hundreds of times in an hour: so many of them, spread, say enough."""


def nothing(_: Visits) -> None:
    pass


def with_parcel(locker: Visits) -> None:
    locker.deposit(1)


def with_two(locker: Visits) -> None:
    locker.deposit(1)
    locker.announce(2)


def collected(locker: Visits) -> None:
    locker.deposit(1)
    locker.collect(1)


def refuse(locker: Visits) -> None:
    """Let the backend know more of this journal than the locker does, and say so."""
    locker.backend.open_epoch.acked += 1000
    locker.partition(1)
    locker.wait(20)


def reconnect(locker: Visits) -> None:
    """Write while the network is down; send and be acknowledged when it is back."""
    locker.partition(5)
    locker.type_code("11112222")
    locker.wait(20)


def guess(locker: Visits) -> None:
    for turn in range(6):
        locker.type_code(f"1111222{turn}")


def scan_foreign(locker: Visits) -> None:
    locker.scan("FOREIGN-1")
    locker.wait(1)


def put_in(locker: Visits, *keys: Key) -> None:
    """Scan; press keys before the open door, one after the other; put it behind the last door."""
    locker.scan(label(1))
    locker.wait(1.5)
    for key in keys:
        locker.press(key)
        locker.wait(1.5)
    told = locker.shown()
    if told is not None and told.outcome == "opens" and told.compartment is not None:
        locker.wait_by("put_in", told.compartment)
    locker.wait(40)


def finds_nothing(locker: Visits) -> None:
    """Type the code, and say before the open door that it is empty."""
    locker.type_code(code(1)[:8])
    locker.wait(1.5)
    locker.press("empty")
    locker.shut_what_stands_open()
    locker.wait(40)


def unplug(locker: Visits) -> None:
    locker.unplug(30)
    locker.wait(40)


@dataclass(frozen=True)
class Scene:
    """One act in one state; `again` is what somebody does after the crash."""

    before: Act
    act: Act
    again: Act


SCENES = {
    "start": Scene(with_parcel, lambda x: x.restart(), lambda x: x.collect(1)),
    "deposit": Scene(nothing, lambda x: x.deposit_once(1), lambda x: x.deposit(1)),
    "second deposit": Scene(with_two, lambda x: x.deposit_once(2), lambda x: x.deposit(2)),
    "too small": Scene(nothing, lambda x: put_in(x, "bigger"), lambda x: x.deposit(1)),
    "occupied": Scene(nothing, lambda x: put_in(x, "occupied"), lambda x: x.deposit(1)),
    "broken": Scene(nothing, lambda x: put_in(x, "broken"), lambda x: x.deposit(1)),
    "cancel": Scene(nothing, lambda x: put_in(x, "cancel"), lambda x: x.deposit(1)),
    "it is empty": Scene(with_parcel, finds_nothing, nothing),
    "collect": Scene(with_parcel, lambda x: x.collect_once(1), lambda x: x.collect(1)),
    "reopen": Scene(collected, lambda x: x.collect_once(1), nothing),
    "remote open": Scene(
        nothing,
        lambda x: x.command("open_door", "j1", 3),
        lambda x: x.command("open_door", "j2", 3),
    ),
    "out of service": Scene(nothing, lambda x: x.command("set_service", "j1", 3), nothing),
    "rights": Scene(with_parcel, lambda x: x.announce(2), lambda x: x.deposit(2)),
    "new epoch": Scene(with_parcel, refuse, lambda x: x.collect(1)),
    "acknowledged": Scene(with_parcel, reconnect, lambda x: x.collect(1)),
    "wrong codes": Scene(with_parcel, guess, lambda x: x.collect(1)),
    "wrong label": Scene(nothing, scan_foreign, lambda x: x.deposit(1)),
    "board lost": Scene(with_parcel, unplug, lambda x: x.collect(1)),
    "an hour": Scene(with_parcel, lambda x: x.wait(HOUR_S + 60), lambda x: x.collect(1)),
}


def ready(folder: Path, scene: Scene) -> Visits:
    """A locker in the state in which the act begins."""
    folder.mkdir()
    locker = Visits(1, folder)
    locker.wait(8)
    locker.announce(1)
    scene.before(locker)
    locker.passed.clear()
    return locker


def passes(folder: Path, scene: Scene) -> Counter[str]:
    """How often the act passes each point if nothing happens."""
    locker = ready(folder, scene)
    scene.act(locker)
    locker.drive.parts.journal.close()
    return locker.passed


def live(folder: Path, name: str, point: str, turn: int) -> None:
    """Die once, at one pass of one point in one act; go on; judge."""
    scene = SCENES[name]
    locker = ready(folder, scene)
    pulses = len(locker.hardware.plant.pulses)
    locker.doom = (point, turn)
    scene.act(locker)
    assert locker.deaths == 1, f"{name}: not dead at {point}, {turn}"
    locker.settle()
    fired = len(locker.hardware.plant.pulses) - pulses
    assert fired <= 3, f"{name}, {point}, {turn}: {fired} pulses for one act"
    scene.again(locker)
    locker.settle()
    locker.verify()
    epoch = locker.backend.open_epoch
    assert epoch.acked == locker.drive.parts.journal.head_seq, "all of it is recorded"
    if name == "new epoch":
        reports = [e for e in epoch.events if isinstance(e, CustodyReported)]
        assert [report.complete for report in reports] == [True]
    locker.drive.parts.journal.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_after_dying_at_any_point_nothing_is_doubled(name: str, in_memory: Path) -> None:
    passed = passes(in_memory / "dry", SCENES[name])
    for point, times in sorted(passed.items()):
        for turn in sorted({0, times - 1}):
            live(in_memory / f"{point}-{turn}", name, point, turn)


@pytest.mark.full
@pytest.mark.parametrize("name", SCENES)
def test_after_dying_at_every_pass_of_any_point_nothing_is_doubled(
    name: str, in_memory: Path, record_property: Callable[[str, object], None]
) -> None:
    passed = passes(in_memory / "dry", SCENES[name])
    lived = 0
    for point, times in sorted(passed.items()):
        for turn in range(0, times, max(1, times // PASSES_MAX)):
            live(in_memory / f"{point}-{turn}", name, point, turn)
            lived += 1
    record_property(f"crash_points_{name.replace(' ', '_')}", lived)


@pytest.mark.slow
def test_every_named_point_is_passed_somewhere(in_memory: Path) -> None:
    acts = ("start", "deposit", "new epoch", "an hour")
    passed = sum((passes(in_memory / name, SCENES[name]) for name in acts), Counter[str]())
    assert set(passed) == set(CRASH_AT)
