"""What a lost or damaged store, or a false clock, must not make the locker do."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from fellesskap_edge import state as ctl
from fellesskap_edge.clock import Floor, Instant
from fellesskap_edge.controller import step
from fellesskap_edge.custody import begin_epoch
from fellesskap_edge.door import LEFT_OPEN_S
from fellesskap_edge.facts import Place, RemoteOpens, Used
from fellesskap_edge.repairing import kinds_of, repaired
from fellesskap_protocol.messages import Right
from tests.edge.little_locker import DOORS, LittleLocker, command, right

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def lost() -> LittleLocker:
    """A locker whose store was lost: a new epoch in which nothing is known."""
    locker = LittleLocker().ready()
    draft = ctl.Draft(locker.controller, locker.now)
    begin_epoch(draft, locker.config, "lost")
    locker.controller = draft.c
    return locker


def test_a_lost_store_gives_no_occupied_door_to_a_courier() -> None:
    locker = lost()
    assert {place.content for place in locker.controller.places.values()} == {"unknown"}
    held = msgspec.structs.replace(right("one"), kind="collect", compartment=1)
    locker.put(held, right("two"), from_empty=True)
    assert locker.controller.places[1] == Place("parcel", right_id="one")
    locker.scan("label-two")
    locker.wait(1.0)
    assert [pulse.compartment for pulse in locker.pulses] == [2]
    locker.put(remove=("one",))
    assert "one" in locker.controller.rights, "a right that holds a parcel is not forgotten"


def test_the_last_free_door_is_given_while_another_is_in_operation() -> None:
    locker = LittleLocker().ready(right("one"), right("two"))
    for number in sorted(DOORS)[2:]:
        place = locker.controller.places[number]
        locker.controller.places[number] = msgspec.structs.replace(place, service="out")
    locker.scan("label-one")
    locker.door(1, "open")
    locker.wait(LEFT_OPEN_S)
    locker.scan("label-two")
    assert [pulse.compartment for pulse in locker.pulses] == [1, 2]


def test_a_signer_who_moves_the_clock_opens_no_more_doors() -> None:
    """The limit of remote opens counts in a clock that no message moves, too."""
    locker = LittleLocker().ready()
    locker.wait(60.0)
    opened = 0
    for turn in range(20):
        wall = locker.now.wall + timedelta(minutes=11 * turn)
        number = sorted(DOORS)[turn % len(DOORS)]
        later = Instant(locker.mono_s, wall, trusted=False)
        event = command("open_door", f"j{turn}", number, locker)
        fresh = msgspec.structs.replace(event.command, exp=int(wall.timestamp()) + 30)
        event = ctl.CommandArrived(
            fresh, fresh=True, challenge=event.challenge, authorisation_id=event.authorisation_id
        )
        locker.controller, effects = step(locker.controller, event, later)
        opened += any(isinstance(effect, ctl.Pulse) for effect in effects)
        locker.wait(1.0)
        locker.door(number, "open", "shut")
    assert opened <= 6


def test_a_fresh_answer_sets_the_time_down_and_it_stays_down() -> None:
    wrong = Instant(100.0, NOON + timedelta(days=365), trusted=False)
    floor = Floor(wrong.wall, 100.0).told(NOON, 100.0)
    assert floor.now(wrong).wall == NOON
    floor = floor.raised(NOON + timedelta(seconds=5), 101.0)
    assert floor.now(Instant(101.0, wrong.wall, trusted=False)).wall == NOON + timedelta(seconds=5)


def test_a_fresh_answer_of_the_same_second_moves_nothing() -> None:
    floor = Floor(NOON + timedelta(milliseconds=700), 100.0)
    assert floor.told(NOON, 100.1).at == floor.at


def test_a_damaged_place_is_unknown_and_damaged_opens_wait() -> None:
    facts = repaired({}, kinds_of((("place", "3"), ("remote_opens", "all"))), NOON, [3])
    assert facts["place", "3"] == Place("unknown")
    opens = facts["remote_opens", "all"]
    assert isinstance(opens, RemoteOpens)
    assert len(opens.at) > 6


@pytest.mark.parametrize("damaged", [("place", "3"), ("place", "s"), ("plbce", "3")])
def test_whatever_of_a_place_is_damaged_no_door_becomes_free(damaged: tuple[str, str]) -> None:
    held = msgspec.structs.replace(right("one"), kind="collect", compartment=3)
    facts = repaired({("right", "one"): held}, kinds_of((damaged,)), NOON, [3, 4])
    assert facts["place", "3"] == Place("parcel", right_id="one")
    assert facts["place", "4"] == Place("unknown")


def test_a_damaged_allowance_gives_no_more_of_it() -> None:
    allowance = Right(id="a", kind="allowance", size_class="S", granted=4)
    facts = repaired({("right", "a"): allowance}, kinds_of((("used", "S"),)), NOON, [])
    assert facts["used", "S"] == Used(4)
