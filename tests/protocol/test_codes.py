"""Codes and MACs are derived alike on every machine, for ever: the vectors stand here."""

import json
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.codes import (
    MacKind,
    grouped,
    locker_key,
    mac,
    normalise_code,
    pickup_code,
    qr_value,
    short_code,
)
from tests.golden import assert_golden

KEY = bytes(range(32))
RIGHT = UUID("01930000-0000-7000-8000-000000000001")
GOLDEN = Path(__file__).parent / "golden" / "v1" / "codes.json"


def test_vectors_are_frozen() -> None:
    """Do not change the file: parcels in lockers wait for these codes."""
    vectors = {
        "pickup_code": [pickup_code(KEY, RIGHT, n) for n in range(3)],
        "qr_value": [qr_value(KEY, RIGHT, n) for n in range(3)],
        "locker_key": locker_key(KEY, "oslo-1", 1).hex(),
        "mac": {kind: mac(KEY, kind, "12345678") for kind in get_args(MacKind)},
    }
    assert_golden(GOLDEN, json.dumps(vectors, indent=2) + "\n", frozen=True)


@given(st.uuids(), st.integers(0, 2**32 - 1))
def test_code_has_twelve_digits_and_begins_with_the_short_one(right: UUID, n: int) -> None:
    code = pickup_code(KEY, right, n)
    assert len(code) == 12
    assert code.isdecimal()
    assert normalise_code(grouped(code)) == code
    assert normalise_code(grouped(short_code(code))) == code[:8]


def test_kind_locker_and_version_are_apart() -> None:
    assert len({mac(KEY, kind, "1") for kind in get_args(MacKind)}) == 4
    keys = [locker_key(KEY, *of) for of in (("a", 1), ("a", 2), ("b", 1), ("a-1", 1))]
    assert len(set(keys)) == 4
    assert len({mac(key, "code", "12345678") for key in keys}) == 4


@given(st.text(max_size=20))
def test_what_is_typed_is_a_code_or_none(typed: str) -> None:
    code = normalise_code(typed)
    assert code is None or (code.isascii() and code.isdigit() and len(code) in (8, 12))


def test_short_key_is_refused_without_being_shown() -> None:
    for use in (
        lambda: mac(b"short", "code", "1"),
        lambda: pickup_code(b"short", RIGHT, 0),
        lambda: locker_key(b"short", "oslo-1", 1),
    ):
        with pytest.raises(ValueError, match="at least 32 bytes") as refusal:
            use()
        assert "short" not in str(refusal.value)
