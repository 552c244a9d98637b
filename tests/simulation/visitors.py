"""Who stands before a locker: couriers with a bag and a badge, residents with a code.

Each is a generator that yields how long they wait. They see what the screen shows and what a door
does, and nothing else; who is told no comes again, or gives up.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from fellesskap_edge import inbox as rim
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Answer, TellCourier
from fellesskap_firmware_sim.plant import Act
from fellesskap_protocol.barcodes import UnreadableLabel, candidates
from fellesskap_protocol.codes import CODE_DIGITS, MacKind
from tests.judge import history
from tests.simulation import features
from tests.simulation.cabinet import Cabinet, Visitor
from tests.simulation.secrecy import label_of
from tests.simulation.shipments import Shipment
from tests.simulation.world import Going, World

SCREEN_S = 0.7
OLD_CODE = 0.5
"""How often somebody whose parcel has a new code tries the one before."""
PATIENCE_S = 12.0
TRIES_MAX = 12
FORGETS = 0.4
"""How often somebody opens once more, for what was forgotten."""
FORGOTTEN_S = ((5.0, 60.0), (5.0, 290.0))
"""How long after; and where it is crowded, until it is nearly too late."""
COMES_BACK, BACK_S = 0.1, (310.0, 3600.0)
"""How often somebody tries once more when it is too late for that, and when."""
TELLS = 0.7
"""How often a courier tells the carrier at once what was put in, as an app does."""
SAID_OF_A_DOOR: tuple[tuple[Key, float], ...] = (
    ("bigger", 0.03),
    ("occupied", 0.02),
    ("broken", 0.005),
    ("cancel", 0.02),
)
"""How often a courier says what of a door that stands open."""
SAID_OF_ONES_OWN: tuple[tuple[Key, float], ...] = (
    ("more_time", 0.03),
    ("not_me", 0.01),
    ("empty", 0.01),
    ("broken", 0.01),
)
"""The same of whoever fetches something, mistaken or not."""
DOOR_S = 0.6
"""A door that was shut is known to be shut."""
LATER = ("deposited", "left_open", "not_opened", "jammed", "jammed_out", "push_door", "noted")
"""What the screen tells of the door before, not of what was just shown."""
FULL_HANDS = ("opens", "check_empty")


class Kiosk:
    """The page and the scanner of one locker, as people use them."""

    def __init__(self, world: World, cabinet: Cabinet) -> None:
        self.world, self.cabinet = world, cabinet

    def _asked(self, who: str, act: history.Act, body: dict[str, object]) -> str:
        op = self.world.op()
        self.world.chronicle.note(
            history.Asked, op=op, who=who, act=act, target=self.cabinet.locker_id, body=body
        )
        return op

    def leave(self, op: str, *, ok: bool) -> None:
        """Say what came of it."""
        outcome = "ok" if ok else "fail"
        self.world.chronicle.note(history.Answered, op=op, outcome=outcome)

    def scan(self, who: str, label: str) -> tuple[str, Going]:
        """Hold a label before the scanner; the second yields, and returns what is shown."""
        cabinet = self.cabinet
        try:
            found = candidates(label.encode())
        except UnreadableLabel:
            found = ()
        macs = [self.world.mac(cabinet, "label", one.key) for one in found]
        return self._asked(who, "scan", {"macs": macs}), self._shown(label)

    def show_badge(self, who: str, token: str, *, holds: bool) -> tuple[str, Going]:
        """Hold a badge before the scanner."""
        jti = self.world.jtis.get(token, "forged")
        op = self._asked(who, "show_badge", {"jti": jti, "holds": holds})
        return op, self._shown("]Q3" + token)

    def _shown(self, label: str) -> Going:
        cabinet = self.cabinet
        cabinet.shown.clear()
        cabinet.answers.clear()
        cabinet.hardware.scan(label, self.world.now_s)
        yield SCREEN_S
        said = [one for one in cabinet.shown if one.outcome not in LATER]
        return said[-1] if said else None

    def press(self, key: Key, value: str = "") -> Answer | None:
        """Press a key."""
        self.cabinet.answers.clear()
        self.cabinet.give(rim.KeyPressed(key, value, "kiosk"))
        return self.cabinet.answers[0] if self.cabinet.answers else None

    def type_code(self, who: str, value: str, parcel_id: str = "") -> tuple[str, Answer | None]:
        """Type a code, or show a QR code, and see what is answered."""
        kind: MacKind = "code" if len(value) == CODE_DIGITS else "long_code"
        act: history.Act = "type_code"
        if value.startswith("FSK1:"):
            kind, act = "qr", "show_qr"
        body: dict[str, object] = {"macs": [self.world.mac(self.cabinet, kind, value)]}
        if parcel_id:
            body["parcel_id"] = parcel_id
        op = self._asked(who, act, body)
        self.cabinet.answers.clear()
        self.cabinet.give(rim.CodeTyped(value, "kiosk"))
        return op, self.cabinet.answers[0] if self.cabinet.answers else None

    def say_of(self, key: Key, number: int, who: str, rng: random.Random) -> Going:
        """Look behind the door that opens, and press a key while it stands open; return the answer.

        Whoever looked shuts it a little later, whatever goes on meanwhile.
        """
        cabinet = self.cabinet
        visitor = Visitor("nothing", number, open_s=rng.uniform(2.0, 5.0), who=who)
        opened = yield from self._stand_by(visitor)
        if not opened:
            return None
        left_s = max(0.0, visitor.shuts_at - self.world.now_s) + DOOR_S
        self.world.after(left_s, lambda: cabinet.visitors.remove(visitor))
        return self.press(key)

    def at_door(self, act: Act, number: int, who: str, item: str, rng: random.Random) -> Going:
        """Wait by a door, act when it opens, shut it; return whether it opened."""
        visitor = Visitor(act, number, open_s=rng.uniform(0.3, 1.0), who=who, item=item)
        opened = yield from self._stand_by(visitor)
        if opened:
            yield max(0.0, visitor.shuts_at - self.world.now_s) + DOOR_S
            self.cabinet.visitors.remove(visitor)
        return opened

    def _stand_by(self, visitor: Visitor) -> Going:
        """Wait for a door to open, for as long as one has patience; return whether it did."""
        cabinet = self.cabinet
        cabinet.visitors.append(visitor)
        cabinet.plant.person(visitor, self.world.now_s)
        waited = 0.0
        while visitor.shuts_at == float("inf") and waited < PATIENCE_S:
            yield 0.5
            waited += 0.5
        if visitor.shuts_at < float("inf"):
            return True
        cabinet.plant.leave(visitor)
        cabinet.visitors.remove(visitor)
        return False


class Courier:
    """Somebody with a bag at one locker."""

    def __init__(self, kiosk: Kiosk, name: str, rng: random.Random, *, token: str = "") -> None:
        self.kiosk, self.rng = kiosk, rng
        self.who = f"courier:{name}"
        self.token = token
        self.showed = False

    def visit(self, bag: Sequence[Shipment], *, sweeps: bool) -> Going:
        """Put in what is in the bag, take out what a badge may remove, say done."""
        counts = self.kiosk.world.chronicle.counts
        for one in bag:
            if self.kiosk.world.places.get(one.label):
                continue  # it lies there already, or is out again
            yield self.rng.uniform(0.3, 1.5)
            for _ in range(3):
                done = yield from self._deposit(one)
                if done:
                    right = one.locker_id == self.kiosk.cabinet.locker_id
                    if self.rng.random() < TELLS and right:
                        one.carrier.put_in(one)
                    break
                yield self.rng.uniform(2, 8)
            if self.rng.random() < 0.05:
                counts["wrong"] += 1
                op, looks = self.kiosk.scan(self.who, label_of(self.rng.getrandbits(40)))
                yield from looks
                self.kiosk.leave(op, ok=False)
        if sweeps and self.token:
            yield from self._sweep()
        self.kiosk.press("done")

    def _deposit(self, one: Shipment) -> Going:
        """Scan and put one parcel in; return whether it is out of the hands."""
        op, looks = self.kiosk.scan(self.who, one.label)
        said: TellCourier | Answer | None = yield from looks
        for _ in range(4):
            if said is None:
                break
            if said.outcome in ("badge_needed", "unknown") and self.token and not self.showed:
                yield from self._show_badge()
                said = yield from self.kiosk.scan(self.who, one.label)[1]
            elif said.outcome == "choose_size":
                said = self.kiosk.press("size", said.options[0])
            elif said.outcome == "choose_carrier":
                mine = one.carrier.id if one.carrier.id in said.options else said.options[0]
                said = self.kiosk.press("carrier", mine)
            elif said.outcome == "queued":
                yield 3.0
                said = yield from self.kiosk.scan(self.who, one.label)[1]
            else:
                break
        opened = False
        if said is not None and said.outcome in FULL_HANDS and said.compartment is not None:
            opened = yield from self._put_in(one, said.compartment)
        self.kiosk.leave(op, ok=opened)
        return opened

    def _put_in(self, one: Shipment, number: int) -> Going:
        """Put it in behind the door that opens; sometimes another one is better."""
        key = next((key for key, most in SAID_OF_A_DOOR if self.rng.random() < most), None)
        if self.kiosk.cabinet.lies.get(number):
            key = "occupied"  # whatever the locker believes
        for _ in range(2):
            if key is None:
                break
            other = yield from self.kiosk.say_of(key, number, self.who, self.rng)
            if other is None or other.outcome not in FULL_HANDS or other.compartment is None:
                return False
            number = other.compartment
            key = "occupied" if self.kiosk.cabinet.lies.get(number) else None
        done = yield from self.kiosk.at_door("put_in", number, self.who, one.label, self.rng)
        return done

    def _show_badge(self) -> Going:
        self.showed = True
        op, looks = self.kiosk.show_badge(self.who, self.token, holds=True)
        said = yield from looks
        self.kiosk.leave(op, ok=said is not None and said.outcome == "badge_accepted")

    def _sweep(self) -> Going:
        """Take out everything that the badge may remove."""
        if not self.showed:
            yield from self._show_badge()
        said: TellCourier | Answer | None = self.kiosk.press("take_out")
        for _ in range(8):
            if said is None or said.outcome != "opens" or said.compartment is None:
                return
            number = said.compartment
            self.kiosk.cabinet.shown.clear()
            yield from self.kiosk.at_door("take_out", number, self.who, "", self.rng)
            yield 1.0
            opens = [one for one in self.kiosk.cabinet.shown if one.outcome == "opens"]
            said = opens[-1] if opens else None


def resident(kiosk: Kiosk, one: Shipment, rng: random.Random) -> Going:
    """Fetch a parcel, or put one in; mistype, come again, open once more."""
    world, kind = kiosk.world, one.kind
    act: Act = "put_in" if kind == "drop_off" else "take_out"
    for turn in range(TRIES_MAX):
        if not one.code or one.state == "gone":
            return
        if turn > 2 and one.parcel_id and kind != "drop_off":
            one.carrier.read_code(one)
        if rng.random() < 0.15:
            yield from _mistype(kiosk, one, rng)
        if one.old_code and rng.random() < OLD_CODE:
            yield from _try(kiosk, one.with_old_code(), act, rng)
            if world.places.get(one.label) == "out":
                return
        opened = yield from _try(kiosk, one, act, rng)
        if opened:
            while rng.random() < FORGETS:
                yield rng.uniform(*FORGOTTEN_S[features.is_crowded(world.seed)])
                op, again = kiosk.type_code(one.resident, one.code[:CODE_DIGITS])
                if again is not None and again.outcome == "opens" and again.compartment:
                    number = again.compartment
                    yield from kiosk.at_door("nothing", number, one.resident, "", rng)
                kiosk.leave(op, ok=False)
            wanted = "out" if act == "take_out" else kiosk.cabinet.locker_id
            if world.places.get(one.label) == wanted:
                if rng.random() < COMES_BACK:
                    yield rng.uniform(*BACK_S)
                    _too_late(kiosk, one)
                return
        yield rng.uniform(120, 5400)


def neighbour(kiosk: Kiosk, one: Shipment, code: str, qr: str, *, rng: random.Random) -> Going:
    """Fetch somebody else's parcel by a code of one's own, unless it is gone already."""
    theirs = replace(one, code=code, qr=qr, parcel_id="")  # nobody promised that it opens
    for _ in range(TRIES_MAX):
        if kiosk.world.places.get(one.label) == "out":
            return
        yield from _try(kiosk, theirs, "take_out", rng)
        yield rng.uniform(120, 5400)


def _too_late(kiosk: Kiosk, one: Shipment) -> None:
    kiosk.world.chronicle.counts["wrong"] += 1
    op, said = kiosk.type_code(one.resident, one.code[:CODE_DIGITS])
    kiosk.leave(op, ok=said is not None and said.outcome in FULL_HANDS)


def _mistype(kiosk: Kiosk, one: Shipment, rng: random.Random) -> Going:
    at = rng.randrange(CODE_DIGITS)
    digit = (int(one.code[at]) + rng.randrange(1, 10)) % 10
    wrong = one.code[:at] + str(digit) + one.code[at + 1 : CODE_DIGITS]
    kiosk.world.chronicle.counts["wrong"] += 1
    op, _ = kiosk.type_code(one.resident, wrong)
    kiosk.leave(op, ok=False)
    yield rng.uniform(3, 10)


def _try(kiosk: Kiosk, one: Shipment, act: Act, rng: random.Random) -> Going:
    """Show or type the code and go to the door; return whether it opened."""
    value = one.qr if one.qr and rng.random() < 0.3 else one.code[:CODE_DIGITS]
    op, said = kiosk.type_code(one.resident, value, one.parcel_id)
    if said is not None and said.outcome == "long_code_needed":
        kiosk.leave(op, ok=False)
        yield 5.0
        op, said = kiosk.type_code(one.resident, one.code, one.parcel_id)
    opened = False
    if said is not None and said.outcome in FULL_HANDS and said.compartment is not None:
        number = said.compartment
        key = next((key for key, most in SAID_OF_ONES_OWN if rng.random() < most), None)
        if key is not None and act == "take_out":
            told = yield from kiosk.say_of(key, number, one.resident, rng)
            opened = told is not None
        else:
            opened = yield from kiosk.at_door(act, number, one.resident, one.label, rng)
    kiosk.leave(op, ok=opened)
    return opened
