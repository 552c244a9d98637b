"""The true stories, each short enough to be read; `TRUE` by name."""

from collections.abc import Callable
from itertools import product
from typing import Any

import msgspec

from fellesskap_protocol.events import (
    Fault,
    Overcommitted,
    Presented,
    Pulsed,
    Reported,
    ServiceChanged,
)
from fellesskap_protocol.messages import Right
from tests.judge import history
from tests.judge.story import CARRIER, HERE, START, Story

ALLOWANCE = Right(id="allowance-s", kind="allowance", size_class="S", granted=2)


def a_parcel() -> list[Any]:
    """One parcel from the reservation to the resident, and a look again."""
    story = Story()
    story.commission()
    story.deliver()
    story.reserve(1)
    story.deliver()
    story.told(1, "reservation.confirmed", 1)
    story.looks(1, "expected", reservation="confirmed")
    story.deposit(1, 1)
    story.deliver()
    story.told(1, "parcel.deposited", 2)
    story.looks(1, "deposited", reservation="fulfilled")
    story.serves(3_000)
    story.deliver()
    story.collect(1, 1)
    story.deliver()
    story.told(1, "parcel.collected", 3)
    story.looks(1, "collected")
    story.types(1)
    story.opens(1, "again-1", kind="code")
    story.shuts(1, "again-1")
    return story.end()


def two_low_parcels() -> list[Any]:
    """Two parcels for people who need a low door; one finds its first door too small."""
    story = Story()
    story.commission()
    story.reserve(1, needs=["low"])
    story.reserve(2, needs=["low"])
    story.deliver()
    story.deposit(1, 2)
    story.deposit(2, 3)
    story.deliver()
    story.collect(2, 3)
    story.collect(1, 2)
    story.deliver()
    story.calm()
    kinds = ("deposited", "collected")
    for position, (kind, n) in enumerate(product(kinds, (1, 2)), start=1):
        story.told(n, f"parcel.{kind}", position)
    return story.end(calm=False)


def two_doors_at_once() -> list[Any]:
    """Two people open once more at once, each at a bank that has a supply of its own."""
    story, both = Story(), ((1, 1), (2, 3))
    story.commission()
    for n, number in both:
        story.reserve(n)
        story.deposit(n, number)
    for n, number in both:
        story.collect(n, number)
    for n, number in both:
        story.types(n)
        story.pulses(number, f"again-{n}", kind="code")
    for n, number in both:
        story.lets_go(number, f"again-{n}")
    for n, number in both:
        story.shuts(number, f"again-{n}")
    story.deliver()
    return story.end()


def a_courier_removes() -> list[Any]:
    """A parcel is overdue, and a courier with a badge takes it out; the operator opens a door."""
    story = Story()
    story.commission()
    story.reserve(1, collect_within_s=8_000.0)
    story.deliver()
    story.deposit(1, 1)
    story.serves(8_100)
    story.deliver()
    story.told(1, "parcel.overdue", 1)
    story.looks(1, "overdue")
    remove = Right(id="remove-1", kind="remove", carrier_id=CARRIER, parcel_id="parcel-1")
    story.wish(remove)
    story.apply()
    story.badge()
    story.remove(1, 1)
    story.deliver()
    story.told(1, "parcel.removed", 2)
    story.open_remotely(3, "jti-1")
    story.wait(60.0)
    story.open_remotely(4, "jti-2")
    story.deliver()
    story.calm()
    story.looks_after("jti-2", "closed")
    return story.end(calm=False)


def offline() -> list[Any]:
    """A locker without network takes a parcel in and hands it out, over a restart."""
    story = Story()
    story.commission()
    story.reserve(1)
    story.deliver()
    story.tell(history.Contact, locker=HERE, up=False)
    story.wait(100.0)
    story.deposit(1, 1)
    story.restart()
    story.serves(1_800)
    story.collect(1, 1)
    story.wait(300.0)
    story.tell(history.Contact, locker=HERE, up=True)
    story.deliver()
    story.looks(1, "collected")
    return story.end()


