"""Geometry and service of compartments: the locker's own description is the truth."""

import logging

from sqlalchemy import select

from fellesskap_backend.ledger import reporting
from fellesskap_backend.ledger.at import At
from fellesskap_backend.lockers import servicing
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_protocol import capacity
from fellesskap_protocol.events import HardwareDescribed, ServiceChanged

log = logging.getLogger(__name__)


def described(at: At, event: HardwareDescribed) -> None:
    """Adopt the geometry; what is described no more goes out of service.

    Right after `store_created: commissioned` somebody vouches that every compartment is empty.
    """
    known = {
        row.number: row
        for row in at.session.scalars(
            select(Compartment).where(Compartment.locker_id == at.locker.id)
        )
    }
    vouched = event.seq == 2 and _commissioned(at)
    for one in event.compartments:
        row = known.pop(one.number, None)
        if row is None:
            row = Compartment(
                locker_id=at.locker.id,
                number=one.number,
                door="unknown",
                content="unknown",
                service="in",
            )
            at.session.add(row)
        _adopt(row, one)
        if vouched:
            row.empty_of("empty")
    for row in known.values():
        at.say(log.warning, "compartment %d is gone", row.number)
        row.service, row.wished_service, row.wish_heard = "out", None, False
    if vouched:
        reporting.vouched_empty(at, event)


def service_changed(at: At, event: ServiceChanged) -> None:
    """Note that a compartment went into or out of service."""
    servicing.changed(at.session, at.locker, at.compartment(event.compartment), event.to)


def _adopt(row: Compartment, described: capacity.Compartment) -> None:
    row.width_mm, row.height_mm = described.width_mm, described.height_mm
    row.depth_mm, row.max_g = described.depth_mm, described.max_g
    row.floor_mm, row.top_mm = described.floor_mm, described.top_mm
    row.features = list(described.features)
    row.occupancy_sensor = described.occupancy_sensor


def _commissioned(at: At) -> bool:
    """Say whether the present epoch began with a commissioning."""
    return reporting.beginning(at) == "commissioned"
