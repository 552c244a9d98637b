"""Examples of decisions, receipts and roots for the OpenAPI document."""

from typing import Any

Example = dict[str, Any]
_HOUR = "2027-03-01T08:00:00Z"
_HASH = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
_DECISION: Example = {
    "id": "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f",
    "locker_id": "fornebu-1",
    "carrier_id": "01977c1e-5a30-7a1b-8c2d-3e4f50617283",
    "at": "2027-03-01T08:12:00Z",
    "policy": "fair-share v1",
    "outcome": "confirmed",
    "part": "guaranteed",
    "quota": 5,
    "used": 2,
    "held_for_s": None,
    "because": "There is room for it, and it is given: it is of your guaranteed part.",
    "request": {
        "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
        "needs": ["low"],
        "hold": "hard",
        "is_duplicate": False,
        "deposit_by": "2027-03-02T18:00:00Z",
        "reserve_until": None,
        "collect_within_s": 259_200,
    },
}
DECISION: Example = {
    "example": {
        **_DECISION,
        "receipt": {
            "hour": _HOUR,
            "decision": '{"at":"2027-03-01T08:12:00Z", …}',
            "salt": _HASH,
            "place": 512,
            "path": [_HASH] * 10,
        },
        "receipt_at": None,
    }
}
ROOTS: Example = {
    "example": {
        "keys": [_HASH],
        "roots": ["(header).(payload).(signature)"],
        "next": None,
    }
}
