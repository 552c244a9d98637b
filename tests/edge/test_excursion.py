"""Nobody gets food that went warm unknowingly: the mark, the doubt, the word at the kiosk."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fellesskap_edge import state as ctl
from fellesskap_edge.facts import Place
from fellesskap_protocol.events import Fault, ServiceChanged
from tests.edge.little_climate import CHILLED
from tests.edge.little_locker import CONFIG, LittleLocker, fresh_copy, right
from tests.edge.test_controller_table import told
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "excursion.txt"
FOOD, MORE = right("one"), right("two")


def judged(locker: LittleLocker, standing: ctl.Standing, *, lifts: bool = False) -> list[str]:
    what = {"outside": "above 6.0 C", "unknown": "not known"}.get(standing, "ok")
    event = ctl.TemperatureJudged(1, standing, locker.now.wall, what, lifts)
    return [told(effect) for effect in locker.give(event)]


def empty() -> LittleLocker:
    return LittleLocker(CHILLED).ready(FOOD, MORE)


def holding() -> LittleLocker:
    locker = empty()
    assert locker.deposit("one") == 1
    locker.wait(1.0)
    return locker


def warm() -> LittleLocker:
    locker = holding()
    judged(locker, "outside")
    return locker


def cold_again() -> LittleLocker:
    locker = warm()
    judged(locker, "good")
    return locker


def not_known() -> LittleLocker:
    locker = holding()
    judged(locker, "unknown")
    return locker


def taken_out(locker: LittleLocker) -> LittleLocker:
    locker.enter("code-one")
    locker.door(1, "open")
    locker.wait(3.0)
    locker.door(1, "shut", "shut")
    return locker


def said(locker: LittleLocker) -> list[str]:
    """The words of the faults about the compartment, and its changes of service."""
    faults = [one.what for one in locker.records if isinstance(one, Fault) and "temp" in one.part]
    changes = [one.to for one in locker.records if isinstance(one, ServiceChanged)]
    return faults + changes


def test_an_alarm_names_the_parcel_and_takes_the_compartment_out_of_what_is_offered() -> None:
    locker = warm()
    lay = "above 6.0 C since 2026-11-23T12:00Z: parcel parcel-one lay there"
    assert said(locker) == [lay, "suspect"]
    assert locker.controller.places[1] == Place("parcel", "suspect", "one")


def test_a_warm_empty_compartment_is_not_offered_until_it_is_cold_again() -> None:
    locker = empty()
    judged(locker, "outside")
    assert locker.deposit("one") == 2
    judged(locker, "near")
    assert locker.controller.places[1].service == "suspect"
    judged(locker, "good")
    locker.scan("label-two")
    locker.wait(1.0)
    assert locker.pulses[-1].compartment == 1


@pytest.mark.parametrize("make", [warm, cold_again, not_known])
def test_whoever_collects_a_marked_parcel_is_told_also_when_it_is_cold_again(
    make: Callable[[], LittleLocker],
) -> None:
    locker = make()
    effects = locker.enter("code-one")
    assert ctl.WarnOfTemperature("ticket", 1, locker.controller.excursions[1].since) in effects
    assert locker.pulses[-1].compartment == 1


def test_whoever_collects_from_a_cold_compartment_is_told_nothing() -> None:
    effects = holding().enter("code-one")
    assert not any(isinstance(effect, ctl.WarnOfTemperature) for effect in effects)


def test_the_mark_ends_with_the_parcel_and_the_compartment_is_offered_again() -> None:
    locker = taken_out(cold_again())
    assert said(locker)[-2:] == ["suspect", "in"]
    assert locker.controller.places[1] == Place("empty", "in")
    assert not locker.controller.excursions
    assert ("excursion", "1") not in locker.facts
    assert not any(isinstance(one, ctl.WarnOfTemperature) for one in locker.enter("code-one"))


def test_a_compartment_that_is_still_warm_is_not_offered_when_its_parcel_is_gone() -> None:
    locker = taken_out(warm())
    assert locker.controller.places[1] == Place("empty", "suspect")
    judged(locker, "good")
    assert locker.controller.places[1] == Place("empty", "in")


def test_a_parcel_put_in_while_the_alarm_came_is_marked_too() -> None:
    locker = empty()
    locker.scan("label-one")
    locker.wait(1.0)
    locker.door(1, "open")
    judged(locker, "outside")
    locker.wait(3.0)
    locker.door(1, "shut", "shut")
    assert locker.controller.excursions[1].right_id == "one"
    assert "parcel-one lay there" in said(locker)[1]


def test_what_was_not_known_is_lifted_when_it_turned_out_well_and_warmth_is_not() -> None:
    locker = not_known()
    judged(locker, "good", lifts=True)
    assert not locker.controller.excursions
    assert locker.controller.places[1] == Place("parcel", "in", "one")
    locker = warm()
    judged(locker, "unknown")
    judged(locker, "good", lifts=True)
    assert locker.controller.excursions[1].right_id == "one"


def test_a_mark_survives_a_power_cut() -> None:
    locker = cold_again()
    locker.restart()
    locker.say_shut()
    locker.wait(1.0)
    effects = locker.enter("code-one")
    assert any(isinstance(effect, ctl.WarnOfTemperature) for effect in effects)


def test_what_an_operator_says_of_the_compartment_stands() -> None:
    locker = cold_again()
    locker.command("set_service", "j1", 1)
    assert locker.controller.places[1].service == "out"
    assert taken_out(locker).controller.places[1] == Place("empty", "out")


def test_a_compartment_whose_probe_was_taken_away_does_not_stay_warm() -> None:
    locker = warm()
    locker.config = CONFIG
    locker.restart()
    locker.say_shut()
    assert not taken_out(locker).controller.excursions


def test_every_judgement_in_every_state_is_as_reviewed() -> None:
    lines = ["What comes of each judgement of compartment 1; `-`: nothing.", ""]
    standings: tuple[ctl.Standing, ...] = ("good", "near", "outside", "unknown")
    for make in (empty, holding, warm, cold_again, not_known):
        before = make()
        place = msgspec.to_builtins(before.controller.places[1])
        lines += [f"== {make.__name__}: {' '.join(f'{k}={v}' for k, v in place.items())}", ""]
        for standing in standings:
            for lifts in (False, True) if standing == "good" else (False,):
                name = f"{standing}{', lifts' if lifts else ''}"
                first, *rest = judged(fresh_copy(before), standing, lifts=lifts) or ["-"]
                lines.append(f"{name:12} | {first}")
                lines += [f"{'':12} | {more}" for more in rest]
        lines.append("")
    assert_golden(GOLDEN, "\n".join(lines))
