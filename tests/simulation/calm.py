"""The calm after the days: no fault any more, and whatever is under way comes to its end."""

import random
from typing import TYPE_CHECKING

from tests.judge import history
from tests.simulation.cabinet import Cabinet
from tests.simulation.shipments import Shipment
from tests.simulation.visitors import Courier, Kiosk, resident
from tests.simulation.world import Going

if TYPE_CHECKING:
    from tests.simulation.life import Life

HOUR_S = 3600.0
SETTLE_S = 11 * HOUR_S
"""Once faults stop and nobody new comes, all is done within this."""
ROUNDS, ROUND_S = 6, 1.4 * HOUR_S


def begin(life: "Life") -> None:
    """No fault from here on: what is broken is mended, what is down comes up."""
    world = life.world
    world.faulty = world.wire.faulty = False
    world.installation.doom = None
    for cabinet in world.cabinets.values():
        cabinet.doom = None
        cabinet.asleep = False
        cabinet.medium.heal()
        world.wire.line(cabinet.locker_id).cut.clear()
        world.connect(cabinet)
    world.chronicle.note(history.Calm, settle_s=SETTLE_S - 2 * HOUR_S)
    for cabinet in world.cabinets.values():
        world.go(_tidy(life, cabinet, world.chance(f"tidy/{cabinet.locker_id}")), HOUR_S)


def _tidy(life: "Life", cabinet: Cabinet, rng: random.Random) -> Going:
    """What is still under way comes to its end: rounds, badges, recipients, cancellations."""
    for turn in range(ROUNDS):
        if turn == ROUNDS - 1:
            for carrier in life.carriers:
                carrier.read_all()
        yield from life.operator.rounds(cabinet, rng)
        for one in life.shipments:
            if one.locker_id == cabinet.locker_id and one.parcel_id:
                yield from _finish(life, one, turn, rng)
        for carrier in life.carriers:
            if turn % 2:
                token = yield from carrier.badge((cabinet.locker_id,), ("deposit", "remove"))
                kiosk = Kiosk(life.world, cabinet)
                courier = Courier(kiosk, f"{carrier.name}-calm-{turn}", rng, token=token)
                yield from courier.visit((), sweeps=True)
        yield ROUND_S


def _finish(life: "Life", one: Shipment, turn: int, rng: random.Random) -> Going:
    """Ask what became of a parcel, and do what ends it."""
    if one.state in ("gone", "ended"):
        return
    said = one.carrier.look(one)
    state = said.body.get("state", "")
    if state in ("expected", "expected_soft") and one.reservation_id:
        one.carrier.cancel(one)
    elif state in ("deposited", "overdue") and one.kind != "drop_off":
        if life.world.places.get(one.label) == one.locker_id:
            one.carrier.read_code(one)
            kiosk = Kiosk(life.world, life.world.cabinets[one.locker_id])
            life.world.go(resident(kiosk, one, rng), 5.0)
            yield 60.0
        elif turn > 1:
            one.carrier.upon(one, "dispute", reason="nothing there")
    elif (state == "dropped_off" and turn > 1) or state == "deposited":
        one.carrier.upon(one, "recall")  # one that was adopted is `deposited`
    elif (
        state in ("recalled", "overdue")
        and turn > 2
        and life.world.places.get(one.label) != one.locker_id
    ):
        one.carrier.upon(one, "dispute", reason="nothing there")
    yield 0.0


def look_at_all(life: "Life") -> None:
    """Ask once more what became of everything."""
    for one in life.shipments:
        for former_id in one.former_ids:
            one.carrier.look(one, former_id)
        if one.parcel_id:
            one.carrier.look(one)
