"""PURE: the rows of one confirmed reservation, and how it is shown to its carrier."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from fellesskap_backend.carriers.service import Caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.desk import Decided, Wanted
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.parcels import labels
from fellesskap_backend.reservations.duration import duration_of
from fellesskap_backend.reservations.tables import DEPOSIT_BY_MAX
from fellesskap_backend.rights.service import Codes, codes_of, macs_of
from fellesskap_protocol import messages
from fellesskap_protocol.barcodes import Identifier
from fellesskap_protocol.capacity import Demand
from fellesskap_protocol.codes import mac

Row = dict[str, Any]
Ids = dict[str, UUID]
TOO_EARLY = (
    "This locker decides today's requests at {}: `deposit_by` and `reserve_until` lie after that."
    " What comes earlier may be reserved softly."
)


def decided_before(cut_off: datetime | None, *times: datetime | None) -> bool:
    """Say whether these times lie after a cut-off, so that the answer comes before."""
    return cut_off is None or all(one is None or one > cut_off for one in times)


@dataclass(frozen=True)
class Asked:
    """A request for room at a locker; `label_kind` as the carrier named it.

    `hold` soft: no claim, the locker serves it from its allowance. A hard one turns soft at
    `reserve_until`, if that is given.
    """

    attempt: Attempt
    locker_id: str
    label_kind: str
    label: Identifier
    demand: Demand
    size_class: str | None
    deposit_by: datetime
    collect_within_s: int
    code_at: str
    hold: Literal["hard", "soft"] = "hard"
    reserve_until: datetime | None = None

    def wrong_times(self, now: datetime, cut_off: datetime | None = None) -> str | None:
        """Say what is wrong with its times; None if nothing is.

        A hard one that is to wait until a cut-off cannot end before.
        """
        if not now < self.deposit_by <= now + DEPOSIT_BY_MAX:
            return "`deposit_by` lies in the future, at most 30 days ahead."
        if self.hold == "hard" and not decided_before(cut_off, self.deposit_by, self.reserve_until):
            return TOO_EARLY.format(instant(cut_off)) if cut_off else None
        if self.reserve_until is not None and not now < self.reserve_until <= self.deposit_by:
            return "`reserve_until` lies in the future, at the latest at `deposit_by`."
        return None

    def waiting(self, held_for_s: int | None, now: datetime) -> "Asked":
        """Return it with the time that its claim is given; None: all that was asked for."""
        if held_for_s is None:
            return self
        until = now + timedelta(seconds=held_for_s)
        soft_at = None if self.reserve_until is None else min(self.reserve_until, until)
        return replace(self, deposit_by=until, reserve_until=soft_at)

    def wanted(self, by: Caller, *, is_duplicate: bool) -> Wanted:
        """Return the request as it is decided; its label is no part of a decision's record."""
        said = {
            "deposit_by": instant(self.deposit_by),
            "reserve_until": self.reserve_until and instant(self.reserve_until),
            "collect_within_s": self.collect_within_s,
        }
        request = Request(self.demand, self.hold, is_duplicate)
        return Wanted(by.carrier_id, request, said, by.number)


@dataclass(frozen=True)
class Keys:
    """What codes are derived with (`k_codes`) and MACed with (`k_locker`)."""

    k_codes: bytes
    k_locker: bytes

    def codes(self, right_id: UUID, n: int) -> Codes:
        """Derive the codes of a right."""
        return codes_of(self.k_codes, right_id, n)


