"""A store that was lost or went back in time, through the drive and with a backend behind it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from fellesskap_protocol.events import CustodyReported, Presented, StoreCreated
from tests.edge.walk_locker import WalkLocker
from tests.simulation.stand_parts import START


@pytest.fixture
def at() -> Iterator[WalkLocker]:
    """A locker in service, with its rights and a parcel in it."""
    locker = WalkLocker()
    locker.stand.boot()
    locker.office.want(*locker.first_wish())
    locker.stand.connect()
    locker.stand.run(1.0)
    assert locker.scan(locker.label("h1")) == ("opens", 1)
    locker.at_door("put_in", 1, open_s=2.2)
    locker.stand.run(1.0)
    try:
        yield locker
        locker.outsider.settled()
    finally:
        locker.close()


def restart(at: WalkLocker) -> None:
    at.stand.kill()
    at.stand.boot()
    at.stand.connect()
    at.stand.run(1.0)


def lose(at: WalkLocker) -> None:
    at.stand.kill()
    at.stand.lose_store()
    at.outsider.lost()
    at.office.may_differ = True
    restart(at)


def asked_from_afar(at: WalkLocker, jti: str, number: int) -> str | None:
    """Why the locker does not open a door from afar, if it does not."""
    command = at.office.command("open_door", jti, at.stand.wall, number)
    at.outsider.shown.command = (command, True)
    at.arrive("commands", at.office.sign(command))
    at.outsider.looked()
    return next(
        one.reason
        for one in reversed(at.outsider.events)
        if isinstance(one, Presented) and one.jti == jti
    )


def test_a_lost_store_opens_nothing_from_afar_for_ten_minutes_whatever_is_started_again(
    at: WalkLocker,
) -> None:
    assert asked_from_afar(at, "before", 4) is None
    at.at_door("nothing", 4)
    lose(at)
    assert asked_from_afar(at, "after", 4) == "limit"
    restart(at)
    at.stand.run(20.0)
    assert asked_from_afar(at, "later", 4) == "limit"
    at.stand.disconnect()
    at.stand.run(605.0)
    at.stand.connect()
    at.stand.run(1.0)
    assert asked_from_afar(at, "last", 4) is None


def test_a_lost_store_learns_from_the_backend_what_lies_in_the_locker(at: WalkLocker) -> None:
    lose(at)
    assert at.outsider.lies_in[1].parcel_id == "parcel-h1"
    assert at.type_code(at.codes("h1")[-1]) == ("opens", 1)
    assert at.at_door("take_out", 1)


def test_a_new_epoch_does_not_forget_that_time_has_passed(at: WalkLocker) -> None:
    """The backend's clock was right and so was ours; then the battery of ours is empty."""
    at.stand.kill()
    at.stand.copy_store()
    at.outsider.copied()
    restart(at)
    at.stand.kill()
    at.stand.restore_store()
    at.outsider.restored()
    at.office.may_differ = True
    at.stand.set_clock(timedelta(days=-3653))
    restart(at)
    assert at.outsider.reason == "", "a new epoch has begun"
    at.stand.kill()
    at.stand.boot()
    assert at.stand.drive is not None
    assert at.stand.drive.now.wall >= START


def test_a_copy_of_the_card_that_is_put_back_is_found_out_and_what_is_gone_is_revoked(
    at: WalkLocker,
) -> None:
    at.stand.kill()
    at.stand.copy_store()
    at.outsider.copied()
    restart(at)
    assert at.type_code(at.codes("h1")[-1]) == ("opens", 1)
    assert at.at_door("take_out", 1)
    at.stand.run(1.0)
    at.stand.kill()
    at.stand.restore_store()
    at.outsider.restored()
    at.office.may_differ = True
    restart(at)
    began = [one for one in at.outsider.events if isinstance(one, StoreCreated)]
    assert [one.reason for one in began] == ["commissioned", "went_back"]
    told = [one for one in at.outsider.events if isinstance(one, CustodyReported)]
    assert [(one.compartment, one.parcel_id) for one in told] == [(1, "parcel-h1")]
    at.stand.run(301.0)
    assert at.type_code(at.codes("h1")[-1])[0] == "refused"