def a_lost_store() -> list[Any]:
    """A card dies with a parcel inside; the backend knows where it lies, and it is handed out."""
    story = Story()
    story.commission()
    right = story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.tell(history.Fault, layer="disk", kind="card_dead", where=HERE)
    story.wait(60.0)
    story.commission("epoch-2", "lost")
    story.reports()
    story.deliver()
    story.wish(msgspec.structs.replace(right, kind="collect", compartment=1))
    story.apply()
    story.deliver()
    story.collect(1, 1)
    story.deliver()
    return story.end()


def a_store_goes_back() -> list[Any]:
    """An old copy is put back: the ledger refuses it, and a new epoch tells what lies there."""
    story = Story()
    story.commission()
    right = story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.tell(history.Restored, part=f"edge:{HERE}", to=story.at - 1.0)
    story.wait(60.0)
    story.tell(history.Part, part=f"edge:{HERE}", state="up")
    story.tell(history.Head, of="store", locker=HERE, epoch="epoch-1", seq=3)
    story.tell(history.Acked, locker=HERE, epoch="epoch-1", seq=story.seq, verdict="refused")
    story.commission("epoch-2", "went_back")
    story.reports(1, 1)
    story.deliver()
    story.wish(msgspec.structs.replace(right, kind="collect", compartment=1))
    story.apply()
    story.collect(1, 1)
    story.deliver()
    return story.end()


def a_full_locker() -> list[Any]:
    """Four claims fill a locker; one is cancelled, and its room is promised once it was let go."""
    story = Story()
    story.commission()
    story.deliver()
    for n in (1, 2, 3, 4):
        story.reserve(n)
    story.deliver()
    story.ask(f"carrier:{CARRIER}", "cancel", {}, target="parcel-2", key="cancel-2")
    story.looks(2, "cancelled", reservation="cancelled")
    story.wish(remove=("right-2",))
    story.apply()
    story.deliver()
    story.reserve(5)
    story.deliver()
    story.deposit(1, 1)
    story.deposit(3, 2)
    story.deposit(4, 3)
    story.deposit(5, 4)
    story.deliver()
    return story.end()


def a_broken_door() -> list[Any]:
    """Four claims, and a door that breaks: one of them has no room, and that is said."""
    story = Story()
    story.commission()
    for n in (1, 2, 3, 4):
        story.reserve(n, deposit_by_s=1_000.0)
    story.deliver()
    story.write(
        Reported(what="broken", compartment=4),
        ServiceChanged(compartment=4, from_="in", to="out", cause="reported broken"),
        Overcommitted(right_ids=("right-4",)),
    )
    story.deliver()
    story.wish(remove=("right-4",))
    story.apply()
    story.told(4, "reservation.diverted", 1)
    for n in (1, 2, 3):
        story.deposit(n, n)
    story.deliver()
    for n in (1, 2, 3):
        story.told(n, "parcel.deposited", n + 1)
    story.wait(1_000.0)
    return story.end()


def the_allowance() -> list[Any]:
    """A soft claim and a drop-off draw on the allowance; a courier takes the drop-off out."""
    story = Story()
    story.commission()
    story.wish(ALLOWANCE)
    story.apply()
    story.reserve(1, hold="soft")
    drop = Right(
        id="right-2",
        kind="drop_off",
        carrier_id=CARRIER,
        parcel_id="parcel-2",
        w_mm=300,
        h_mm=100,
        d_mm=200,
        code_mac="mac-code-2",
    )
    story.ask(
        f"carrier:{CARRIER}",
        "drop_off",
        {"parcel_id": "parcel-2", "state": "authorised"},
        key="drop-2",
        body={"locker": HERE},
    )
    story.wish(drop)
    story.apply()
    story.deliver()
    story.reserve(3)
    story.reserve(4)
    story.deposit(1, 1, allowance_class="S")
    story.drawn = {"S": 1}
    story.drop_off(2, 2)
    story.deposit(3, 3)
    story.deposit(4, 4)
    story.deliver()
    story.wish(Right(id="remove-2", kind="remove", carrier_id=CARRIER, parcel_id="parcel-2"))
    story.apply()
    story.badge()
    story.remove(2, 2)
    story.deliver()
    story.told(2, "parcel.picked_up", 1)
    story.looks(2, "picked_up")
    return story.end()


