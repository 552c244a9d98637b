"""What a locker may give away by itself: targets, running totals, renewal.

Every function takes the row of the locker locked. Granted is what the right says, as a total since
its store began; what is granted and not yet used counts as claims of the class's box. `settle`
moves the totals towards the targets, as far as there is room.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.allowances.tables import Allowance, SizeClass
from fellesskap_backend.db import Moment
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.lockers import room
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights import service as rights
from fellesskap_protocol import messages
from fellesskap_protocol.capacity import SizeClass as Box

TARGET_MAX = 200
"""No cabinet has as many doors."""


def size_classes(session: Session) -> Sequence[Box]:
    """Return the installation's size classes, the smallest box first."""
    rows = session.scalars(select(SizeClass)).all()
    boxes = [Box(row.name, row.w_mm, row.h_mm, row.d_mm) for row in rows]
    return sorted(boxes, key=lambda box: (box.w_mm * box.h_mm * box.d_mm, box.name))


def targets(session: Session, locker_id: str) -> Mapping[str, int]:
    """Return how many parcels per size class a locker should be able to take in by itself."""
    rows = session.scalars(select(Allowance).where(Allowance.locker_id == locker_id))
    return {row.size_class: row.target for row in rows}


def set_targets(
    session: Session, locker_id: str, wanted: Mapping[str, int], *, moment: Moment
) -> Mapping[str, int]:
    """Set targets per size class (others stay) and move towards them; return all targets.

    Less takes effect when the locker's journal says so. Raises `NotFound`, `InvalidRequest`.
    """
    locker = locked(session, locker_id)
    if locker is None:
        raise NotFound("No locker by this id.")
    boxes = {box.name: box for box in size_classes(session)}
    for name, target in sorted(wanted.items()):
        if name not in boxes:
            raise InvalidRequest("There is no size class by this name.")
        if not 0 <= target <= TARGET_MAX:
            raise InvalidRequest(f"A target is from 0 to {TARGET_MAX}.")
        _set(session, locker, boxes[name], target=target, moment=moment)
    session.flush()
    settle(session, locker)
    return targets(session, locker_id)


def _set(session: Session, locker: Locker, box: Box, *, target: int, moment: Moment) -> None:
    row = session.get(Allowance, (locker.id, box.name))
    if row is not None:
        row.target = target
    elif target:
        session.add(
            Allowance(
                locker_id=locker.id,
                size_class=box.name,
                right_id=moment.new_id(),
                w_mm=box.w_mm,
                h_mm=box.h_mm,
                d_mm=box.d_mm,
                target=target,
                epoch=locker.epoch,
            )
        )


def used(session: Session, locker: Locker, size_class: str) -> None:
    """Note that one unit was drawn: its parcel is recorded as lying there."""
    row = session.get(Allowance, (locker.id, size_class))
    if row is not None and row.epoch == locker.epoch:
        row.used += 1
        locker.allowances = "due"


def applied(session: Session, locker: Locker, revision: int, drawn: Mapping[str, int]) -> None:
    """Note which revision is in force and how much the locker counts as used, in its own words."""
    if locker.allowances == "none":
        return
    rows = _rows(session, locker)
    if any(row.epoch != locker.epoch for row in rows):
        begin(session, locker)  # the event that said so is lost
    for row in rows:
        if row.revision <= revision:
            row.ceiling = row.granted
        row.used = max(row.used, drawn.get(row.size_class, 0))
    locker.allowances = "due"


def begin(session: Session, locker: Locker) -> None:
    """Begin all totals at zero: a new store has given nothing away, and holds no allowance yet.

    Until then `rights.service.change` sends it none, whose totals belong to the store before.
    """
    if locker.allowances == "none":
        return
    for row in _rows(session, locker):
        row.epoch, row.granted, row.used, row.ceiling = locker.epoch, 0, 0, 0
        # Where nothing can be granted anew, what the store before had must not be sent either.
        rights.forget(session, locker, row.right_id)
    locker.allowances = "due"


def settle(session: Session, locker: Locker) -> None:
    """Grant what was used again, as far as there is room; lower what is above its target.

    A locker that takes nothing new has a target of nothing.
    """
    rows = _rows(session, locker)
    session.flush()
    taken = room.matching(session, locker.id)
    state = "settled" if rows else "none"
    for row in rows:
        wanted = row.used + (row.target if locker.closed_at is None else 0)
        granted = min(row.granted, wanted)
        demand = Box(row.size_class, row.w_mm, row.h_mm, row.d_mm).demand()
        bound = max(row.ceiling, row.used)
        while granted < wanted and (granted < bound or taken.add(demand)):
            granted += 1
        if granted < wanted:
            state = "short"
        if granted != row.granted:
            row.granted, row.ceiling = granted, max(row.ceiling, granted)
            row.revision = rights.wish(session, locker, _right(row))
    locker.allowances = state


def _rows(session: Session, locker: Locker) -> Sequence[Allowance]:
    rows = session.scalars(select(Allowance).where(Allowance.locker_id == locker.id)).all()
    return sorted(rows, key=lambda row: (row.w_mm * row.h_mm * row.d_mm, row.size_class))


def _right(row: Allowance) -> messages.Right:
    return messages.Right(
        id=str(row.right_id),
        kind="allowance",
        size_class=row.size_class,
        w_mm=row.w_mm,
        h_mm=row.h_mm,
        d_mm=row.d_mm,
        granted=row.granted,
    )
