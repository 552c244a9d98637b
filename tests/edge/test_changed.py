"""The quick `replace` of the serial lines does what that of `dataclasses` does."""

import dataclasses

import pytest

from fellesskap_edge.banks import BankLine
from fellesskap_edge.bus import Bus
from fellesskap_edge.locks.board_8a import Board8A
from fellesskap_protocol.changed import replace

BANK = BankLine(Board8A(1), "p", poll_at=1.5, misses=2, shutting=frozenset({3}))
BUS = Bus({"a": BANK}, heard=b"\x80", until=4.0)
FIELDS = [(state, one.name) for state in (BANK, BUS) for one in dataclasses.fields(state)]


@pytest.mark.parametrize(("state", "name"), FIELDS, ids=lambda one: str(one)[:8])
def test_a_copy_differs_in_what_is_named_and_nothing_else(state: Bus | BankLine, name: str) -> None:
    before = dataclasses.replace(state)
    changed = replace(state, **{name: "other"})  # type: ignore[arg-type]
    assert changed == dataclasses.replace(state, **{name: "other"})  # type: ignore[arg-type]
    assert changed != state == before


@pytest.mark.parametrize("state", [BANK, BUS], ids=["bank", "bus"])
def test_a_copy_is_frozen_as_well(state: Bus | BankLine) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(state).driver = None  # type: ignore[misc,union-attr]


@pytest.mark.parametrize("kind", [Bus, BankLine])
def test_what_is_copied_at_once_has_no_slots_and_checks_nothing_when_made(kind: type) -> None:
    assert not hasattr(kind, "__slots__")
    assert not hasattr(kind, "__post_init__")
