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
from fellesskap_backend.parcels.machine import HELD, TABLES
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.rights import service as rights
from fellesskap_backend.settings import Settings
from fellesskap_protocol import events, messages
from fellesskap_protocol.events import CustodyReported
from tests.backend.lockers import AT, HandLocker, compartments
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden" / "custody_reported.txt"
NEVER_IN = ("expected", "cancelled", "expired", "diverted", "delivery_failed", "authorised")
PARCEL, RIGHT, REMOVE = UUID(int=1), UUID(int=2), UUID(int=4)
OWN: dict[str, dict[str, str]] = {
    "last_mile": {
        **dict.fromkeys(("expected", "delivery_failed"), "claim"),
        **dict.fromkeys(("deposited", "overdue", "disputed"), "collect"),
        **dict.fromkeys(("recalled", "lost"), "revoked collect"),
    },
    "drop_off": {
        **dict.fromkeys(("authorised", "dropped_off", "overdue", "disputed"), "drop_off"),
        "lost": "revoked drop_off",
    },
}
"""The right of a parcel in each state, as the acts leave it; it was taken away in the others."""
REMOVABLE = {
    "last_mile": ("overdue", "recalled"),
    "drop_off": ("dropped_off", "overdue", "disputed"),
}
"""Where couriers have a right to take it out."""
STATES = [(kind, state) for kind, table in TABLES.items() for state in table]
CASES = ("reported in 1", "reported in 2", "not reported")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = db.engine(Settings(state=tmp_path))
    upgrade(made)
    yield made
    made.dispose()


def _set_up(session: Session, kind: str, state: str, moment: Moment) -> HandLocker:
    """Let the rows believe that a parcel is in this state; if it lies, then in 1."""
    carrier_id, _ = carriers.add_carrier(session, "Nordpost", moment)
    locker = HandLocker("here")
    row = lockers.provision(session, "oslo-1", site_name="S", address="A", now=AT)
    locker.commission(2)
    ledger.ingest(session, "oslo-1", locker.batch(), moment=moment)
    removable = state in REMOVABLE[kind]
    session.add(
        Parcel(
            id=PARCEL,
            carrier_id=carrier_id,
            locker_id="oslo-1",
            reservation_id=UUID(int=3) if kind == "last_mile" else None,
            right_id=RIGHT,
            remove_right_id=REMOVE if removable else None,
            kind=kind,
            state=state,
            compartment=None if state in NEVER_IN else 1,
            created_at=AT,
        )
    )
    if state in HELD:
        place = session.get_one(Compartment, ("oslo-1", 1))
        place.content, place.parcel_id = "parcel", PARCEL
    own = OWN[kind].get(state)
    said = (own or "claim").removeprefix("revoked ")
    wished = messages.Right(
        id=str(RIGHT),
        kind=said,  # type: ignore[arg-type]
        parcel_id=str(PARCEL),
        compartment=1 if said == "collect" else None,
        revoked=own is not None and own != said,
    )
    rights.wish(session, row, wished)
    if own is None:
        rights.forget(session, row, RIGHT)
    if removable:
        removing = messages.Right(
            id=str(REMOVE), kind="remove", parcel_id=str(PARCEL), compartment=1
        )
        rights.wish(session, row, removing)
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
    held = " ".join(_shown(session, one) for one in (RIGHT, parcel.remove_right_id) if one)
    shown = ", ".join(f"{place.number} {place.content} {place.service}" for place in places)
    told = " ".join(session.scalars(select(Notice.type).order_by(Notice.id))) or "nothing"
    kept = session.scalars(select(Entry.unapplied).where(Entry.unapplied.is_not(None))).all()
    assert not kept
    return f"{parcel.state:15} | {shown:35} | {held:35} | {told}"


def _shown(session: Session, right_id: UUID) -> str:
    wished = rights.right_of(session, "oslo-1", right_id)
    if wished is None:
        return "no right"
    where = "" if wished.compartment is None else f" in {wished.compartment}"
    return f"{'revoked ' if wished.revoked else ''}{wished.kind}{where}"


def _cell(engine: Engine, kind: str, state: str, case: str) -> str:
    """Try one cell in a transaction that is taken back."""
    moment = Moment(AT)
    with db.writer(engine) as session:
        locker = _set_up(session, kind, state, moment)
        _report(session, locker, case, moment)
        outcome = _outcome(session)
        session.rollback()
    return f"{state:15} {case:13} -> {outcome}".rstrip()


def test_every_state_under_every_report_is_reviewed(engine: Engine) -> None:
    lines = ["# state, what is reported -> state | compartments | rights | notices"]
    for kind, state in STATES:
        if state in ("expected", "authorised"):
            lines.append(f"\n## {kind}")
        lines += [_cell(engine, kind, state, case) for case in CASES]
    assert_golden(GOLDEN, "\n".join(lines) + "\n")
