"""Door operations as a table: reviewed, and the same whichever way its words come by."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend.door_operations.machine import TABLE, UNSEEN_AFTER, State, Word, after
from fellesskap_backend.door_operations.tables import DoorOperation
from tests.backend.api import Api
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden/doors.txt"
STATES, WORDS = get_args(State), get_args(Word)


def test_every_state_with_every_word_is_as_reviewed() -> None:
    rows = ["# state: word -> next state; - where the word changes nothing"]
    for state in STATES:
        rows.append(f"\n## {state}")
        if state not in TABLE:  # it is shown, and stands in no row
            rows.append("of `pulsed`, when nothing more was heard")
            continue
        rows += [f"{word:<11} -> {after(state, word) or '-'}" for word in WORDS]
    assert_golden(GOLDEN, "\n".join(rows) + "\n")


def test_only_what_was_not_heard_of_expires_and_what_is_shut_stays_so() -> None:
    # `bridge.owed.expired` asks for it in its statement.
    assert [state for state in TABLE if "expired" in TABLE[state]] == ["issued"]
    assert TABLE["closed"] == {}
    assert TABLE.keys() == set(STATES) - {"unverified"}


@st.composite
def _journals(draw: st.DrawFn) -> list[Word]:
    """What a locker may write of one operation, in its order, up to any point."""
    told: list[Word] = ["pulsed"]
    for _ in range(draw(st.integers(0, 2))):
        told += ["not_opened", "pulsed"]
    if draw(st.booleans()):
        told += ["jammed"]
    else:
        told += ["opened", "left_open", "closed"] if draw(st.booleans()) else ["opened", "closed"]
    return told[: draw(st.integers(1, len(told)))]


@given(_journals(), st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["done", "expired"]))))
def test_the_journal_has_the_last_word(told: list[Word], others: list[tuple[int, Word]]) -> None:
    words = list(told)
    for place, word in others:
        words.insert(place, word)
    state: str = "issued"
    for word in words:
        state = after(state, word) or state
    assert state == told[-1]


def test_pulse_after_which_nothing_was_heard_is_unverified_until_more_is(api: Api) -> None:
    operator = api.operator()
    body = {"compartment": 2, "reason_code": "inspection", "reason": "A smell."}
    at = operator.post("/v1/lockers/oslo-1/door-operations", json=body).headers["location"]

    def shown(state: str, ago: timedelta) -> tuple[str, str]:
        (row,) = api.rows(DoorOperation)
        row.state, row.updated_at = state, datetime.now(UTC) - ago
        api.change(lambda session: session.merge(row))
        answer = operator.get(at)
        return answer.json()["state"], answer.headers["etag"]

    pulsed, tag = shown("pulsed", UNSEEN_AFTER - timedelta(seconds=30))
    unseen, other_tag = shown("pulsed", UNSEEN_AFTER)
    assert (pulsed, unseen) == ("pulsed", "unverified")
    assert tag != other_tag
    for state in ("opened", "not_opened", "closed"):
        assert shown(state, timedelta(days=1))[0] == state
