"""A clock that is wrong, through the drive: what it may decide, and what never rests on it.

`docs/protocol.md` 8: "now" is a floor that verified messages raise and a fresh answer sets.
"""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from fellesskap_edge import inbox as rim
from fellesskap_protocol.events import AnyEvent, ClockChanged, Presented, Serving
from tests.edge.walk_locker import WalkLocker
from tests.simulation.stand_parts import START

TEN_YEARS = timedelta(days=3653)
SINCE_1970 = timedelta(seconds=START.timestamp())
CLOCKS = {"behind": -TEN_YEARS, "ahead": TEN_YEARS, "1970": -SINCE_1970}
MINUTE = timedelta(seconds=60)
AHEAD = 11 * MINUTE


@pytest.fixture
def at() -> Iterator[WalkLocker]:
    locker = WalkLocker()
    try:
        yield locker
        locker.outsider.settled()
    finally:
        locker.close()


def begun(at: WalkLocker, *, offset: timedelta = timedelta(0)) -> WalkLocker:
    """A locker in service with its rights; the network is down again."""
    at.stand.set_clock(offset)
    at.stand.boot()
    at.stand.run(1.0)
    at.office.want(*at.first_wish())
    online(at)
    at.stand.disconnect()
    return at


def online(at: WalkLocker) -> None:
    at.stand.connect()
    at.stand.run(1.0)


def deposit(at: WalkLocker, name: str) -> int:
    outcome, number = at.scan(at.label(name))
    assert outcome == "opens"
    assert number is not None
    assert at.at_door("put_in", number)
    return number


def wish(at: WalkLocker, name: str, **fields: object) -> None:
    """Wish another right, and let it arrive if there is a connection."""
    to = at.office.want(msgspec.structs.replace(at.right(name), **fields))
    for part in at.office.change(to - 1, to, at.stand.wall):
        at.carry("rights", part)


def last(at: WalkLocker) -> Presented:
    return [event for event in at.outsider.events if isinstance(event, Presented)][-1]


def since_boot(at: WalkLocker) -> list[AnyEvent]:
    newest = at.outsider.events[-1].boot_id
    return [event for event in at.outsider.events if event.boot_id == newest]


# What never rests on it --------------------------------------------------------------------------


