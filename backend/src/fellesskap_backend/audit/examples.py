"""An example of a page of decisions for the OpenAPI document."""

from typing import Any

Example = dict[str, Any]
_HOUR = "2027-03-01T08:00:00Z"
_HASH = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
_HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_CARRIER_ID = "01977c1e-5a30-7a1b-8c2d-3e4f50617283"
PAGE: Example = {
    "example": {
        "locker_id": "fornebu-1",
        "chains": [{"locker_id": "fornebu-1", "decided": 1, "hash": _HEX}],
        "decisions": [
            {
                "locker_id": "fornebu-1",
                "number": 1,
                "id": "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f",
                "carrier_id": _CARRIER_ID,
                "at": "2027-03-01T08:12:00Z",
                "body": '{"at":"2027-03-01T08:12:00Z", …}',
                "hash": _HEX,
                "receipt": {
                    "hour": _HOUR,
                    "told_to": _CARRIER_ID,
                    "decision": '{"at":"2027-03-01T08:12:00Z", …}',
                    "salt": _HASH,
                    "leaf": _HASH,
                    "place": 512,
                    "path": [_HASH] * 10,
                },
            }
        ],
        "roots": [
            {
                "hour": _HOUR,
                "size": 1_024,
                "root": _HASH,
                "seed": _HASH,
                "key": _HASH,
                "jws": "(header).(payload).(signature)",
            }
        ],
        "lots": [],
        "rules": {
            "policies": [],
            "weights": [],
            "standings": [],
            "reviews": [],
            "days": [],
            "cut_offs": [],
        },
        "closed": {"first": _HOUR, "last": _HOUR},
        "next": None,
    }
}
