"""Examples for the OpenAPI document."""

from typing import Any

Example = dict[str, Any]
_AT = "2027-03-01T08:00:00Z"
_RESERVATION_ID = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
_PARCEL_ID = "01977c1e-5a41-7b1a-9c44-5e6f708192a3"
_RIGHT_ID = "01977c1e-5a3f-7c3d-a111-b2c3d4e5f607"
_LABEL = {"kind": "sscc", "value": "370712345678901238"}
_BOX = {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900}

RESERVATION_REQUEST: Example = {
    "locker_id": "fornebu-1",
    "label": _LABEL,
    "dimensions": _BOX,
    "needs": ["low"],
    "deposit_by": "2027-03-02T18:00:00Z",
    "collect_within": "P3D",
    "code_at": "deposit",
}
RESERVATION: Example = {
    "example": {
        "id": _RESERVATION_ID,
        "state": "confirmed",
        "parcel_id": _PARCEL_ID,
        "right_id": _RIGHT_ID,
        "locker_id": "fornebu-1",
        "label": _LABEL,
        "dimensions": _BOX,
        "size_class": "S",
        "needs": ["low"],
        "hold": "hard",
        "reserve_until": None,
        "deposit_by": "2027-03-02T18:00:00Z",
        "collect_within": "P3D",
        "code_at": "deposit",
        "acted_by": None,
        "delivered_to_locker": False,
        "created_at": _AT,
        "cut_off": None,
        "decided_at": _AT,
        "decision_id": _RESERVATION_ID,
        "reject_reason": None,
        "alternatives": None,
    }
}
_CUT_OFF = "2027-03-01T19:00:00Z"
REQUESTED: Example = {
    "example": RESERVATION["example"]
    | {"state": "requested", "parcel_id": None, "right_id": None, "decision_id": None}
    | {"cut_off": _CUT_OFF, "decided_at": _CUT_OFF}
}
RESERVATION_CHANGE: Example = {"deposit_by": "2027-03-03T18:00:00Z", "collect_within": "P4D"}
RESERVATIONS: Example = {"example": {"reservations": [RESERVATION["example"]], "next": None}}
PROBLEM: Example = {
    "type": "/problems/locker_full",
    "title": "The locker is full",
    "status": 409,
    "code": "locker_full",
    "detail": "Every compartment that fits is occupied or promised.",
    "reason": "locker_full",
    "alternatives": [
        {"locker_id": "fornebu-2", "address": "Fornebu torg 2", "distance_m": 180},
    ],
    "decision_id": "01977c1e-5a44-7f4d-8a77-8192a3b4c5d6",
}
QUOTE_REQUEST: Example = {
    "parcels": [{"locker_id": "fornebu-1", "dimensions": _BOX, "needs": ["low"]}]
}
QUOTES: Example = {
    "example": {
        "quotes": [
            {
                "locker_id": "fornebu-1",
                "size_class": "S",
                "would_confirm": True,
                "reason": None,
                "cut_off": None,
                "alternatives": [],
            }
        ]
    }
}
_SECOND = {"kind": "reference", "value": "ORDER-4712"}
MANIFEST_REQUEST: Example = {
    "parcels": [RESERVATION_REQUEST | {"label": _SECOND}, RESERVATION_REQUEST]
}
MANIFEST: Example = {
    "example": {
        "confirmed": 1,
        "requested": 0,
        "refused": 1,
        "parcels": [
            {"status": 201, "reservation": RESERVATION["example"] | {"label": _SECOND}},
            {"status": 409, "problem": PROBLEM},
        ],
    }
}
_ENTRY = {"what": "deposited", "at": _AT, "clock": "trusted", "recorded_at": _AT, "compartment": 7}
PARCEL: Example = {
    "example": {
        "id": _PARCEL_ID,
        "kind": "last_mile",
        "state": "deposited",
        "locker_id": "fornebu-1",
        "label": _LABEL,
        "reservation_id": _RESERVATION_ID,
        "drop_off_id": None,
        "reference": None,
        "replaced_by": None,
        "compartment": 7,
        "deposited_at": _AT,
        "collect_by": "2027-03-04T08:00:00Z",
        "collected_at": None,
        "history": [_ENTRY],
    }
}
PARCELS: Example = {
    "example": {
        "parcels": [
            {name: one for name, one in PARCEL["example"].items() if name != "history"},
        ],
        "next": "AZd8Hlpae1qcRF5vcIGSow",
    }
}
DROP_OFF_REQUEST: Example = {
    "locker_id": "fornebu-1",
    "reference": "RETURN-4711",
    "size_class": "M",
    "drop_off_by": "2027-03-08T18:00:00Z",
    "pick_up_within": "P3D",
}
DROP_OFF: Example = {
    "example": {
        "id": "01977c1e-5a43-7c2d-9e66-708192a3b4c5",
        "state": "authorised",
        "parcel_id": _PARCEL_ID,
        "locker_id": "fornebu-1",
        "reference": "RETURN-4711",
        "size_class": "M",
        "drop_off_by": "2027-03-08T18:00:00Z",
        "pick_up_within": "P3D",
        "created_at": _AT,
        "code": "12345678",
        "addition": "9012",
        "qr": "FSK1:example",
    }
}
_CODES = ("code", "addition", "qr")
DROP_OFFS: Example = {
    "example": {
        "drop_offs": [
            {name: one for name, one in DROP_OFF["example"].items() if name not in _CODES},
        ],
        "next": None,
    }
}
AVAILABILITY: Example = {
    "example": {
        "locker_id": "fornebu-1",
        "in_contact": True,
        "size_classes": {"S": "many", "M": "few", "L": "few", "XL": "none"},
    }
}
DOOR_REQUEST: Example = {
    "compartment": 7,
    "reason_code": "customer_service",
    "reason": "The recipient stands before the door and it did not spring open.",
}
DOOR_OPERATION: Example = {
    "example": {
        "id": "01977c1e-5a43-7e3c-9e66-708192a3b4c5",
        "locker_id": "fornebu-1",
        "compartment": 7,
        "reason_code": "customer_service",
        "reason": DOOR_REQUEST["reason"],
        "state": "closed",
        "outcome_reason": None,
        "issued_at": _AT,
        "expires_at": "2027-03-01T08:00:30Z",
        "updated_at": _AT,
    }
}
_SCOPES = ["reservations:read", "reservations:write", "keys:write"]
API_KEY_REQUEST: Example = {"name": "Booking system", "scopes": _SCOPES, "overlap": "P7D"}
API_KEY: Example = {
    "example": {
        "prefix": "5d1f0c7a9b3e",
        "role": "carrier",
        "name": "Booking system",
        "scopes": _SCOPES,
        "replaces": "0a8c41f7e2d9",
        "created_at": _AT,
        "expires_at": None,
        "revoked_at": None,
        "last_used_on": "2027-03-01",
    }
}
API_KEYS: Example = {"example": {"api_keys": [API_KEY["example"]]}}
API_KEY_MADE: Example = {
    "example": {
        **API_KEY["example"],
        "last_used_on": None,
        "api_key": "fsk_5d1f0c7a9b3e_(43 characters that are shown once)",
    }
}
_NORDPOST, _SAMLAST = (
    "01977c1e-5a30-7a1b-8c2d-3e4f50617283",
    "01977c1e-5a31-7b2c-9d3e-4f5061728394",
)
_TOMORROW = "2027-03-02T08:00:00Z"
BADGE_REQUEST: Example = {
    "lockers": ["fornebu-1"],
    "may": ["deposit", "remove"],
    "valid_for": "PT12H",
}
BADGE: Example = {
    "example": {
        "id": "01977c1e-5a44-7d2e-8f77-8192a3b4c5d6",
        "state": "live",
        "carriers": [_NORDPOST],
        "lockers": ["fornebu-1"],
        "may": ["deposit", "remove"],
        "issued_at": _AT,
        "expires_at": _TOMORROW,
        "revoked_at": None,
        "not_heard_by": [],
    }
}
BADGE_ISSUED: Example = {"example": {**BADGE["example"], "token": "(up to 1,000 characters)"}}
BADGES: Example = {"example": {"courier_badges": [BADGE["example"]], "next": None}}
DEPOSIT_AUTH_WISH: Example = {"deposit_auth": "badge"}
DEPOSIT_AUTH: Example = {
    "example": {
        **DEPOSIT_AUTH_WISH,
        "changed_at": "2026-11-24T08:00:00Z",
        "not_heard_by": 3,
    }
}
SWEEP_LIST: Example = {
    "example": {
        "badge_id": BADGE["example"]["id"],
        "lockers": [
            {
                "locker_id": "fornebu-1",
                "parcels": [
                    {
                        "parcel_id": _PARCEL_ID,
                        "carrier_id": _NORDPOST,
                        "compartment": 7,
                        "kind": "overdue",
                        "reference": _LABEL["value"],
                    }
                ],
            }
        ],
    }
}
_DELEGATION_CODE = "fsd_" + 12 * "AbC7"
DELEGATION_CODE: Example = {"example": {"code": _DELEGATION_CODE, "expires_at": _TOMORROW}}
DELEGATION_REQUEST: Example = {
    "code": _DELEGATION_CODE,
    "may": ["deposit", "remove"],
    "ends_at": "2027-06-30T22:00:00Z",
}
DELEGATION: Example = {
    "example": {
        "id": "01977c1e-5a45-7e3f-9a88-92a3b4c5d6e7",
        "side": "given",
        "giver": {"carrier_id": _NORDPOST, "name": "Nordpost"},
        "receiver": {"carrier_id": _SAMLAST, "name": "Fornebu Samlast"},
        "may": ["deposit", "remove"],
        "state": "live",
        "ends_at": "2027-06-30T22:00:00Z",
        "created_at": _AT,
        "revoked_at": None,
    }
}
DELEGATIONS: Example = {"example": {"delegations": [DELEGATION["example"]], "next": None}}
PICKUP_CODE_REQUEST: Example = {"reference": "CARETAKER-2"}
PICKUP_CODE: Example = {
    "example": {
        "id": "01977c1e-5a46-7f40-8b99-a3b4c5d6e7f8",
        "parcel_id": _PARCEL_ID,
        "is_for": "somebody_else",
        "reference": "CARETAKER-2",
        "state": "live",
        "effective": "pending",
        "created_at": _AT,
        "revoked_at": None,
    }
}
PICKUP_CODE_SHOWN: Example = {
    "example": {
        **PICKUP_CODE["example"],
        "code": "12345678",
        "addition": "9012",
        "qr": "FSK1:example",
    }
}
PICKUP_CODES: Example = {"example": {"pickup_codes": [PICKUP_CODE["example"]]}}


