"""`docs/protocol.md` names every field of every message and event, and none that is not there."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from fellesskap_protocol import messages as m
from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.events import AnyEvent, Event

PAGE = (Path(__file__).parents[2] / "docs/protocol.md").read_text()
STAMP = {one.encode_name for one in msgspec.structs.fields(Event)}
EVERY = {"iat", "iss", "aud"}
"""What `Signed` adds; the page says it once, in section 2."""
WORD = re.compile(r"\w+")


def braces(text: str, begin: int) -> str:
    """What stands in the braces that open at or after a place."""
    start = text.index("{", begin)
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return text[start + 1 : at]
    raise AssertionError("a brace is never closed")


def names(inside: str) -> set[str]:
    """The field names in what stands between braces: up to each `:`, alternatives apart."""
    flat = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", inside)
    fields = (field.split(":")[0] for field in flat.split(","))
    return {name for field in fields for name in WORD.findall(field)} - {"null"}


def fields_of(kind: Any) -> set[str]:
    return {one.encode_name for one in msgspec.structs.fields(kind)}


SAID: dict[type, str] = {
    m.Birth: "`birth {",
    m.Gap: "`gap {",
    m.Batch: "Batch `{",
    m.Ack: "Ack `{",
    m.Rights: "the change from *applied* to *wanted*: `{",
    m.Right: "A right: `{",
    m.Command: "Command `{",
    m.Result: "-> `{",
    m.Keys: "`keys {",
    m.VerificationKey: "each key `{",
    m.Badge: "eight carriers at one locker are 938): `{",
    m.Presence: "| `presence` ",
    m.State: "`state {",
    m.CompartmentState: "has of each compartment `{",
    m.Telemetry: "`telemetry {",
    Compartment: "described as `{",
}


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.__name__)
def test_every_field_of_a_message_is_named_and_no_other(kind: type) -> None:
    mark = SAID[kind]
    assert PAGE.count(mark) == 1, f"where does the page describe {kind.__name__}?"
    described = names(braces(PAGE, PAGE.index(mark)))
    assert described == fields_of(kind) - (EVERY if issubclass(kind, m.Signed) else set())


def test_every_message_has_its_place_on_the_page() -> None:
    assert set(get_args(m.Message)) <= SAID.keys()


def described_events() -> dict[str, set[str]]:
    """What the page says of each event, by its wire name."""
    found: dict[str, set[str]] = {}
    for kinds, inside in re.findall(
        r"`([a-z_]+(?: \| [a-z_]+)*)\{((?:[^{}]|\{[^{}]*\})*)\}`", PAGE
    ):
        for kind in kinds.split(" | "):
            found.setdefault(kind, names(inside))
    return found


@pytest.mark.parametrize("kind", get_args(AnyEvent), ids=lambda kind: kind.__name__)
def test_every_field_of_an_event_is_named_and_no_other(kind: type[Event]) -> None:
    described = described_events()
    assert described[str(kind.__struct_config__.tag)] == fields_of(kind) - STAMP


def test_the_stamp_of_events_is_named() -> None:
    assert names(braces(PAGE, PAGE.index("Event: `{"))) - {"…"} == STAMP | {"type"}


def test_a_field_that_is_not_named_would_be_seen() -> None:
    """The control of the tests above."""
    assert names("jti, kind: a|b, put[<= 8], used{class: n}, x|null") == {
        "jti",
        "kind",
        "put",
        "used",
        "x",
    }
