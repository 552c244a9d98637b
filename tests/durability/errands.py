"""What people do with a badge, or with a code that lets them send something; and their rights."""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from fellesskap_edge.spoken import Told
from fellesskap_firmware_sim.badges import MAY, sign
from fellesskap_firmware_sim.plant import Act, Person
from fellesskap_protocol.codes import mac
from fellesskap_protocol.events import Deposited, DroppedOff, Removed
from fellesskap_protocol.messages import Badge, Right
from tests.durability.visits import TRIES_MAX, Visits, code, label
from tests.simulation.backend import CARRIER, INSTALLATION

BADGE_S = 7200


# Rights ------------------------------------------------------------------------------------------


def allowance(granted: int) -> Right:
    """So many small boxes that the locker may give away by itself."""
    box = Right(id="allowance-S", kind="allowance", size_class="S", granted=granted)
    return replace(box, w_mm=300, h_mm=100, d_mm=200)


def drop_off(locker: Visits, number: int) -> Right:
    """Return the right to send a small parcel by the code of its number."""
    right = Right(id=f"right-{number:06d}", kind="drop_off", parcel_id=f"parcel-{number:06d}")
    small = replace(right, carrier_id=CARRIER, w_mm=300, h_mm=100, d_mm=200, g=900)
    return _with_code(small, locker, number)


def removal(number: int) -> Right:
    """Return the right to take a parcel out: it is overdue, recalled or on its way back."""
    return Right(
        id=f"remove-{number:06d}",
        kind="remove",
        carrier_id=CARRIER,
        parcel_id=f"parcel-{number:06d}",
    )


def found(locker: Visits, number: int) -> Right:
    """Return what the backend makes of an unannounced parcel: its recipient may collect it."""
    lies = unannounced(locker, number)[0]
    right = Right(id=f"found-{number:06d}", kind="collect", parcel_id=lies.parcel_id)
    there = replace(right, carrier_id=CARRIER, compartment=lies.compartment)
    return _with_code(there, locker, number)


def chilled(locker: Visits, number: int) -> Right:
    """Return the claim of a parcel that must stay cold."""
    return replace(locker.backend.claim(number, label(number), code(number)), needs=("chilled",))


def _with_code(right: Right, locker: Visits, number: int) -> Right:
    digits, k_locker = code(number), locker.backend.k_locker
    return replace(
        right,
        code_mac=mac(k_locker, "code", digits[:8]),
        long_code_mac=mac(k_locker, "long_code", digits),
    )


# Acts --------------------------------------------------------------------------------------------


def stand_by(locker: Visits, act: Act, times: int = 1, *, open_s: float | None = None) -> None:
    """Let somebody act so many times, wherever a door opens, for a minute."""
    for _ in range(times):
        person = Person(act, open_s=open_s or locker.rng.uniform(2.1, 15))
        locker.hardware.plant.person(person, locker.now_s)
        locker.after(60, partial(locker.hardware.plant.leave, person))


def show_badge(locker: Visits, jti: str) -> Told | None:
    """Hold a badge of this name before the scanner; return what is shown."""
    now = int(locker.instant.wall.timestamp())
    badge = Badge(
        iat=now,
        iss=INSTALLATION,
        aud=INSTALLATION,
        jti=jti,
        carriers=(CARRIER,),
        lockers=(locker.config.locker.id,),
        may=MAY,
        exp=now + BADGE_S,
    )
    locker.scan(sign(badge, locker.backend.key))
    locker.wait(2)
    told = locker.shown()
    return told.outcome if told else None


def put_in_once(locker: Visits, number: int) -> None:
    """Stand by with a parcel that is expected and scan it; it goes into the door that opens."""
    stand_by(locker, "put_in")
    locker.scan(label(number))
    locker.wait(40)


def send_once(locker: Visits, number: int) -> None:
    """Stand by with a parcel and type the code; it goes into the door that opens."""
    stand_by(locker, "put_in")
    locker.type_code(code(number)[:8])
    locker.wait(40)


def send(locker: Visits, number: int) -> None:
    """Come back until the parcel lies in the locker."""
    _until(locker, lambda: bool(dropped_off(locker, number)), lambda: send_once(locker, number))


def bring_once(locker: Visits, number: int) -> None:
    """Show a badge, scan a label that nobody announced, choose a size, put the parcel in."""
    show_badge(locker, "brings")
    locker.scan(label(number))
    locker.wait(1.5)
    stand_by(locker, "put_in")
    locker.press("size", "S")
    locker.wait(40)


def bring(locker: Visits, number: int) -> None:
    """Come back until the parcel lies in the locker."""
    _until(locker, lambda: bool(unannounced(locker, number)), lambda: bring_once(locker, number))


def fetch(locker: Visits, number: int) -> None:
    """Let the recipient of an unannounced parcel come until they have it."""
    parcel_id = unannounced(locker, number)[0].parcel_id
    taken = locker.checker.collected
    _until(locker, lambda: parcel_id in taken, lambda: locker.collect_once(number))


def sweep_once(locker: Visits, parcels: int, jti: str = "sweeps") -> Told | None:
    """Show a badge and take out what it lets one take out; return what pressing the key said."""
    show_badge(locker, jti)
    stand_by(locker, "take_out", parcels)
    answer = locker.press("take_out")
    locker.wait(60)
    return answer.outcome if answer else None


def sweep(locker: Visits, *numbers: int) -> None:
    """Go on until these were taken out."""
    gone = {f"parcel-{number:06d}" for number in numbers}
    removed = locker.checker.removed
    _until(locker, lambda: gone <= removed, lambda: sweep_once(locker, len(gone - removed)))


def _until(locker: Visits, done: Callable[[], bool], once: Callable[[], object]) -> None:
    for _ in range(TRIES_MAX):
        if done():
            return
        once()
        locker.shut_what_stands_open()
        locker.wait(20)
    assert done(), f"tried {TRIES_MAX} times"


# What the journal says ---------------------------------------------------------------------------


def dropped_off(locker: Visits, number: int) -> list[DroppedOff]:
    """Return each time that this parcel was sent."""
    name = f"parcel-{number:06d}"
    events = locker.checker.events
    return [one for one in events if isinstance(one, DroppedOff) and one.parcel_id == name]


def unannounced(locker: Visits, number: int) -> list[Deposited]:
    """Return each time that a parcel with this label was put in unannounced."""
    name = f"opaque:{label(number)}"
    return [
        one for one in locker.checker.events if isinstance(one, Deposited) and one.label == name
    ]


def removed_parcels(locker: Visits) -> list[str]:
    """Return what was taken out, in order, as often as it was written."""
    return [one.parcel_id for one in locker.checker.events if isinstance(one, Removed)]


def full_doors(locker: Visits) -> list[int]:
    """Return behind which doors something really lies."""
    return [number for number, lock in locker.hardware.plant.locks.items() if lock.full]
