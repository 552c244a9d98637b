"""One more process of the API beside a `serve`: what it commits goes out from there."""

from pathlib import Path

import pytest

from tests.system.house import installation, locker_toml, wait_for
from tests.system.upgrade import LOCKER_ID, put_in, state_of


@pytest.mark.slow
def test_what_another_process_commits_goes_out_and_it_ends_alone(tmp_path: Path) -> None:
    with installation(tmp_path / "house") as house:
        carrier, added = house.carrier("Nordpost")
        locker = house.locker(LOCKER_ID, locker_toml(LOCKER_ID, doors=8))
        beside = house.one_more_api()
        (program,) = house.beside
        assert program.ready == {"ready": True, "api": beside}
        other = house.client(added["api_key"], beside)
        made = put_in(other, locker, 1)
        assert state_of(carrier, made) == "deposited"
        told = wait_for("told", lambda: other.get("/v1/events?after=0").json()["events"])
        assert told[0]["type"] == "reservation.confirmed"
        program.kill()
        put_in(carrier, locker, 2)
