"""Campaigns of real processes: whatever is killed, cut or set wrong, people get their due."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.judge import history
from tests.nemesis.campaign import Result, campaign
from tests.nemesis.plan import KINDS, WEATHERS
from tests.system.brokers import Name

Property = Callable[[str, object], None]


def hold(result: Result, kills: int, property_of: Property) -> None:
    """Hold that nothing was broken, that people really were served, and that it was a campaign."""
    for what in ("kills", "hit", "faults", "packets", "outcomes", "took_s"):
        figures = {str(key): value for key, value in getattr(result, what).items()}
        property_of(f"nemesis.{result.seed}.{what}", figures)
    assert not result.breaches, result.breaches[:5]
    assert result.kills == dict.fromkeys(KINDS, kills)
    assert result.collected + result.cancelled == result.parcels
    assert result.collected >= kills
    unknown = sum(times for name, times in result.outcomes.items() if name.endswith("unknown"))
    assert unknown, "no kill fell into a question"
    named = {fault.split(": ")[1] for fault in result.faults}
    assert named >= {*WEATHERS, "cut", "SIGSTOP"}
    assert {fault.split(":")[0] for fault in result.faults} == {"process", "wire", "disk", "clock"}
    for kind in KINDS:
        steps = {step for part, step in result.hit if part == kind} - {"quiet"}
        assert len(steps) >= min(kills, 2 + kills // 8), (kind, result.hit)
    opened = [one for one in result.history if isinstance(one, history.Door) and one.open]
    assert len(opened) >= 2 * result.collected, "each parcel goes in by one door and out by it"


@pytest.mark.slow
def test_five_kills_of_each_part_break_no_promise_on_nats(
    tmp_path: Path, record_property: Property
) -> None:
    hold(campaign(tmp_path, seed=1, kills=5, broker="nats"), 5, record_property)


@pytest.mark.full
def test_a_kill_of_each_part_breaks_no_promise_on_mosquitto(
    tmp_path: Path, record_property: Property
) -> None:
    hold(campaign(tmp_path, seed=2, kills=1, broker="mosquitto"), 1, record_property)


@pytest.mark.full
@pytest.mark.parametrize(("broker", "seed"), [("nats", 11), ("mosquitto", 12)])
def test_fifty_kills_of_each_part_break_no_promise(
    broker: Name, seed: int, tmp_path: Path, record_property: Property
) -> None:
    hold(campaign(tmp_path, seed=seed, kills=25, broker=broker), 25, record_property)
