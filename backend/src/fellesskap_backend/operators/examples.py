"""Examples of operators' resources for the OpenAPI document."""

from typing import Any

from fellesskap_backend.examples import PARCEL
from fellesskap_backend.lockers.examples import POSITION, SITE_ID

Example = dict[str, Any]
_AT = "2027-03-01T08:00:00Z"
_PARCEL_ID = PARCEL["example"]["id"]
_CARRIER_ID = "01977c1e-5a45-7a5e-9188-92a3b4c5d6e7"
KEY_OF_A_DEVICE = "Yp3mCq0vJb5n0Jd2n6Yw9m1o7bTj3xQ4kq8sR5uHc0E"
TELLS: Example = {
    "site_id": SITE_ID,
    "address": "Widerøeveien 5, 1360 Fornebu",
    "position": POSITION,
    "features": ["keypad", "scanner", "screen"],
    "languages": ["nb", "nn", "se", "en"],
}
TELLS_OF_SITE: Example = {
    "name": "Fornebu S",
    "address": "Widerøeveien 5, 1360 Fornebu",
    "position": POSITION,
    "opening_hours": "24/7",
}
_ACT: Example = {
    "id": "01977c1e-5a46-7b6f-a299-a3b4c5d6e7f8",
    "at": _AT,
    "by": "5d1f0c7a9b3e",
    "by_owner": "01977c1e-5a47-7c70-b3aa-b4c5d6e7f809",
    "act": "clear_compartment",
    "reason": "Looked into it on the spot: empty and clean.",
    "locker_id": "fornebu-1",
    "compartment": 7,
    "parcel_id": None,
    "site_id": None,
    "details": {"content": "unknown"},
}
_LISTED: Example = {
    "id": "fornebu-1",
    "site_id": SITE_ID,
    "site_name": "Fornebu S",
    "address": "Widerøeveien 5, 1360 Fornebu",
    "health": {"contact": "online", "since": None},
    "contact_at": _AT,
    "connected": True,
    "service": "in_service",
    "confirms": True,
    "closed_at": None,
    "quarantined_at": None,
    "behind_since": None,
    "restored_at": None,
    "written_off_at": None,
    "faults": [{"part": "bank a", "what": "silent", "since": _AT}],
}
_COMPARTMENT: Example = {
    "number": 7,
    "door": "shut",
    "content": "unknown",
    "service": "suspect",
    "service_state": "in_service",
    "wish": None,
    "parcel_id": None,
}


def _shown(body: Example) -> Example:
    return {"example": body}


ACTS = _shown({"acts": [_ACT], "next": None})
FLEET = _shown({"lockers": [_LISTED | {"suspect_compartments": 1}], "next": None})
INSPECTED = _shown(
    {
        **_LISTED,
        "rights": {"wanted": [1, 42], "applied": [1, 42]},
        "compartments": [_COMPARTMENT],
        "devices": [{"id": "dev-0a8c41f7", "claimed_at": _AT, "revoked_at": None}],
        "acts": [_ACT],
    }
)
LOCKER_SERVICE = _shown({"locker_id": "fornebu-1", "state": "draining", "since": _AT})
COMPARTMENT_SERVICE = _shown(
    {
        "locker_id": "fornebu-1",
        "compartment": 7,
        "state": "in_service",
        "service": "suspect",
        "heard": False,
    }
)
LOCKER_DESCRIPTION = _shown(TELLS)
SITE_DESCRIPTION = _shown(TELLS_OF_SITE)
ALLOWANCES = _shown({"locker_id": "fornebu-1", "targets": {"S": 2, "M": 1}})
DISPUTES = _shown(
    {
        "disputes": [
            {
                "parcel_id": _PARCEL_ID,
                "kind": "last_mile",
                "carrier_id": _CARRIER_ID,
                "label": "370712345678901238",
                "locker_id": "fornebu-1",
                "compartment": 7,
                "deposited_at": _AT,
                "disputed_at": _AT,
                "why": "reported_empty",
            }
        ],
        "next": None,
    }
)
SUSPECTS = _shown(
    {
        "suspects": [
            {
                "locker_id": "fornebu-1",
                "compartment": 7,
                "door": "shut",
                "content": "unknown",
                "parcel_id": _PARCEL_ID,
                "parcel_state": "disputed",
                "wish": None,
            }
        ],
        "next": None,
    }
)
INSPECTED_PARCEL = _shown(
    {
        **PARCEL["example"],
        "state": "disputed",
        "carrier_id": _CARRIER_ID,
        "evidence": "door",
        "acts": [],
    }
)
_EPOCH = "0f3c9a5b7d1e4f60a2b4c6d8e0f1a3b5"
_KEPT: Example = {
    "locker_id": "fornebu-1",
    "epoch": _EPOCH,
    "seq": 4711,
    "type": "weighed",
    "recorded_at": _AT,
    "unapplied": "malformed or of an unknown type",
}
KEPT_EVENTS = _shown({"events": [_KEPT]})
WRITTEN_OFF = _shown({"locker_id": "fornebu-1", "written_off_at": _AT})
DEVICE_REPLACED = _shown(
    {
        "locker_id": "fornebu-1",
        "device_id": "dev-0a8c41f7",
        "revoked": ["dev-93b1c05d"],
        "provision": {"locker_id": "fornebu-1", "k_version": 1},
    }
)
DEVICE_REVOKED = _shown({"locker_id": "fornebu-1", "device_id": "dev-93b1c05d", "revoked_at": _AT})
