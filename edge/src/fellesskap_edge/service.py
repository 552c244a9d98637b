"""What a compartment is good for: in service, suspect, out; and which claims that leaves. Pure.

Where the physical world takes capacity away, the claims that can no longer be served are said in
the same step (I2); which of them is diverted is the backend's choice.
"""

from datetime import timedelta

import msgspec

from fellesskap_edge.choosing import bound, hard_claims, may_hold
from fellesskap_edge.door import answered
from fellesskap_edge.facts import Powerless
from fellesskap_edge.state import (
    BankContact,
    BankPower,
    Controller,
    Draft,
    Forget,
    Keep,
    KeyTurned,
    Record,
    demand_of,
)
from fellesskap_protocol.capacity import Matching
from fellesskap_protocol.events import (
    Content,
    Fault,
    Overcommitted,
    Service,
    ServiceChanged,
    Serving,
)

SERVING_S = 900.0
POWER = "power cut"
"""Why the doors of a bank are out of service whose relay stays on."""
SERVICE_MODE_S = 1800.0
"""Service mode ends by itself, should somebody forget the key in the switch."""


def out_of_reach(draft: Draft, number: int) -> bool:
    """Say whether the board of a door does not answer, or its coil has no power."""
    bank = draft.c.wiring[number].bank
    return bank not in draft.c.answering or bank in draft.c.powerless


def serve(draft: Draft) -> None:
    """Prove the interval since the last proof: what the answering boards' doors could serve."""
    since = draft.c.serving_since
    served = tuple(
        number
        for number in sorted(draft.c.wiring)
        if not out_of_reach(draft, number) and draft.c.places[number].service != "out"
    )
    if since is not None and served:
        # Measured by the clock that nobody sets, told by the newest idea of the time.
        began = draft.now.wall - timedelta(seconds=draft.now.mono_s - since)
        draft.say(Record(Serving(compartments=served, from_=began, to=draft.now.wall)))
    draft.change(serving_since=draft.now.mono_s)


def serve_in_time(draft: Draft) -> None:
    """Prove it at least every 15 minutes: the signed heartbeat too."""
    since = draft.c.serving_since
    if since is not None and draft.now.mono_s >= since + SERVING_S:
        serve(draft)


def contact(draft: Draft, event: BankContact) -> None:
    """Take in that a board fell silent or answers; the interval it served in ends or begins."""
    serve(draft)
    change = draft.c.answering.union if event.answering else draft.c.answering.difference
    draft.change(answering=change({event.bank}), serving_since=draft.now.mono_s)
    if event.answering:
        for number, wired in draft.c.wiring.items():
            if wired.bank == event.bank:
                draft.c.doors[number] = answered(draft.c.doors[number], draft.now.mono_s)
    what = "ok" if event.answering else "silent"
    draft.say(Record(Fault(part=f"bank {event.bank}", what=what, since=draft.now.wall)))


def power_changed(draft: Draft, event: BankPower) -> None:
    """Take the doors of a bank whose power was cut out of service; give back what that took.

    What an operator, or anything else, said of a door meanwhile stands.
    """
    bank, cut = event.bank, draft.c.powerless.get(event.bank)
    if event.on is (cut is None):
        return
    serve(draft)
    if cut is None:
        doors = [n for n in sorted(draft.c.wiring) if draft.c.wiring[n].bank == bank]
        services = {n: draft.c.places[n].service for n in doors}
        cut = Powerless({n: was for n, was in services.items() if was != "out"})
        draft.c.powerless[bank] = cut
        draft.say(Keep("powerless", bank, cut))
        changes: dict[int, Service] = dict.fromkeys(cut.was, "out")
    else:
        del draft.c.powerless[bank]
        draft.say(Forget("powerless", bank))
        changes = cut.was
    what = "ok" if event.on else f"cut: {event.why}"
    draft.say(Record(Fault(part=f"power of bank {bank}", what=what, since=draft.now.wall)))
    for number, to in changes.items():
        _set_service(draft, number, to, POWER)
    say_overcommitted(draft)


def change_service(
    draft: Draft, number: int, to: Service, cause: str, *, content: Content | None = None
) -> None:
    """Take a compartment into or out of service, and say which claims have no room any more."""
    place = draft.c.places[number]
    if place.service != to and "out" in (place.service, to) and draft.c.serving_since is not None:
        serve(draft)
    bank = draft.c.wiring[number].bank
    if cut := draft.c.powerless.get(bank):
        left = Powerless({n: was for n, was in cut.was.items() if n != number})
        draft.c.powerless[bank] = left
        draft.say(Keep("powerless", bank, left))
    _set_service(draft, number, to, cause, content=content)
    say_overcommitted(draft)


def _set_service(
    draft: Draft, number: int, to: Service, cause: str, *, content: Content | None = None
) -> None:
    place = draft.c.places[number]
    draft.say(Record(ServiceChanged(compartment=number, from_=place.service, to=to, cause=cause)))
    draft.place(
        number, msgspec.structs.replace(place, service=to, content=content or place.content)
    )


def say_overcommitted(draft: Draft) -> None:
    """Say which claims can no longer all be served.

    Kept in the order of their ids, which is that of their making (UUIDv7).
    """
    taken = bound(draft.c)
    matching = Matching(
        wired.compartment
        for number, wired in draft.c.wiring.items()
        if may_hold(draft, number) and number not in taken.values()
    )
    lost = tuple(
        right.id
        for right in hard_claims(draft)
        if right.id not in taken and not matching.add(demand_of(right))
    )
    if lost:
        draft.say(Record(Overcommitted(right_ids=lost)))


def say_what_is_left(draft: Draft, before: Controller) -> None:
    """Say which claims lost their room as one left a door that was taken out of service in use."""
    left = dict(bound(before).items() - bound(draft.c).items())
    waiting = [right.id for right in hard_claims(draft) if right.id in left] if left else ()
    if all(may_hold(draft, left[name]) for name in waiting):
        return
    if not any(isinstance(e, Record) and isinstance(e.event, Overcommitted) for e in draft.effects):
        say_overcommitted(draft)


def key_turned(draft: Draft, event: KeyTurned) -> None:
    """Begin or end service mode: the key alone lifts no limit, two operators have to sign too."""
    until = draft.now.mono_s + SERVICE_MODE_S if event.on else 0.0
    draft.change(key_until=until)
    draft.say(Record(_key_fault(draft, on=event.on)))


def end_service_mode(draft: Draft) -> None:
    """End it when its time is over."""
    if 0.0 < draft.c.key_until <= draft.now.mono_s:
        draft.change(key_until=0.0)
        draft.say(Record(_key_fault(draft, on=False)))


def _key_fault(draft: Draft, *, on: bool) -> Fault:
    return Fault(part="service key", what="turned on" if on else "ok", since=draft.now.wall)
