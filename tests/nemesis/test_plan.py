"""The plan of a campaign, without any process."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.nemesis.plan import AIMS, KINDS, WEATHERS, ClockJump, FullDisk, Kill, Stop, Wire, plan

LOCKERS = ("a", "b")


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_one_seed_has_one_plan_with_every_kind_of_fault(seed: int, kills: int) -> None:
    steps = plan(seed, kills, LOCKERS, "bridge")
    assert steps == plan(seed, kills, LOCKERS, "bridge")
    killed = Counter(one.part.split(":")[0] for one in steps if isinstance(one, Kill))
    assert killed == dict.fromkeys(KINDS, kills)
    assert {one.kind for one in steps if isinstance(one, Wire)} == {*WEATHERS, "cut"}
    assert {type(one) for one in steps} == {Kill, Stop, Wire, FullDisk, ClockJump}


@given(st.integers(0, 2**32))
def test_ten_kills_of_a_part_strike_in_each_of_its_moments(seed: int) -> None:
    steps = plan(seed, 10, LOCKERS, "bridge")
    for kind in KINDS:
        aims = [one.aim for one in steps if isinstance(one, Kill) and one.part.startswith(kind)]
        assert set(aims) == set(AIMS[kind])
