"""Examples of the monthly report for the OpenAPI document."""

from typing import Any

Example = dict[str, Any]
_OWN: Example = {
    "requested": 1_240,
    "served": 1_173,
    "denied": {
        "duplicate_parcel": 3,
        "locker_unavailable": 0,
        "no_fitting_compartment": 6,
        "no_accessible_compartment": 2,
        "locker_full": 41,
        "quota_exceeded": 15,
    },
    "upsized": 12,
    "no_shows": 31,
    "below_quota": 4,
    "complaints": None,
    "unexplained": 0,
    "borrowed_hours": 611.25,
    "lent_hours": 204.5,
    "complained": [],
}
REPORT: Example = {
    "example": {
        "month": "2027-02",
        "begins_at": "2027-01-31T23:00:00Z",
        "ends_at": "2027-02-28T23:00:00Z",
        "complete": True,
        "until": "2027-02-28T23:00:00Z",
        "total": {
            "requested": 8_911,
            "served": 8_240,
            "denied": {
                "duplicate_parcel": 38,
                "locker_unavailable": None,
                "no_fitting_compartment": 71,
                "no_accessible_compartment": None,
                "locker_full": 402,
                "quota_exceeded": 118,
            },
            "upsized": 97,
            "no_shows": 260,
            "below_quota": 29,
            "complaints": None,
            "unexplained": None,
            "borrowed_hours": 3_911.75,
            "lent_hours": 3_911.75,
        },
        "jain": 0.98,
        "yours": _OWN,
        "carriers": None,
    }
}