_WEBHOOK_ID = "01977c1e-5a44-7f4d-af77-8192a3b4c5d6"
WEBHOOK_REQUEST: Example = {
    "url": "https://carrier.example/fellesskap",
    "types": ["parcel.deposited", "parcel.collected"],
    "description": "Notices to recipients",
}
WEBHOOK: Example = {
    "example": {
        "id": _WEBHOOK_ID,
        **WEBHOOK_REQUEST,
        "state": "active",
        "state_since": _AT,
        "secret_version": 1,
        "overlap_until": None,
        "created_at": _AT,
    }
}
WEBHOOKS: Example = {"example": {"webhook_subscriptions": [WEBHOOK["example"]], "next": None}}
WEBHOOK_SECRET: Example = {
    "example": {**WEBHOOK["example"], "secret": "whsec_(44 characters that are shown once)"}
}
WEBHOOK_DELIVERY: Example = {
    "example": {
        "event_id": "01977c1e-5a42-7a2b-8d55-6f708192a3b4",
        "subscription_id": _WEBHOOK_ID,
        "type": "parcel.deposited",
        "position": 2,
        "parcel_id": _PARCEL_ID,
        "state": "due",
        "attempts": 1,
        "made_at": _AT,
        "due_at": _AT,
        "ended_at": None,
        "last_attempt_at": _AT,
        "last_status": 500,
        "last_error": None,
    }
}
WEBHOOK_DELIVERIES: Example = {
    "example": {"deliveries": [WEBHOOK_DELIVERY["example"]], "next": None}
}
WEBHOOK_TEST: Example = {
    "example": {
        **WEBHOOK_DELIVERY["example"],
        "type": "webhook.test",
        "position": None,
        "parcel_id": None,
        "attempts": 0,
        "last_attempt_at": None,
        "last_status": None,
    }
}
WEBHOOK_REPLAY: Example = {"example": {"subscription_id": _WEBHOOK_ID, "after": 0, "up_to": 2}}
