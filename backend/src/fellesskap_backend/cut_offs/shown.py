"""How a locker decides today and, once it is announced, tomorrow: for everybody."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import instant
from fellesskap_backend.policies import service as policies

Row = dict[str, Any]


def allocation(session: Session, locker_id: str, now: datetime) -> Row:
    """Return how requests at a locker are answered."""
    today = policies.today(session, now)
    tomorrow = today + timedelta(days=1)
    rows = session.scalars(
        select(CutOff)
        .where(CutOff.locker_id == locker_id)
        .where(CutOff.decided_at.is_(None) | CutOff.day.in_((today, tomorrow)))
        .order_by(CutOff.at)
    ).all()
    waiting = [one.at for one in rows if one.decided_at is None and one.begins_at <= now]
    announced = session.get(AnnouncedDay, tomorrow) is not None
    return {
        **_of_day(rows, today),
        "next_cut_off": instant(waiting[0]) if waiting else None,
        "coming": _of_day(rows, tomorrow) if announced else None,
    }


def _of_day(rows: Sequence[CutOff], day: date) -> Row:
    mine = [one for one in rows if one.day == day]
    return {
        "mode": "batch" if mine else "at_once",
        "date": day.isoformat(),
        "cut_offs": [instant(one.at) for one in mine],
    }
