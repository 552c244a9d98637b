"""A batch is applied together: the rows are those that its events make one by one."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, get_type_hints
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.apply import HANDLERS
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_protocol import events
from tests.backend.api import Api
from tests.backend.lives import Lives
from tests.backend.lockers import AT, HandLocker, compartments, deposit
from tests.backend.undone import COMPARING, Rows, undone

ACTS = [kind for kind in HANDLERS if kind not in (events.StoreCreated, events.HardwareDescribed)]
DESCRIBED = events.HardwareDescribed(compartments=compartments(4), digest="e")


@pytest.fixture
def lives(api: Api) -> Lives:
    """Two parcels that lie there, and two that are expected."""
    made = Lives(api)
    said = [made.room(number) for number in (1, 2)]
    made.applied()
    for door, one in enumerate(said, start=1):
        made.tell(*deposit(one, door))
    made.room(3)
    made.applied()
    return made


def _acts(lives: Lives, *strange: str) -> st.SearchStrategy[events.Event]:
    """Return events that name what there is here, and what is strange."""
    parcels = lives.api.rows(Parcel)
    rights = {str(one.right_id) for one in parcels} | {one.id for one in lives.rights()}
    one_of: dict[str, st.SearchStrategy[Any]] = {
        "parcel_id": st.sampled_from([*sorted(str(one.id) for one in parcels), *strange]),
        "right_id": st.sampled_from([*sorted(rights), *strange]),
        "authorisation_id": st.sampled_from(["a-in", "a-1", "a-2"]),
        "carrier_id": st.sampled_from([lives.carrier_id, *strange]),
        "compartment": st.integers(1, 3 + len(strange)),
        "compartments": st.just((1, 2, 3)),
        "right_ids": st.lists(st.sampled_from([*sorted(rights), *strange])).map(tuple),
        "allowance_class": st.sampled_from(["S", "M"]),
        "used": st.just({}),
        "attempt": st.integers(1, 3),
        "generation": st.just(1),
        "revision": st.integers(0, lives.row().revision),
        "label": st.none(),
        "jti": st.none(),
        "since": st.just(AT),
    }
    return st.one_of(*(_built(kind, one_of) for kind in ACTS), st.just(DESCRIBED))


def _visits(lives: Lives) -> st.SearchStrategy[list[events.Event]]:
    """Return visits that the backend has not heard of."""
    rights = sorted(one.id for one in lives.rights())

    def visit(right_id: str, authorisation_id: str, compartment: int) -> list[events.Event]:
        named: dict[str, Any] = {"authorisation_id": authorisation_id, "compartment": compartment}
        return [
            events.Presented(kind="code", outcome="authorised", right_id=right_id, **named),
            events.Pulsed(attempt=1, **named),
            events.DoorOpened(**named),
            events.DoorClosed(**named),
        ]

    ids = st.sampled_from(["a-1", "a-2"])
    return st.builds(visit, st.sampled_from(rights), ids, st.integers(1, 3))


def _built(
    kind: type[events.Event], one_of: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[events.Event]:
    stamp = events.Event.__struct_fields__
    hints = get_type_hints(kind)
    fields = {
        name: _field(name, hints[name], one_of)
        for name in kind.__struct_fields__
        if name not in stamp
    }
    return st.builds(kind, **fields)


def _field(name: str, hint: Any, one_of: dict[str, st.SearchStrategy[Any]]) -> Any:
    if name in ("from_", "to") and hint is not int and "datetime" in str(hint):
        return st.just(AT if name == "from_" else AT + timedelta(hours=1))
    if name in one_of:
        found = one_of[name]
        return st.one_of(st.none(), found) if "None" in str(hint) else found
    if hint is int:
        return st.integers(1, 4)
    if hint is float:
        return st.floats(-5, 5)
    if hint is str or hint == str | None:
        return st.sampled_from(["a", "b"])
    return st.from_type(hint)


def _store(locker: HandLocker, said: Sequence[events.Event | None]) -> None:
    """Store events; None is one of an unknown type."""
    for event in said:
        locker.add(event or events.Booted(software="1"))
        if event is None:
            locker.stored[-1] = locker.stored[-1].replace(b'"booted"', b'"of_tomorrow"')


def _world(lives: Lives, cuts: Sequence[int], now: Moment) -> Rows:
    """Return all rows once the journal up to each cut was ingested as one batch."""
    first = lives.api.count(Entry) + 1

    def work(session: Session) -> None:
        begin = first
        for cut in cuts:
            at = Moment(now.now + timedelta(microseconds=begin))
            batch = lives.locker.batch(begin, cut)
            said = ledger.ingest(session, "oslo-1", batch, moment=at, secrets=lives.api.secrets)
            assert said.acked_seq == cut
            begin = cut + 1

    return undone(lives.api.engine, work)[1]


@pytest.mark.slow
@COMPARING
@given(data=st.data())
def test_a_batch_makes_the_rows_that_its_events_make_one_by_one(
    lives: Lives, data: st.DataObject
) -> None:
    good, strange = _acts(lives), st.one_of(_acts(lives, str(UUID(int=7))), st.none())
    acts = st.one_of(
        *(st.lists(one, min_size=2, max_size=12) for one in (good, good, strange)),
        st.lists(st.one_of(_visits(lives), st.lists(good, max_size=2)), max_size=5).map(
            lambda each: list(chain(*each))
        ),
    )
    before = list(lives.locker.stored)
    try:
        _store(lives.locker, data.draw(acts))
        head = len(lives.locker.stored)
        assume(head > len(before) + 1)
        ends = range(len(before) + 1, head + 1)
        now = Moment(AT + timedelta(days=1))
        alone = _world(lives, ends, now)
        cuts = data.draw(st.sets(st.sampled_from(list(ends))).map(sorted))
        assert _world(lives, [head], now) == alone
        assert _world(lives, [*(one for one in cuts if one < head), head], now) == alone
    finally:
        lives.locker.stored = before


def test_what_was_written_of_a_batch_that_failed_is_forgotten(lives: Lives) -> None:
    """Rows look written to the session when the last statement of all fails; they were not."""
    (expected,) = (one for one in lives.api.rows(Parcel) if one.state == "expected")
    said = {"right_id": str(expected.right_id), "parcel_id": str(expected.id)}
    odd = events.Presented(
        kind="code",
        outcome="authorised",
        right_id=said["right_id"],
        authorisation_id="a-odd",
        compartment=2**63,  # no column of either database holds it
    )
    seen: list[object] = []  # a session forgets by itself what nobody holds
    sa.event.listen(Session, "loaded_as_persistent", hold := lambda _, row: seen.append(row))
    lives.tell(*deposit(said, 3), odd)
    sa.event.remove(Session, "loaded_as_persistent", hold)
    rows = {one.id: one.state for one in lives.api.rows(Parcel)}
    assert rows[expected.id] == "deposited"
    assert list(lives.unapplied()) == [len(lives.locker.stored)]
