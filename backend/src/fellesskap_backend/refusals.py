"""PURE: with which codes each operation refuses as things stand (409), by its id.

The documents say so. Of a manifest each line is refused for itself, with the codes of `reserve`.
"""

from typing import Any

from fellesskap_backend import errors
from fellesskap_backend.examples import PROBLEM

Json = dict[str, Any]
Kind = type[errors.Refused]
_ROOM: tuple[Kind, ...] = (
    *(errors.LockerFull, errors.NoFittingCompartment, errors.NoAccessibleCompartment),
    *(errors.LockerUnavailable, errors.QuotaExceeded, errors.DuplicateParcel),
)
_STATE: tuple[Kind, ...] = (errors.WrongState,)
_MANY: tuple[Kind, ...] = (errors.TooMany,)
REFUSALS: dict[str, tuple[Kind, ...]] = {
    "reserve": _ROOM,
    "authorise_drop_off": (errors.NoFittingCompartment, errors.LockerUnavailable),
    "delegate_pickup_code": (*_STATE, *_MANY),
    "rotate_pickup_code": (*_STATE, *_MANY),
    "revoke_pickup_code": _STATE,
    **dict.fromkeys(("make_api_key", "issue_courier_badge", "subscribe_webhook"), _MANY),
    **dict.fromkeys(("change_reservation", "cancel_reservation", "cancel_drop_off"), _STATE),
    **dict.fromkeys(("extend_parcel", "recall_parcel", "dispute_parcel"), _STATE),
    **dict.fromkeys(("change_webhook", "rotate_webhook_secret", "test_webhook"), _STATE),
    **dict.fromkeys(("replay_webhook", "redeliver_webhook"), _STATE),
    **dict.fromkeys(("resolve_parcel", "clear_compartment"), _STATE),
}


def told(kinds: tuple[Kind, ...]) -> str:
    """Name the codes, for people."""
    named = ", ".join(f"`{one.code}`" for one in kinds)
    return f"Refused as things stand ({named}); stored under the key like any answer"


def examples(kinds: tuple[Kind, ...]) -> Json:
    """Return an example of each, by its code."""
    return {one.code: {"summary": one.title, "value": _example(one)} for one in kinds}


def _example(kind: Kind) -> Json:
    if kind.code == PROBLEM["code"]:
        return PROBLEM
    return errors.problem(kind.status, kind.code, kind.title)
