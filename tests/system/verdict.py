"""Compare what the API says of a parcel with what the lock board did, pulse by pulse.

Pure. Two independent records of the same acts: the parcel's history went through journal, broker
and database; the board's record was written where the coil is.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

CLOCK_DIFFERENCE_S_MAX = 1.0
"""The journal notes a pulse before it fires; board and edge share the machine's clock here."""

Json = dict[str, Any]


def disagreements(history: Sequence[Json], pulses: Sequence[Json]) -> list[str]:
    """Return each difference in words; an empty list is a clean verdict.

    `history`: the entries of `GET /v1/parcels/{id}`. `pulses`: the board's record, each with
    `compartment` and `at` (RFC 3339).
    """
    said = [entry for entry in history if entry["what"] == "pulsed"]
    found = []
    if len(said) != len(pulses):
        found.append(f"the history tells of {len(said)} pulses, the board of {len(pulses)}")
    for number, (entry, pulse) in enumerate(zip(said, pulses, strict=False), start=1):
        if entry["compartment"] != pulse["compartment"]:
            found.append(
                f"pulse {number}: history says compartment {entry['compartment']}, "
                f"the board {pulse['compartment']}"
            )
        apart = abs((_time(entry["at"]) - _time(pulse["at"])).total_seconds())
        if apart > CLOCK_DIFFERENCE_S_MAX:
            found.append(f"pulse {number}: {apart:.2f} s between history and board")
    return found


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
