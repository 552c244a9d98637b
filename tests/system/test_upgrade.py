"""What an earlier version left behind is taken on: nothing is lost, and everybody is served."""

from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.system.house import wait_for
from tests.system.upgrade import GOLDEN, Json, put_in, state_of, taken_on

LYING = ("deposited", "overdue")
"""By the clock of the day on which this runs."""
VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in GOLDEN.glob("*.tar.xz"))


def test_there_is_a_version_to_take_on() -> None:
    assert "0.1.0" in VERSIONS


def _is(carrier: httpx.Client, parcel: Json, *states: str) -> bool:
    return state_of(carrier, parcel) in states


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_left_behind_is_taken_on(version: str, tmp_path: Path) -> None:
    with taken_on(version, tmp_path) as (house, locker, told):
        carrier = house.client(told["api_key"])
        for parcel in (told["known"], told["untold"]):
            wait_for("it lies there", partial(_is, carrier, parcel, *LYING))
            locker.hardware.person("take_out")
            assert locker.enter(parcel["code"])["outcome"] == "opens"
            wait_for("collected", partial(_is, carrier, parcel, "collected"))

        new = put_in(carrier, locker, 3)
        events = carrier.get("/v1/events?after=0").json()["events"]
        told_of = [
            one["data"].get("parcel_id") for one in events if one["type"] == "parcel.deposited"
        ]
        assert told_of == [
            told["known"]["parcel_id"],
            told["untold"]["parcel_id"],
            new["parcel_id"],
        ]
        assert house.cli("decisions", "replay")["decisions"] >= 3
