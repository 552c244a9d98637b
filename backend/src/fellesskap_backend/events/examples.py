"""PURE: an example of each type of event: by its model, of one parcel and one return."""

from typing import Any

from fellesskap_backend.events.data import DATA, PerhapsDecided, WithCode
from fellesskap_backend.events.types import VERSION
from fellesskap_backend.examples import BADGE, DELEGATION, DROP_OFF, RESERVATION, WEBHOOK

Example = dict[str, Any]
_RESERVED: Example = RESERVATION["example"]
_RETURNED: Example = DROP_OFF["example"]
_DELEGATED: Example = DELEGATION["example"]
_AT = _RESERVED["created_at"]
_ALTERNATIVE = {"locker_id": "fornebu-2", "address": "Fornebu torg 2", "distance_m": 180}
_CODE = {"pickup_code": "12345678", "addition": "9012", "qr": "FSK1:example"}
_SAYS: Example = {
    **{name: _RESERVED[name] for name in ("parcel_id", "right_id", "label", "locker_id")},
    **{name: _RESERVED[name] for name in ("hold", "deposit_by", "collect_within", "code_at")},
    "reservation_id": _RESERVED["id"],
    "locker": {"id": _RESERVED["locker_id"], "address": "Widerøeveien 5, 1360 Fornebu"},
    **dict.fromkeys(("cut_off", "decided_at"), "2027-03-01T19:00:00Z"),
    "decision_id": _RESERVED["id"],
    "reserve_until": "2027-03-02T12:00:00Z",
    "alternatives": [_ALTERNATIVE],
    "compartment": 7,
    "late": False,
    "evidence": "door",
    "from": 7,
    "to": 9,
    "collect_by": "2027-03-04T08:00:00Z",
    "drop_off_by": _RETURNED["drop_off_by"],
    "code_id": BADGE["example"]["id"],
    "delegation_id": _DELEGATED["id"],
    "giver_id": _DELEGATED["giver"]["carrier_id"],
    "receiver_id": _DELEGATED["receiver"]["carrier_id"],
    **{name: _DELEGATED[name] for name in ("may", "ends_at")},
    "subscription_id": WEBHOOK["example"]["id"],
    "note": "Burnt out.",
}
"""What each member says, whatever the type."""
_OF_A_RETURN: Example = {
    **dict.fromkeys(("reservation_id", "label")),
    "drop_off_id": _RETURNED["id"],
    "reference": _RETURNED["reference"],
}
_RETURNS = ("drop_off.", "parcel.dropped_off", "parcel.picked_up")
_NOWHERE = ("reservation.", "drop_off.", "parcel.delivery_failed", "parcel.upsized")
_REASONS = {
    "reservation.rejected": "locker_full",
    "parcel.delivery_failed": "no_fitting_compartment",
    "parcel.disputed": "reported_empty",
    "parcel.lost": "locker_written_off",
    "parcel.resolved": "deposited",
    "webhook.disabled": "gone",
}
_SELDOM = {*PerhapsDecided.model_fields, "reason", "note"}
"""What is left out where it is not always there; the other members are there most of the time."""


def data_of(kind: str) -> Example:
    """Return what the `data` of a type says, with the code."""
    says = _SAYS | {"reason": _REASONS.get(kind)}
    if kind.startswith(_NOWHERE):
        says = says | {"compartment": None}
    fields = {one.alias or name: one for name, one in DATA[kind].model_fields.items()}
    told = [name for name, one in fields.items() if one.is_required() or name not in _SELDOM]
    data = {name: says[name] for name in told if name in says}
    if kind.startswith(_RETURNS):
        data |= _OF_A_RETURN
    return data | _CODE if _has_code(kind) else data


def event_of(kind: str) -> Example:
    """Return an event as the feed has it; but for the code, which is for webhooks."""
    return {
        "version": VERSION,
        "position": 1,
        "id": "01977c1e-5a42-7a2b-8d55-6f708192a3b4",
        "type": kind,
        "occurred_at": _AT,
        "clock": "trusted",
        "recorded_at": _AT,
        "data": data_of(kind),
    }


def _has_code(kind: str) -> bool:
    return issubclass(DATA[kind], WithCode) and kind != "reservation.confirmed"


EVENTS: Example = {"example": {"events": [event_of("reservation.confirmed")], "next": 1}}
