"""An attacker at the door and on the wire: guesses codes, copies labels, replays, forges."""

import random

from fellesskap_protocol.messages import Badge
from fellesskap_protocol.signing import SigningKey, seal
from fellesskap_protocol.topics import topic
from tests.judge import history
from tests.simulation.cabinet import Cabinet
from tests.simulation.visitors import Kiosk
from tests.simulation.world import Going, World

STRANGER = SigningKey(bytes([9]) * 32)
WHO = "attacker"


def at_the_door(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """Guess some codes, scan some labels, show a badge of one's own make, or a copied one."""
    kiosk, counts = Kiosk(world, cabinet), world.chronicle.counts
    for _ in range(rng.randrange(2, 6)):
        counts["wrong"] += 1
        digits = rng.choice((8, 8, 8, 12))
        op, _ = kiosk.type_code(WHO, f"{rng.randrange(10**digits):0{digits}d}")
        kiosk.leave(op, ok=False)
        yield rng.uniform(1, 4)
    if rng.random() < 0.5:
        counts["wrong"] += 1
        op, looks = kiosk.scan(WHO, f"GUESS{rng.getrandbits(32):08x}")
        yield from looks
        kiosk.leave(op, ok=False)
    if rng.random() < 0.3:
        counts["wrong"] += 1
        op, looks = kiosk.show_badge(WHO, _forged(world), holds=False)
        yield from looks
        kiosk.leave(op, ok=False)
    if world.jtis and rng.random() < 0.3:
        counts["wrong"] += 1
        op, looks = kiosk.show_badge(WHO, rng.choice(list(world.jtis)), holds=True)
        said = yield from looks
        kiosk.leave(op, ok=said is not None and said.outcome == "badge_accepted")


def on_the_wire(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """Say again what was overheard, to its receiver, at another time and perhaps changed."""
    line = world.wire.line(cabinet.locker_id)
    for _ in range(rng.randrange(2, 7)):
        if not line.heard:
            return
        direction, kind, payload = rng.choice(line.heard)
        if rng.random() < 0.3:
            payload = payload.rpartition(b".")[0] + b"." + b"A" * 86
        if direction == "up":
            world.backend_hears(topic(cabinet.locker_id, kind), payload)  # type: ignore[arg-type]
        else:
            cabinet.deliver(kind, payload)  # type: ignore[arg-type]
        world.chronicle.fault("wire", "replayed", cabinet.locker_id)
        yield rng.uniform(0.1, 60)


def _forged(world: World) -> str:
    installation = world.installation.secrets.installation
    iat = int(world.installation.now.timestamp())
    badge = Badge(
        iat=iat,
        iss=installation,
        aud=installation,
        jti="forged",
        carriers=("01930000-0000-7000-9000-000000000001",),
        lockers=tuple(world.cabinets),
        may=("deposit", "remove"),
        exp=iat + 3600,
    )
    return seal(badge, STRANGER).decode()


__all__ = ["WHO", "at_the_door", "history", "on_the_wire"]
