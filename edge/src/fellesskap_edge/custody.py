"""What lies where, told anew: for a backend that asks, and after a history that broke off. Pure."""

from datetime import datetime
from typing import Literal

import msgspec

from fellesskap_edge.config import LockerConfig
from fellesskap_edge.facts import Place, Position
from fellesskap_edge.state import Controller, Draft, Forget, Keep, Record
from fellesskap_protocol.events import CustodyReported, HardwareDescribed, StoreCreated

Reason = Literal["commissioned", "lost", "damaged", "went_back"]


def reports(controller: Controller, since: datetime) -> list[CustodyReported]:
    """Return one report per compartment believed occupied; the last is `complete`.

    Where nothing lies there is one of compartment 0 and no parcel (docs/decisions/0027). A parcel
    that a resident did not find is told, in dispute as it is, until its right is revoked.
    """
    held = [
        (number, right)
        for number, place in sorted(controller.places.items())
        if (right := controller.rights.get(place.right_id or "")) and right.parcel_id
        if place.content == "parcel" or not right.revoked
    ]
    if not held:
        nothing = CustodyReported(
            compartment=0, parcel_id="", carrier_id="", since=since, complete=True
        )
        return [nothing]
    return [
        CustodyReported(
            compartment=number,
            parcel_id=right.parcel_id or "",
            carrier_id=right.carrier_id or "",
            right_id=right.id,
            code_mac=right.code_mac,
            long_code_mac=right.long_code_mac,
            qr_mac=right.qr_mac,
            label_mac=right.label_macs[0] if right.label_macs else None,
            since=since,
            complete=turn == len(held),
        )
        for turn, (number, right) in enumerate(held, start=1)
    ]


def hardware(config: LockerConfig) -> HardwareDescribed:
    """Describe the geometry."""
    geometry = tuple(one.geometry for one in config.compartments)
    return HardwareDescribed(compartments=geometry, digest=config.digest)


def begin_epoch(draft: Draft, config: LockerConfig, reason: Reason) -> None:
    """Say the first events of a new epoch; only rights that hold a parcel are kept.

    Whoever commissions a locker vouches that it is empty. In any other new epoch a compartment of
    which nothing proves that it is empty is `unknown`: it is offered last, and asked about.
    """
    draft.say(Record(StoreCreated(reason=reason)), Record(hardware(config)))
    holding = {place.right_id for place in draft.c.places.values()}
    for name in list(draft.c.used):
        del draft.c.used[name]
        draft.say(Forget("used", name))
    for right in list(draft.c.rights.values()):
        if right.kind != "collect" and right.id not in holding:
            del draft.c.rights[right.id]
            draft.say(Forget("right", right.id))
    draft.change(position=Position())
    draft.say(Keep("position", "rights", Position()))
    if reason == "commissioned":
        return
    for number, place in list(draft.c.places.items()):
        sensor = draft.c.wiring[number].compartment.occupancy_sensor
        if place.content == "empty" and not sensor:
            draft.place(number, msgspec.structs.replace(place, content="unknown"))
        elif place.content == "parcel" and place.right_id not in draft.c.rights:
            draft.place(number, Place("unknown", place.service))
    draft.say(*(Record(report) for report in reports(draft.c, draft.now.wall)))
