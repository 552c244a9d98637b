"""PURE: the types of events, as `docs/events.md` explains them. A filter may name these."""

from typing import Literal

Version = Literal[1]
VERSION: Version = 1
"""Of what all events have in common, and of what each type's `data` means (`docs/api.md`)."""
TYPES: dict[str, str] = {
    "reservation.requested": "it waits for its locker's cut-off",
    "reservation.confirmed": "room is held, or noted",
    "reservation.rejected": "at the cut-off there was no room for it",
    "reservation.softened": "its room is held no more",
    "reservation.changed": "its carrier gave it other times",
    "reservation.cancelled": "its carrier ended it",
    "reservation.expired": "its time to be used has passed",
    "reservation.diverted": "the locker has no room for it any more",
    "parcel.deposited": "it lies in the locker",
    "parcel.delivery_failed": "no door opened for it",
    "parcel.upsized": "it got a larger compartment",
    "parcel.collected": "the recipient took it",
    "parcel.extended": "it may lie longer",
    "parcel.overdue": "its time to be collected has passed",
    "parcel.recalled": "its carrier wants it back",
    "parcel.removed": "a courier took it out",
    "parcel.disputed": "somebody found it missing or wrong",
    "parcel.lost": "its locker is written off",
    "parcel.adopted": "a locker reported it and it was not known",
    "parcel.resolved": "an operator has looked",
    "drop_off.authorised": "a person may put something in",
    "drop_off.cancelled": "its carrier ended it",
    "drop_off.expired": "its time to be used has passed",
    "parcel.dropped_off": "the person put it in",
    "parcel.picked_up": "a courier took it out",
    "pickup_code.delegated": "somebody else may fetch it with a code of their own",
    "pickup_code.rotated": "a code of it has new digits",
    "pickup_code.revoked": "a code of it opens no more",
    "delegation.given": "a consolidator may act for a carrier",
    "delegation.ended": "it may no more",
    "webhook.disabled": "an endpoint answered 410 and is sent nothing more",
}
