"""What a custody report does to a parcel in each state: the reviewed table."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.rights import service as rights
from fellesskap_backend.settings import Settings
from fellesskap_protocol import events, messages
from fellesskap_protocol.events import CustodyReported
from tests.backend.lockers import AT, HandLocker, compartments
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "custody_reported.txt"
LYING = ("deposited", "overdue", "recalled", "disputed", "dropped_off")
COMING = ("expected", "cancelled", "expired", "diverted", "delivery_failed")
GONE = ("collected", "removed", "lost")
PARCEL, RIGHT = UUID(int=1), UUID(int=2)
CASES = ("reported in 1", "reported in 2", "not reported")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = db.engine(Settings(state=tmp_path))
    upgrade(made)
    yield made
    made.dispose()


def _set_up(session: Session, state: str, moment: Moment) -> HandLocker:
    """Let the rows believe that a parcel is in this state; if it lies, then in 1."""
    carrier_id, _ = carriers.add_carrier(session, "Nordpost", moment)
    locker = HandLocker("here")
    row = lockers.provision(session, "oslo-1", site_name="S", address="A", now=AT)
    locker.commission(2)
    ledger.ingest(session, "oslo-1", locker.batch(), moment=moment)
    lies = state in LYING
    session.add(
        Parcel(
            id=PARCEL,
            carrier_id=carrier_id,
            locker_id="oslo-1",
            reservation_id=UUID(int=3),
            right_id=RIGHT,
            kind="drop_off" if state == "dropped_off" else "last_mile",
            state=state,
            compartment=None if state in COMING else 1,
            created_at=AT,
        )
    )
    if lies:
        place = session.get_one(Compartment, ("oslo-1", 1))
        place.content, place.parcel_id = "parcel", PARCEL
    kind = "collect" if lies else "claim"
    number = 1 if lies else None
    right = messages.Right(id=str(RIGHT), kind=kind, parcel_id=str(PARCEL), compartment=number)  # type: ignore[arg-type]
    rights.wish(session, row, right)
    if not lies and state != "expected":
        rights.forget(session, row, RIGHT)
    session.flush()
    return locker


def _report(session: Session, locker: HandLocker, case: str, moment: Moment) -> None:
    """Let a store that went back in time say what it holds."""
    locker.begin("epoch-2")
    locker.session += 1
    carrier_id = session.scalars(select(Carrier.id)).one()
    said = CustodyReported(compartment=0, parcel_id="", carrier_id="", since=AT, complete=True)
    if case != "not reported":
        said = CustodyReported(
            compartment=int(case[-1]),
            parcel_id=str(PARCEL),
            carrier_id=str(carrier_id),
            right_id=str(RIGHT),
            since=AT,
            complete=True,
        )
    locker.add(
        events.StoreCreated(reason="went_back"),
        events.HardwareDescribed(compartments=compartments(2), digest="d"),
        said,
    )
    ledger.ingest(session, "oslo-1", locker.batch(), moment=moment)


def _outcome(session: Session) -> str:
    parcel = session.get_one(Parcel, PARCEL)
    places = [session.get_one(Compartment, ("oslo-1", number)) for number in (1, 2)]
    wished = rights.right_of(session, "oslo-1", RIGHT)
    if wished is None:
        right = "no right"
    else:
        right = f"{'revoked' if wished.revoked else wished.kind} in {wished.compartment}"
    shown = ", ".join(f"{place.number} {place.content} {place.service}" for place in places)
    told = " ".join(session.scalars(select(Notice.type).order_by(Notice.id))) or "nothing"
    kept = session.scalars(select(Entry.unapplied).where(Entry.unapplied.is_not(None))).all()
    assert not kept
    return f"{parcel.state:13} | {shown:33} | {right:14} | {told}"


def _cell(engine: Engine, state: str, case: str) -> str:
    """Try one cell in a transaction that is taken back."""
    moment = Moment(AT)
    with db.writer(engine) as session:
        locker = _set_up(session, state, moment)
        _report(session, locker, case, moment)
        outcome = _outcome(session)
        session.rollback()
    return f"{state:15} {case:13} -> {outcome}"


def test_every_state_under_every_report_is_reviewed(engine: Engine) -> None:
    rows = [_cell(engine, state, case) for state in (*LYING, *COMING, *GONE) for case in CASES]
    head = "# state, what is reported -> state | compartments | right | notices\n"
    assert_golden(GOLDEN, head + "\n".join(rows) + "\n")