@dataclass(frozen=True)
class Confirmation:
    """One confirmed reservation: whose, under which right, at which address.

    Its id is that of the decision, whose number its claim bears.
    """

    asked: Asked
    by: Caller
    right_id: UUID
    n: int
    address: str
    decided: Decided

    def rows(self, keys: Keys, moment: Moment, ids: Ids | None = None) -> tuple[Row, ...]:
        """Return reservation, claim, parcel, right, code, history entry and notice, in order.

        `ids` are there already of one that has waited (`reservation_id`, `parcel_id`).
        """
        ids = ids or {"reservation_id": self.decided.id, "parcel_id": moment.new_id()}
        right = self._right(keys, ids["parcel_id"])
        wish: Row = {
            "locker_id": self.asked.locker_id,
            "id": self.right_id,
            "revision": self.decided.revision,
            "removed": False,
            "body": messages.encode(right).decode(),
        }
        code = self._here | {"n": self.n, "code_mac": right.code_mac, "removed_at": None}
        return (
            self._reservation(ids, moment.now),
            self._claim(),
            self._parcel(ids, moment.now),
            wish,
            code,
            self._entry(ids, moment.now),
            self._notice(ids, moment),
        )

    @property
    def _here(self) -> Row:
        return {"locker_id": self.asked.locker_id, "right_id": self.right_id}

    @property
    def _counts(self) -> Row:
        """Return as what it counts; under `first-come` there are no parts."""
        use = self.decided.use
        return {"use_size": use and use.size, "part": self.decided.decision.part}

    def _reservation(self, ids: Ids, now: datetime) -> Row:
        return {
            **reservation_row(self.asked, self.by, ids | {"right_id": self.right_id}),
            "state": "confirmed",
            "reject_reason": None,
            **self._counts,
            "created_at": now,
        }

    def _claim(self) -> Row:
        """Return the claim; that of a soft reservation holds nothing from the start."""
        return {
            **self._here,
            **box_of(self.asked),
            "carrier_number": self.by.number,
            "released_at_revision": None,
            "released": self.asked.hold == "soft",
            "decision": self.decided.number,
            **self._counts,
        }

    def _parcel(self, ids: Ids, now: datetime) -> Row:
        return {
            **self._here,
            "id": ids["parcel_id"],
            "kind": "last_mile",
            "carrier_id": self.by.carrier_id,
            "reservation_id": ids["reservation_id"],
            "remove_right_id": None,
            "replaced_by": None,
            "label_value": self.asked.label.value,
            "label_key": self.asked.label.key,
            "state": "expected",
            "compartment": None,
            "deposited_at": None,
            "collect_within_s": self.asked.collect_within_s,
            "collect_by": None,
            "collected_at": None,
            "evidence": None,
            "has_second_codes": False,
            "created_at": now,
        }

    def _entry(self, ids: Ids, now: datetime) -> Row:
        return {
            "parcel_id": ids["parcel_id"],
            "carrier_id": self.by.carrier_id,
            "what": "expected",
            "at": now,
            "clock": "trusted",
            "recorded_at": now,
            "compartment": None,
            "detail": None,
        }

    def _notice(self, ids: Ids, moment: Moment) -> Row:
        data = {name: str(one) for name, one in ids.items()} | {
            "right_id": str(self.right_id),
            "label": labels.shown(self.asked.label.key),
            "locker_id": self.asked.locker_id,
            "locker": {"id": self.asked.locker_id, "address": self.address},
            "hold": self.asked.hold,
            "deposit_by": instant(self.asked.deposit_by),
        }
        return {
            "id": moment.new_id(),
            "carrier_id": self.by.carrier_id,
            "type": "reservation.confirmed",
            "parcel_id": ids["parcel_id"],
            "data": data,
            "occurred_at": moment.now,
            "clock": "trusted",
            "recorded_at": moment.now,
            "position": None,
        }

    def _right(self, keys: Keys, parcel_id: UUID) -> messages.Right:
        """Build the claim: label and code from the start, for a locker that goes offline."""
        macs = macs_of(keys.k_locker, keys.codes(self.right_id, self.n))
        demand = self.asked.demand
        return messages.Right(
            id=str(self.right_id),
            kind="claim",
            hold=self.asked.hold,
            carrier_id=str(self.by.carrier_id),
            parcel_id=str(parcel_id),
            label_macs=(mac(keys.k_locker, "label", self.asked.label.key),),
            w_mm=demand.w_mm,
            h_mm=demand.h_mm,
            d_mm=demand.d_mm,
            g=demand.g,
            needs=demand.needs,
            code_mac=macs.code,
            long_code_mac=macs.long_code,
            qr_mac=macs.qr,
            deposit_by=self.asked.deposit_by,
        )


def box_of(asked: Asked) -> Row:
    """Return the columns of what it needs."""
    box = asked.demand
    needs = list(box.needs)
    return {"w_mm": box.w_mm, "h_mm": box.h_mm, "d_mm": box.d_mm, "g": box.g, "needs": needs}


def reservation_row(asked: Asked, by: Caller, ids: Ids) -> Row:
    """Return what a reservation says of its request, whatever became of it."""
    return {
        **box_of(asked),
        "locker_id": asked.locker_id,
        "id": ids["reservation_id"],
        "carrier_id": by.carrier_id,
        "acted_by": by.acted_by,
        "parcel_id": ids["parcel_id"],
        "right_id": ids["right_id"],
        "label_kind": asked.label_kind,
        "label_value": asked.label.value,
        "label_key": asked.label.key,
        "size_class": asked.size_class,
        "hold": asked.hold,
        "reserve_until": asked.reserve_until,
        "deposit_by": asked.deposit_by,
        "collect_within_s": asked.collect_within_s,
        "code_at": asked.code_at,
    }


def was_confirmed(row: Mapping[str, Any]) -> bool:
    """Say whether there ever was a parcel and a right under it."""
    if row.get("cut_off") is None:
        return True
    return row["decision_id"] is not None and row["state"] != "rejected"


def view(row: Mapping[str, Any], *, delivered: bool) -> Row:
    """Show a reservation to its carrier, without any code."""
    there, cut_off = was_confirmed(row), row.get("cut_off")
    decision_id = row["id"] if cut_off is None else row["decision_id"]
    decided_at = row.get("decided_at") or cut_off or row["created_at"]
    return {
        "id": str(row["id"]),
        "state": row["state"],
        "parcel_id": str(row["parcel_id"]) if there else None,
        "right_id": str(row["right_id"]) if there else None,
        "locker_id": row["locker_id"],
        "label": {"kind": row["label_kind"], "value": row["label_value"]},
        "dimensions": {name: row[name] for name in ("w_mm", "h_mm", "d_mm", "g")},
        "size_class": row["size_class"],
        "needs": row["needs"],
        "hold": row["hold"],
        "reserve_until": row["reserve_until"] and instant(row["reserve_until"]),
        "deposit_by": instant(row["deposit_by"]),
        "collect_within": duration_of(row["collect_within_s"]),
        "code_at": row["code_at"],
        "acted_by": row["acted_by"] and str(row["acted_by"]),
        "delivered_to_locker": delivered,
        "created_at": instant(row["created_at"]),
        "cut_off": cut_off and instant(cut_off),
        "decided_at": instant(decided_at),
        "decision_id": decision_id and str(decision_id),
        "reject_reason": row["reject_reason"],
        "alternatives": row.get("alternatives"),
    }
