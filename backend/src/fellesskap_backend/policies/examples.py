"""The example of the policy for the OpenAPI document."""

from datetime import UTC, datetime
from typing import Any

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.wording import plain

_POLICY = FairShare(in_force_from=datetime(2027, 4, 1, 4, tzinfo=UTC))
_WORDS = {"nb": plain(_POLICY, "nb"), "en": plain(_POLICY, "en")}
_OWN = {"weight": 3, "is_entrant": False}
POLICY: dict[str, Any] = {
    "example": {
        "in_force": "fair-share v1",
        "in_words": _WORDS,
        "coming": None,
        "versions": [
            {
                "policy": "fair-share v1",
                "version": 1,
                "announced_at": "2027-03-01T08:00:00Z",
                "in_force_from": "2027-04-01T04:00:00Z",
                "rules": _POLICY.model_dump(mode="json"),
                "in_words": _WORDS,
            }
        ],
        "weights": [
            {
                "begins_on": "2027-04-01",
                "announced_at": "2027-03-01T08:00:00Z",
                "weights": [{"weight": 5, "is_entrant": False}, _OWN],
                "own": _OWN,
            }
        ],
        "reviews": [
            {
                "quarter": "2027-04-01",
                "accepted_at": "2027-07-20T08:00:00Z",
                "in_force_from": "2027-08-01",
                "lockers": 40,
            }
        ],
        "own_standing": {
            "day": "2027-09-04",
            **_OWN,
            "memory_permille": 120,
            "holds": 210,
            "no_shows": 6,
            "excused": 2,
        },
    }
}