@pytest.mark.parametrize("jump", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize(("alone", "restarted"), [(False, False), (True, False), (True, True)])
def test_a_parcel_is_collected_whatever_the_clock_says_meanwhile(
    at: WalkLocker, jump: timedelta, alone: bool, restarted: bool
) -> None:
    """In contact before, so that the time is known, or with nothing but the clock."""
    begun(at)
    number = deposit(at, "h1")
    if alone:
        at.stand.kill()
        at.stand.boot()
    at.stand.set_clock(jump)
    at.stand.give(rim.Tick())
    if restarted:
        at.stand.cut_power()
        at.stand.power_back()
    at.stand.run(5.0)
    assert at.type_code(at.codes("h1")[-1][:8]) == ("opens", number)
    assert at.at_door("take_out", number)
    assert not at.outsider.lies_in


@pytest.mark.parametrize("offset", CLOCKS.values(), ids=CLOCKS)
def test_a_locker_that_starts_with_a_wrong_clock_works_and_says_that_it_is_untrusted(
    at: WalkLocker, offset: timedelta
) -> None:
    begun(at, offset=offset)
    number = deposit(at, "h1")
    assert at.type_code(at.codes("h1")[-1]) == ("opens", number)
    assert at.at_door("take_out", number)
    assert {event.clock for event in at.outsider.events} == {"untrusted"}


def test_a_jump_is_told_and_the_clock_is_untrusted_from_then_on(at: WalkLocker) -> None:
    begun(at)
    at.stand.kill()
    at.stand.boot()
    at.stand.set_clock(TEN_YEARS)
    at.stand.give(rim.Tick())
    changed = at.outsider.events[-1]
    assert isinstance(changed, ClockChanged)
    assert changed.by_s == TEN_YEARS.total_seconds()
    assert changed.clock == "untrusted"


@pytest.mark.parametrize("jump", CLOCKS.values(), ids=CLOCKS)
def test_the_time_served_is_measured_by_the_clock_that_nobody_sets(
    at: WalkLocker, jump: timedelta
) -> None:
    begun(at)
    at.stand.kill()
    at.stand.boot()
    at.stand.run(600.0)
    at.stand.set_clock(jump)
    at.stand.run(1500.0)
    rows = [event for event in at.outsider.events if isinstance(event, Serving)]
    lengths = [(row.to - row.from_).total_seconds() for row in rows]
    assert max(lengths) == pytest.approx(900.0, abs=5.0)
    assert sum(lengths) == pytest.approx(1800.0, abs=15.0)


def test_a_clock_ahead_drops_no_history_at_the_start(at: WalkLocker) -> None:
    begun(at)
    deposit(at, "h1")
    online(at)
    at.stand.kill()
    at.stand.set_clock(TEN_YEARS)
    at.stand.boot()
    assert at.stand.journal.oldest_seq == 1
    at.stand.kill()
    at.stand.set_clock(-SINCE_1970)
    at.stand.boot()
    assert since_boot(at)[0].at >= START, "what was known of the time is known still"


def test_neither_a_signed_time_nor_a_restart_lifts_the_limit_of_remote_opens(
    at: WalkLocker,
) -> None:
    """I6: a backend that is eleven minutes ahead moves the floor, and the restart keeps it."""
    begun(at)
    online(at)
    reasons = []
    for turn in range(6):
        reasons.append(open_door(at, f"j{turn}", turn % 5 + 1))
        at.at_door("nothing", turn % 5 + 1)
        at.stand.run(8.0)
    assert reasons == [None] * 6
    to = at.office.want(at.right("s1", revoked=True))
    at.carry("rights", at.office.change(to - 1, to, at.stand.wall + AHEAD)[0])
    at.scan("STRANGER")
    at.stand.kill()
    at.stand.boot()
    at.attentive = False
    online(at)
    assert open_door(at, "one too many", 2) == "limit"
    at.stand.run(600.0)
    assert open_door(at, "later", 2) is None


def open_door(at: WalkLocker, jti: str, number: int) -> str | None:
    """Let a command come that is good for a while, over a fresh challenge; return its reason."""
    show = at.office.command("show_challenge", "show", at.stand.wall)
    at.arrive("commands", at.office.sign(show))
    exp = int((at.stand.wall + 2 * AHEAD).timestamp())
    command = at.office.command("open_door", jti, at.stand.wall, number, exp=exp)
    at.outsider.shown.command = (command, True)
    at.arrive("commands", at.office.sign(command))
    return at.office.results[-1].reason


# What expires by the floor -----------------------------------------------------------------------


@pytest.mark.parametrize("offset", CLOCKS.values(), ids=CLOCKS)
def test_a_claim_expires_by_what_the_backend_said_of_the_time(
    at: WalkLocker, offset: timedelta
) -> None:
    """The machine thinks that it is 1970, or 2036: the fresh answer counts."""
    begun(at, offset=offset)
    online(at)
    wish(at, "h1", deposit_by=at.stand.wall + 2 * MINUTE)
    at.stand.disconnect()
    number = deposit(at, "h1")
    assert number
    online(at)
    wish(at, "h2", deposit_by=at.stand.wall + MINUTE)
    at.stand.disconnect()
    at.stand.run(61.0)
    assert at.scan("H2")[0] == "expired"
    assert last(at).reason == "expired"


def test_a_claim_stays_expired_when_the_clock_is_set_back(at: WalkLocker) -> None:
    begun(at)
    online(at)
    wish(at, "h1", deposit_by=at.stand.wall + MINUTE)
    at.stand.disconnect()
    at.stand.run(61.0)
    assert at.scan("H1")[0] == "expired"
    at.stand.set_clock(-TEN_YEARS)
    assert at.scan("H1")[0] == "expired"
    at.stand.cut_power()
    at.stand.power_back()
    at.stand.run(5.0)
    assert at.scan("H1")[0] == "expired"


@pytest.mark.parametrize("offset", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize(("late_s", "reason"), [(29.0, None), (31.0, "expired")])
def test_a_command_expires_by_the_floor(
    at: WalkLocker, offset: timedelta, late_s: float, reason: str | None
) -> None:
    begun(at, offset=offset)
    online(at)
    command = at.office.command("open_door", "j", at.stand.wall, 1)
    at.stand.run(late_s)
    at.outsider.shown.command = (command, True)
    at.arrive("commands", at.office.sign(command))
    assert at.office.results[-1].reason == reason


# Badges ------------------------------------------------------------------------------------------


def test_a_badge_waits_until_the_time_is_known_or_the_backend_was_heard(at: WalkLocker) -> None:
    begun(at)
    at.stand.cut_power()
    at.stand.set_clock(-SINCE_1970)
    at.stand.power_back()
    at.stand.run(5.0)
    assert at.show_badge("red") == "badge_refused"
    assert last(at).reason == "clock_untrusted"
    online(at)
    assert at.show_badge("red") == "badge_accepted"


def test_a_trusted_clock_is_enough_for_a_badge(at: WalkLocker) -> None:
    begun(at)
    at.stand.kill()
    at.stand.boot()
    at.stand.run(5.0)
    assert at.show_badge("red") == "badge_accepted"


def test_what_is_forged_or_for_another_locker_tells_no_time(at: WalkLocker) -> None:
    begun(at)
    at.stand.cut_power()
    at.stand.set_clock(-SINCE_1970)
    at.stand.power_back()
    at.attentive = False
    online(at)
    other = at.office.command("open_door", "j", at.stand.wall, 1, aud="walk-2")
    at.arrive("commands", at.office.sign(other))
    assert at.show_badge("red") == "badge_refused"


def test_only_a_fresh_answer_sets_the_time_down(at: WalkLocker) -> None:
    begun(at)
    at.stand.cut_power()
    at.stand.set_clock(TEN_YEARS)
    at.attentive = False
    at.stand.power_back()
    online(at)
    assert at.office.heard_last is not None
    stale = at.office.ack(at.office.heard_last, at.stand.wall, challenge=None)
    at.arrive("ack", stale)
    assert at.show_badge("red") == "expired", "ten years ahead"
    at.arrive("ack", at.office.ack(at.office.heard_last, at.stand.wall))
    at.stand.run(3.0)  # the same badge again within that is a badge still held there
    assert at.show_badge("red") == "badge_accepted"
    assert abs(last(at).at - at.stand.wall) < timedelta(seconds=5)
