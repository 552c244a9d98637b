"""All tables of the backend in one place: for migrations, tests and the simulator."""

from fellesskap_backend import idempotency
from fellesskap_backend.allowances import tables as allowances
from fellesskap_backend.badges import tables as badges
from fellesskap_backend.carriers import tables as carriers
from fellesskap_backend.cut_offs import tables as cut_offs
from fellesskap_backend.db import Base
from fellesskap_backend.decisions import tables as decisions
from fellesskap_backend.delegations import tables as delegations
from fellesskap_backend.door_operations import tables as door_operations
from fellesskap_backend.drop_offs import tables as drop_offs
from fellesskap_backend.events import tables as events
from fellesskap_backend.ledger import tables as ledger
from fellesskap_backend.lockers import tables as lockers
from fellesskap_backend.neutrality import tables as neutrality
from fellesskap_backend.operators import tables as operators
from fellesskap_backend.parcels import tables as parcels
from fellesskap_backend.pickup_codes import tables as pickup_codes
from fellesskap_backend.policies import tables as policies
from fellesskap_backend.receipts import tables as receipts
from fellesskap_backend.reservations import tables as reservations
from fellesskap_backend.rights import tables as rights
from fellesskap_backend.webhooks import tables as webhooks

__all__ = [
    "allowances",
    "badges",
    "carriers",
    "cut_offs",
    "decisions",
    "delegations",
    "door_operations",
    "drop_offs",
    "events",
    "idempotency",
    "ledger",
    "lockers",
    "metadata",
    "neutrality",
    "operators",
    "parcels",
    "pickup_codes",
    "policies",
    "receipts",
    "reservations",
    "rights",
    "webhooks",
]
metadata = Base.metadata
