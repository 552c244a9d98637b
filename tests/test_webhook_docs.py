"""The snippet of `docs/webhooks.md` runs, and events and docs name the same types."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fellesskap_backend.events.data import DATA, WithCode
from fellesskap_backend.events.types import TYPES
from fellesskap_backend.parcels.machine import TABLES
from fellesskap_backend.webhooks.machine import PAUSES_S
from fellesskap_backend.webhooks.signing import secret, sign

DOCS = Path(__file__).parent.parent / "docs"
SOURCE = Path(__file__).parent.parent / "backend" / "src"
K_CODES = bytes(range(32))


def test_snippet_takes_what_is_signed_once_and_nothing_else() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", (DOCS / "webhooks.md").read_text(), re.DOTALL)
    handled: list[Any] = []
    space: dict[str, Any] = {"handle": lambda *told: handled.append(told)}
    exec(snippet, space)
    receive = space["receive"]
    subscription, now, seen = UUID(int=1), datetime.now(UTC), set[str]()
    body = b'{"type":"parcel.lost","timestamp":"2027-03-01T08:00:00Z","data":{"reason":"fire"}}'
    old, new = secret(K_CODES, subscription, 1), secret(K_CODES, subscription, 2)
    headers = sign((new, old), "evt-1", now, body)
    assert receive(old, headers, body, seen) == 204
    assert receive(new, headers, body, seen) == 204
    assert handled == [("parcel.lost", {"reason": "fire"})], "once"
    assert receive(secret(K_CODES, subscription, 3), headers, body, set()) == 401
    assert receive(secret(K_CODES, UUID(int=2), 1), headers, body, set()) == 401
    assert receive(old, headers, body.replace(b"fire", b"none"), set()) == 401
    assert receive(old, headers | {"webhook-id": "evt-2"}, body, set()) == 401
    early = sign((old,), "evt-1", datetime.fromtimestamp(now.timestamp() - 301, UTC), body)
    assert receive(old, early, body, set()) == 401
    assert len(handled) == 1


def test_every_type_is_explained_and_can_be_wanted() -> None:
    text = (DOCS / "events.md").read_text()
    explained = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", text, re.MULTILINE)
    assert explained == list(TYPES)
    moved = {
        step.notice
        for table in TABLES.values()
        for cells in table.values()
        for step in cells.values()
        if step.notice is not None
    }
    assert moved <= set(TYPES)


def test_what_data_says_is_what_the_table_says() -> None:
    text = (DOCS / "events.md").read_text()
    prose = set(re.findall(r"`([a-z_]+)`", re.sub(r"^\|.*", "", text, flags=re.MULTILINE)))
    rows = re.findall(r"^\| `([a-z_.]+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    assert [kind for kind, _ in rows] == list(DATA) == list(TYPES)
    said = ""
    for kind, column in rows:
        said = said if "the same" in column else column
        model = DATA[kind]
        fields = model.model_fields
        own = {fields[name].alias or name for name in model.__annotations__}
        assert set(re.findall(r"`([a-z_]+)`", said)) == own, kind
        assert ("the code" in said) == issubclass(model, WithCode), kind
        assert {fields[name].alias or name for name in fields} - own <= prose, kind


def test_no_type_is_sent_that_cannot_be_wanted() -> None:
    """Types are written out wherever an event is made; a test delivery's is nobody's to want."""
    subjects = "|".join(sorted({one.partition(".")[0] for one in TYPES}))
    made = {
        found
        for path in SOURCE.rglob("*.py")
        for found in re.findall(rf'"((?:{subjects})\.[a-z_]+)"', path.read_text())
    }
    assert made - {"webhook.test"} == set(TYPES)


def test_pauses_are_those_that_are_written() -> None:
    words = {"s": 1, "min": 60, "h": 3_600}
    text = (DOCS / "webhooks.md").read_text()
    told = re.findall(r"(\d+)\s(s|min|h)\b", text[text.index("tried again") :].split("each")[0])
    assert tuple(int(number) * words[unit] for number, unit in told) == PAUSES_S