def a_backup_of_a_time_before() -> list[Any]:
    """A backup is put back, and the store has dropped some of what the ledger then lacks."""
    story = Story()
    story.commission()
    story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    story.told(1, "reservation.confirmed", 1)
    story.tell(history.Restored, part="backend", to=50.0)
    story.wait(60.0)
    kept = [one for one in story.records if isinstance(one, history.Recorded)][6:]
    story.tell(history.Gap, locker=HERE, epoch=story.epoch, first=4, last=6)
    for one in kept:
        story.tell(history.Recorded, locker=HERE, epoch=story.epoch, event=one.event)
    story.collect(1, 1)
    story.deliver()
    story.told(1, "parcel.deposited", 2)
    story.told(1, "parcel.collected", 1_000)
    return story.end()


def asked_again() -> list[Any]:
    """A reservation whose answer was lost is asked for again, twice, under its key."""
    story = Story()
    story.commission()
    story.deliver()
    body = {"locker": HERE, "label": "label-1", "deposit_by_s": 90_000.0}
    asks = {"key": "key-1", "body": body}
    who = f"carrier:{CARRIER}"
    lost = story.ask(who, "reserve", None, **asks)
    story.tell(history.Answered, op=lost.op, outcome="unknown")
    story.told(1, "reservation.confirmed", 1)
    answer = {"parcel_id": "parcel-1", "state": "confirmed"}
    story.ask(who, "reserve", answer, **asks)
    story.ask(who, "reserve", answer, **asks)
    full = story.ask(who, "reserve", None, key="key-2", body=body)
    story.tell(
        history.Answered, op=full.op, outcome="fail", status=409, body={"reason": "locker_full"}
    )
    full = story.ask(who, "reserve", None, key="key-2", body=body)
    story.tell(
        history.Answered, op=full.op, outcome="fail", status=409, body={"reason": "locker_full"}
    )
    story.open_remotely(1, "jti-1")
    return story.end()


def remote_opens() -> list[Any]:
    """As many remote opens as may be; more with the key turned and two operators."""
    story = Story()
    story.commission()
    for n in range(6):
        story.open_remotely(1 + n % 4, f"jti-{n}")
        story.wait(10.0)
    story.wait(520.0)
    story.open_remotely(3, "jti-6")
    story.write(Fault(part="service key", what="turned on", since=START))
    for n in range(7, 14):
        story.open_remotely(1 + n % 4, f"jti-{n}", "two_operators")
    story.write(Fault(part="service key", what="ok", since=START))
    story.deliver()
    return story.end()


def a_large_and_a_small() -> list[Any]:
    """A small parcel leaves the large door to the large one; it is collected in the calm."""
    story = Story()
    story.commission()
    story.reserve(1)
    story.reserve(2, w_mm=580)
    story.reserve(3, w_mm=580)
    story.deposit(1, 1)
    story.deposit(2, 3)
    story.deposit(3, 4)
    story.deliver()
    story.calm()
    story.collect(2, 3)
    story.deliver()
    return story.end(calm=False)


def a_daemon_dies_as_it_opens() -> list[Any]:
    """What it wrote in the moment of its death comes to light when it runs again, much later."""
    story = Story()
    story.commission()
    story.reserve(1)
    story.deposit(1, 1)
    story.deliver()
    story.types(1)
    story.tell(history.Part, part=f"edge:{HERE}", state="down")
    story.wait(30.0)
    name, door = "never", 1
    story.write(
        Presented(
            kind="code",
            outcome="authorised",
            authorisation_id=name,
            compartment=door,
            right_id="right-1",
        ),
        Pulsed(authorisation_id=name, compartment=door, attempt=1),
    )
    story.restart()
    story.deliver()
    story.collect(1, 1)
    story.deliver()
    return story.end()


TRUE: dict[str, Callable[[], list[Any]]] = {
    one.__name__: one
    for one in (
        a_parcel,
        two_low_parcels,
        two_doors_at_once,
        a_courier_removes,
        offline,
        a_lost_store,
        a_store_goes_back,
        a_full_locker,
        a_broken_door,
        the_allowance,
        a_backup_of_a_time_before,
        asked_again,
        remote_opens,
        a_large_and_a_small,
        a_daemon_dies_as_it_opens,
    )
}
