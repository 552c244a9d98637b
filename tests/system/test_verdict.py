"""The demo's verdict is worth something: it fails when one pulse differs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.system.verdict import disagreements

Json = dict[str, Any]
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def records() -> tuple[list[Json], list[Json]]:
    history: list[Json] = [
        {"what": "expected", "compartment": None, "at": AT.isoformat()},
        {"what": "pulsed", "compartment": 1, "at": AT.isoformat()},
        {"what": "door_opened", "compartment": 1, "at": AT.isoformat()},
        {"what": "pulsed", "compartment": 1, "at": (AT + timedelta(minutes=5)).isoformat()},
    ]
    pulses: list[Json] = [
        {"compartment": 1, "at": (AT + timedelta(milliseconds=12)).isoformat()},
        {"compartment": 1, "at": (AT + timedelta(minutes=5, milliseconds=9)).isoformat()},
    ]
    return history, pulses


def test_two_records_of_the_same_acts_agree() -> None:
    assert disagreements(*records()) == []


@pytest.mark.parametrize("pulse", [0, 1])
def test_pulse_of_another_door_is_found(pulse: int) -> None:
    history, pulses = records()
    pulses[pulse]["compartment"] = 2
    assert "compartment" in disagreements(history, pulses)[0]


@pytest.mark.parametrize("pulse", [0, 1])
def test_missing_pulse_is_found(pulse: int) -> None:
    history, pulses = records()
    del pulses[pulse]
    assert "2 pulses, the board of 1" in disagreements(history, pulses)[0]


def test_pulse_that_nobody_asked_for_is_found() -> None:
    history, pulses = records()
    assert disagreements(history, [*pulses, pulses[1]])


@pytest.mark.parametrize("pulse", [0, 1])
def test_pulse_at_another_time_is_found(pulse: int) -> None:
    history, pulses = records()
    pulses[pulse]["at"] = (AT + timedelta(minutes=2)).isoformat()
    assert "between history and board" in disagreements(history, pulses)[0]
