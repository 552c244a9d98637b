"""PURE: what a key may do. A key without a list of scopes may do all that its role may.

A route names the scope that it needs (`auth.may`); one that names none is only for keys that may
do everything. So a scope that somebody forgot shuts a door, and opens none.
"""

from collections.abc import Iterable
from typing import NamedTuple

ROLES = ("carrier", "operator", "auditor")
"""Who has keys. What is public needs none."""


class Scope(NamedTuple):
    """Which roles can have it, and what it lets them do."""

    roles: tuple[str, ...]
    told: str


SCOPES: dict[str, Scope] = {
    "reservations:read": Scope(("carrier",), "read reservations and quotes"),
    "reservations:write": Scope(("carrier",), "reserve, change and cancel; manifests"),
    "receipts:read": Scope(("carrier",), "read the own decisions, with their receipts"),
    "parcels:read": Scope(("carrier",), "read parcels and their history"),
    "parcels:write": Scope(("carrier",), "extend, recall and dispute parcels"),
    "codes:read": Scope(("carrier",), "see which pickup codes there are, not the codes"),
    "codes:write": Scope(("carrier",), "read, rotate, delegate and revoke pickup codes"),
    "drop-offs:read": Scope(("carrier",), "read drop-offs, with their codes"),
    "drop-offs:write": Scope(("carrier",), "authorise drop-offs and take that back"),
    "badges:read": Scope(("carrier",), "see badges and what they take out"),
    "badges:write": Scope(("carrier",), "issue and revoke couriers' badges, want them at deposits"),
    "delegations:read": Scope(("carrier",), "see delegations, and the own code for them"),
    "delegations:write": Scope(("carrier",), "let a consolidator act, and no longer"),
    "events:read": Scope(("carrier",), "read the event feed"),
    "webhooks:read": Scope(("carrier",), "read subscriptions and deliveries"),
    "webhooks:write": Scope(("carrier",), "subscribe endpoints and send again"),
    "lockers:read": Scope(("operator",), "see doors, content and faults"),
    "lockers:operate": Scope(("operator",), "open doors, set service, settle disputes"),
    "lockers:provision": Scope(("operator",), "replace and revoke devices, write lockers off"),
    "decisions:read": Scope(("auditor",), "read decisions with their positions and chain"),
    "ledger:read": Scope(("auditor",), "read the ledger and its chain"),
    "reports:read": Scope(ROLES, "read how carriers were treated, month by month"),
    "keys:write": Scope(ROLES, "make, change and revoke the own keys"),
}


def allows(granted: str | None, wanted: str | None) -> bool:
    """Say whether a key's scopes (None: all) hold what a route wants (None: all).

    >>> allows(None, "parcels:read"), allows("parcels:read events:read", "parcels:write")
    (True, False)
    >>> allows("parcels:read", None)
    False
    """
    return granted is None or (wanted is not None and wanted in granted.split())


def of_role(role: str) -> list[str]:
    """Return every scope that keys of a role can have."""
    return [name for name, scope in SCOPES.items() if role in scope.roles]


def written(scopes: Iterable[str]) -> str:
    """Return scopes as they are stored: in order, with spaces between."""
    chosen = set(scopes)
    return " ".join(name for name in SCOPES if name in chosen)
