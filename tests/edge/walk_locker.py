"""A locker that `drive_walk` walks, with what is around it: rights, a pipe, people."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from zlib import crc32

import msgspec

from fellesskap_edge.config import LockerConfig
from fellesskap_firmware_sim.plant import Act
from fellesskap_protocol.messages import Right
from fellesskap_protocol.topics import Kind
from tests.edge.outsider import Outsider
from tests.edge.walk_config import DOORS, LARGE, LOCKERS, PROBE, SMALL
from tests.memory import in_memory
from tests.simulation.office import STRANGER, Office, badge
from tests.simulation.stand import Stand
from tests.simulation.stand_parts import START

HARD, SOFT, SENT, TWINS = ("h1", "h2"), ("s1", "s2", "s3"), ("d1", "d2"), ("t1", "t2")
"""Two claims of rivals have one and the same label: the twins."""
NAMES = (*HARD, *SOFT, *SENT, *TWINS)
LARGE_ONES, LOW_ONES = {"h2", "s3"}, {"h2", "s2", "d2"}
CARRIER_OF = {name: ("red", "blue")[turn % 2] for turn, name in enumerate(NAMES)}
BOXES = {"S": SMALL, "L": LARGE}
IN_AN_HOUR = int((START + timedelta(hours=1)).timestamp())
BADGES = {
    "red": badge("red", "red"),
    "both": badge("both", "red", "blue"),
    "sweeper": badge("sweeper", "red", "blue", may=("remove",)),
    "brief": badge("brief", "red", "blue", exp=IN_AN_HOUR),
    "elsewhere": badge("elsewhere", "red", "blue", site="oslo"),
    "stolen": badge("stolen", "red", "blue"),
    "forged": badge("forged", "red", "blue", key=STRANGER),
}
ProbeFault = Literal["gone", "bad checksum", "power-on value"]
HEALTHY_S = 30.0
"""A bank that could be reached for so long is known to answer."""
MEMORY = in_memory(mib=32)
"""Power cuts are another test: here a journal may lie in memory."""


class WalkLocker:
    """A stand with an outsider who judges it, and the people and the backend around it."""

    def __init__(self, config: LockerConfig = LOCKERS["8a and pins"]) -> None:
        self._folder = TemporaryDirectory(prefix="fellesskap-walk-", dir=MEMORY)
        self.stand = Stand(config, Path(self._folder.name))
        self.office = Office(config.locker.id)
        self.outsider = Outsider(self.stand, self.office)
        self.stand.pipe = self._published
        self.probe_says(4.0)
        self.attentive = True
        """Whether the backend answers by itself."""
        self.turned = dict.fromkeys(NAMES, 0)
        """How often a right's code was changed."""
        self.carried: list[tuple[Kind, bytes]] = []
        """What reached the locker lately: it may come again."""
        self.tainted: set[int] = set()
        """Where people, hardware or a kill may have made the journal wrong about a parcel."""
        self.switched = [bank.name for bank in config.banks if bank.power_pin is not None]
        """Banks whose coils have their power by a pin."""
        self._attended: list[tuple[int, float, float]] = []
        self._facts = 0

    def close(self) -> None:
        """End it."""
        self.stand.kill()
        self._folder.cleanup()

    # Rights --------------------------------------------------------------------------------------

    def first_wish(self) -> list[Right]:
        """What a locker may do at the start."""
        named = [self.right(name) for name in NAMES]
        return [*named, self.allowance("S", 2), self.allowance("L", 1)]

    def right(self, name: str, **fields: Any) -> Right:
        """Return the right of a name, with its code of this moment."""
        kind: Literal["drop_off", "claim"] = "drop_off" if name in SENT else "claim"
        w_mm, h_mm, d_mm = LARGE if name in LARGE_ONES else SMALL
        label = self.office.mac("label", f"opaque:{self.label(name)}")
        right = self.office.right(
            name,
            kind,
            self.codes(name)[-1],
            hold="hard" if name in HARD else "soft",
            carrier_id=CARRIER_OF[name],
            label_macs=() if name in SENT else (label,),
            w_mm=w_mm,
            h_mm=h_mm,
            d_mm=d_mm,
            g=900,
            needs=("low",) if name in LOW_ONES else (),
        )
        return msgspec.structs.replace(right, **fields)

    def allowance(self, size_class: str, granted: int) -> Right:
        """Return what the locker may give away by itself, in boxes as large as its doors."""
        w_mm, h_mm, d_mm = BOXES[size_class]
        return Right(
            id=f"allowance-{size_class}",
            kind="allowance",
            size_class=size_class,
            granted=granted,
            w_mm=w_mm,
            h_mm=h_mm,
            d_mm=d_mm,
        )

    def label(self, name: str) -> str:
        """Return what the label of a right says."""
        return "TWIN" if name in TWINS else name.upper()

    def codes(self, name: str) -> list[str]:
        """Return the twelve digits of a right and those it had before, the newest last."""
        turns = range(self.turned.get(name, 0) + 1)
        return [f"{crc32(name.encode()) % 10_000:04d}{turn:02d}713502" for turn in turns]

    # The pipe ------------------------------------------------------------------------------------

    def _published(self, kind: Kind, payload: bytes) -> None:
        answers = self.office.hear(kind, payload, self.stand.wall)
        if self.attentive:
            for what, answer in answers:
                self._carry_soon(what, answer)

    def _carry_soon(self, kind: Kind, payload: bytes) -> None:
        self.stand.after(0.02, lambda: self.carry(kind, payload))

    def carry(self, kind: Kind, payload: bytes) -> None:
        """Let a message of the backend reach the locker."""
        if self.stand.connected:
            self.carried = [*self.carried[-20:], (kind, payload)]
            self.arrive(kind, payload)

    def arrive(self, kind: Kind, payload: bytes, *, retained: bool = False) -> None:
        """Let a message arrive; a retained one is none."""
        message = None if retained else self.outsider.comes(payload)
        self.stand.deliver(kind, payload, retained=retained)
        if message is not None and self.stand.drive is not None:
            self.outsider.has_come(message)

    # People --------------------------------------------------------------------------------------

    def scan(self, text: str) -> tuple[str, int | None]:
        """Hold a label before the scanner; return what is shown."""
        self.outsider.shown.labels[self.office.mac("label", f"opaque:{text}")] = self.stand.now_s
        said = self.stand.scan("]C0" + text)
        return (said.outcome, said.compartment) if said else ("", None)

    def type_code(self, value: str) -> tuple[str, int | None]:
        """Type a code at the kiosk; return the answer."""
        kind = "code" if len(value) == 8 else "long_code"
        self.outsider.shown.codes[self.office.mac(kind, value)] = self.stand.now_s
        said = self.stand.type_code(value)
        return (said.outcome, said.compartment) if said else ("", None)

    def show_qr(self, value: str) -> tuple[str, int | None]:
        """Hold a QR code before the scanner; return the answer."""
        self.stand.answers.clear()
        qr = f"FSK1:{value}"
        self.outsider.shown.codes[self.office.mac("qr", qr)] = self.stand.now_s
        self.stand.scan("]Q3" + qr)
        said = self.stand.answers[-1] if self.stand.answers else None
        return (said.outcome, said.compartment) if said else ("", None)

    def show_badge(self, name: str) -> str:
        """Hold a badge before the scanner; return what is shown."""
        self.outsider.see_badge(name, BADGES[name])
        said = self.stand.scan("]Q3" + BADGES[name])
        self.outsider.see_badge(name, BADGES[name])
        return said.outcome if said else ""

    def at_door(self, act: Act, number: int, *, open_s: float = 1.5) -> bool:
        """Let somebody stand by a door who does what it was opened for; say whether it opened."""
        if act == "put_in" and number in self._swept():
            self.tainted.add(number)
        begun_s = self.stand.now_s - 1.0
        opened = self.stand.person(act, number, open_s=open_s, wait_s=5.0)
        self._attended.append((number, begun_s, self.stand.now_s))
        return opened

    def _swept(self) -> set[int | None]:
        """Return the doors that are open to take a parcel out, whatever else was scanned."""
        return {
            one.presented.compartment
            for one in self.outsider.in_hand()
            if one.right is not None and one.right.kind == "remove"
        }

    def probe_says(self, said: float | ProbeFault) -> None:
        """Let the probe say a temperature from now on, or let something be wrong with it."""
        faults = self.stand.hardware.cooling.boxes[PROBE].faults
        faults.says_c, faults.probe = (4.0, said) if isinstance(said, str) else (said, None)

    # What is known of the hardware ---------------------------------------------------------------

    def is_healthy(self, number: int) -> bool:
        """Say whether nothing is wrong with a door or its bank, and was not lately."""
        lock = self.stand.plant.locks[number]
        faults = lock.faults
        broken = faults.jammed or faults.coil_dead or faults.sensor_stuck or faults.release_s_min
        bank = DOORS[number][0]
        if bank in self.outsider.powerless:
            return False
        return self.is_well(bank) and not (broken or lock.is_open)

    def is_well(self, bank: str) -> bool:
        """Say whether a bank can be reached and the daemon runs, for long enough to know it."""
        stand, now_s = self.stand, self.stand.now_s
        lately = any(name == bank and now_s - at < HEALTHY_S for at, name, _ in stand.reached)
        begun_s = max(stand.lives[-1][0], *(ran for _, ran in stand.stalls), 0.0)
        return (
            stand.drive is not None
            and stand.doom is None
            and stand.reachable(bank)
            and not lately
            and now_s - begun_s > HEALTHY_S
        )

    def weld(self, number: int) -> None:
        """Let the relay of a door stay on, once it is."""
        bank, channel, *_ = DOORS[number]
        self.stand.hardware.boards[bank].faults.welded = channel
        self.outsider.welded.add(number)
        self.taint_bank(bank)

    def mend(self, bank: str) -> None:
        """Let no relay of a bank stick any more."""
        self.stand.hardware.boards[bank].faults.welded = 0

    def has_contact(self, number: int) -> bool:
        """Say whether a door's board can tell whether it is open."""
        return self.outsider.family[number] != "waveshare"

    def note_taint(self) -> None:
        """Take in where the journal may be wrong about what lies there, through no fault of its."""
        self.tainted |= self.outsider.cut_off
        facts = self.stand.plant.facts
        for fact in facts[self._facts :]:
            attended = any(
                number == fact.compartment and begun_s <= fact.at <= ended_s
                for number, begun_s, ended_s in self._attended
            )
            unseen = fact.name == "pulse_started" and not self.has_contact(fact.compartment)
            if (unseen or fact.name in ("released", "door_opened")) and not attended:
                self.tainted.add(fact.compartment)
        self._facts = len(facts)

    def taint_bank(self, bank: str) -> None:
        """Something is wrong with a bank."""
        self.tainted |= {number for number, (name, *_) in DOORS.items() if name == bank}

    def parcels_lie_where_the_journal_says(self) -> None:
        """I1, physically: where nothing went wrong, the journal tells what lies there."""
        self.note_taint()
        if self.outsider.in_hand():
            return
        known = set(self.stand.plant.locks) - self.tainted - self.outsider.unknown
        for number in sorted(known):
            lock = self.stand.plant.locks[number]
            if not lock.is_open:
                assert lock.full == (number in self.outsider.lies_in), f"I1: {number}"
