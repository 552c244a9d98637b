"""A line that is lost, comes twice or elsewhere never ends the judge; a broken one is named."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judge import history
from tests.judge.judging import judge
from tests.judge.spoil import added, changed, moved, without
from tests.judge.stories import TRUE

STORIES = {name: tell() for name, tell in TRUE.items()}
EVERY_LINE = [history.line(one) for told in STORIES.values() for one in told]


@settings(max_examples=150)
@given(st.data())
def test_a_crooked_history_is_judged_to_its_end(data: st.DataObject) -> None:
    records: list[Any] = STORIES[data.draw(st.sampled_from([*STORIES]))]
    for _ in range(data.draw(st.integers(1, 3))):
        at, to = (data.draw(st.integers(0, len(records) - 1)) for _ in range(2))
        match data.draw(st.sampled_from(("lost", "twice", "swapped"))):
            case "lost":
                records = without(records, at)
            case "twice":
                records = added(records, to, records[at])
            case _:
                records = moved(records, at, to)
    judge(records)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(EVERY_LINE), max_size=60))
def test_lines_of_many_stories_are_judged_in_any_order(lines: list[bytes]) -> None:
    judge(history.read(lines))


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda one: st.lists(one, max_size=2) | st.dictionaries(st.text(max_size=4), one, max_size=2),
    max_leaves=4,
)


@settings(max_examples=100)
@given(st.data())
def test_a_body_may_hold_anything(data: st.DataObject) -> None:
    records: list[Any] = list(STORIES[data.draw(st.sampled_from([*STORIES]))])
    bodies = [at for at, one in enumerate(records) if getattr(one, "body", None)]
    for at in data.draw(st.lists(st.sampled_from(bodies), max_size=4)):
        name = data.draw(st.sampled_from([*records[at].body, "parcels"]))
        records = changed(records, at, body=records[at].body | {name: data.draw(ANY)})
    judge(records)


@pytest.mark.parametrize("name", STORIES)
def test_a_history_that_is_written_is_read_again(name: str) -> None:
    file = io.BytesIO()
    assert history.write(STORIES[name], file) == len(STORIES[name])
    assert list(history.read(file.getvalue().splitlines())) == STORIES[name]


@given(st.sampled_from(EVERY_LINE), st.data())
def test_a_broken_line_is_named_by_its_number(line: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(line) - 3))
    with pytest.raises(history.BrokenLine, match="line 2"):
        list(history.read([EVERY_LINE[0], line[:cut]]))
