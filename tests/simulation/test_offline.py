"""72 hours without a backend at one locker: everything works, and nothing stale fires afterwards.

The daemon's own drive and journal in virtual time, restarts and a power cut on the way. When the
network returns, over a pipe that loses and doubles, the backlog drains in order and is told once.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from fellesskap_edge.config import Bank, CompartmentTable, LockerConfig, LockerTable, ScannerTable
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    DroppedOff,
    Presented,
    RightsApplied,
)
from fellesskap_protocol.messages import BATCH_EVENTS_MAX, Right, RightKind
from fellesskap_protocol.topics import Kind
from tests.edge import serving_judge
from tests.edge.outsider import Outsider
from tests.simulation.office import Office, badge
from tests.simulation.stand import Stand
from tests.simulation.stand_parts import START

E = TypeVar("E", bound=AnyEvent)
HOUR_S = 3600.0
OUTAGE_S = 72 * HOUR_S
DOORS = 24
HARD, SOFT, SENT, NEW = 10, 85, 5, 5
GRANTED = SOFT + SENT + NEW
"""All that is given away without a claim; one more is one too many."""
BOX = {"w_mm": 300, "h_mm": 100, "d_mm": 250, "g": 900}
CONFIG = LockerConfig(
    locker=LockerTable(id="fjell-1", site="fornebu"),
    banks=(Bank(name="a", family="8a", port="bus", address=1, supply="psu"),),
    compartments=tuple(
        CompartmentTable(
            number=number,
            bank="a",
            channel=number,
            width_mm=350,
            height_mm=110,
            depth_mm=300,
            floor_mm=120 * number,
            top_mm=120 * number + 110,
            max_g=25_000,
        )
        for number in range(1, DOORS + 1)
    ),
    scanner=ScannerTable(family="grow", port="scanner"),
)


class Outage:
    """One locker, its people and a backend that hears nothing of it for three days."""

    def __init__(self, folder: Path) -> None:
        self.rng = random.Random(72)
        self.stand = Stand(CONFIG, folder)
        self.office = Office(CONFIG.locker.id)
        self.outsider = Outsider(self.stand, self.office)
        self.stand.pipe = self._published
        self.lossy = False
        self.heard: Counter[Kind] = Counter()
        self.plan: list[tuple[float, str, Callable[[], None]]] = []
        self._turn = 0

    def right(self, name: str, *, revoked: bool = False) -> Right:
        """A claim (hard by `h`, soft by `s`) or a drop-off (`d`), by its name."""
        kind: RightKind = "drop_off" if name[0] == "d" else "claim"
        hold = "hard" if name[0] == "h" else "soft"
        code = self.code(name)
        return self.office.right(
            name, kind, code, hold=hold, carrier_id="red", revoked=revoked, **BOX
        )

    def code(self, name: str) -> str:
        return f"{int(name[1:]):04d}{ord(name[0]):04d}2468"

    # The pipe ------------------------------------------------------------------------------------

    def _published(self, kind: Kind, payload: bytes) -> None:
        self.heard[kind] += 1
        for _ in range(self._copies()):
            for what, answer in self.office.hear(kind, payload, self.stand.wall):
                for _ in range(self._copies()):
                    self.stand.after(0.05, lambda w=what, a=answer: self.arrive(w, a))  # type: ignore[misc]

    def _copies(self) -> int:
        """Every third message is lost, every fourth comes twice."""
        self._turn += 1
        return (
            1 if not self.lossy else 0 if self._turn % 3 == 0 else 2 if self._turn % 4 == 0 else 1
        )

    def arrive(self, kind: Kind, payload: bytes) -> None:
        message = self.outsider.comes(payload)
        self.stand.deliver(kind, payload)
        if message is not None:
            self.outsider.has_come(message)

    # People --------------------------------------------------------------------------------------

    def deposit(self, name: str) -> None:
        """Scan, put in, shut; come back later if the daemon died of it."""
        label = self.office.mac("label", f"opaque:{name.upper()}")
        self.outsider.shown.labels[label] = self.stand.now_s
        told = self.stand.scan("]C0" + name.upper())
        lives = len(self.stand.lives)
        if told is not None and told.outcome in ("opens", "check_empty") and told.compartment:
            self.stand.person("put_in", told.compartment)
        if any(one.right_id == name for one in self.outsider.lies_in.values()):
            self.later(self.rng.uniform(1, 7) * HOUR_S, "collects", lambda: self.collect(name))
        else:
            assert len(self.stand.lives) > lives or self.stand.drive is None, f"{name}: {told}"
            self.later(60.0, "deposits", lambda: self.deposit(name))

    def collect(self, name: str) -> None:
        code = self.code(name)
        self.outsider.shown.codes[self.office.mac("code", code[:8])] = self.stand.now_s
        answer = self.stand.type_code(code[:8])
        lives = len(self.stand.lives)
        if answer is not None and answer.outcome == "opens" and answer.compartment:
            self.stand.person("take_out", answer.compartment)
        if any(one.right_id == name for one in self.outsider.lies_in.values()):
            assert len(self.stand.lives) > lives or self.stand.drive is None, f"{name}: {answer}"
            self.later(60.0, "collects", lambda: self.collect(name))

    def drop_off(self, name: str) -> None:
        code = self.code(name)
        self.outsider.shown.codes[self.office.mac("long_code", code)] = self.stand.now_s
        answer = self.stand.type_code(code)
        assert answer is not None
        assert answer.compartment
        assert self.stand.person("put_in", answer.compartment)

    def unannounced(self, turn: int) -> None:
        """A courier whose app had contact when the badge was made, at this locker without one."""
        now = int(self.stand.wall.timestamp())
        jti = f"badge-{turn}"
        token = badge(jti, "red", iat=now - 600, exp=now + 6 * 3600)
        self.outsider.see_badge(jti, token)
        told = self.stand.scan("]Q3" + token)
        assert told is not None
        assert told.outcome == "badge_accepted"
        told = self.stand.scan(f"]C0NEW{turn}")
        assert told is not None
        assert told.outcome == "choose_size"
        answer = self.stand.press("size", "S")
        assert answer is not None
        assert answer.outcome == "opens"
        assert answer.compartment
        assert self.stand.person("put_in", answer.compartment)
        self.stand.press("done")
        self.outsider.shown.done_s = self.stand.now_s

    # The days ------------------------------------------------------------------------------------

    def later(self, delay_s: float, what: str, act: Callable[[], None]) -> None:
        self.plan.append((self.stand.now_s + delay_s, what, act))

    def live(self, until_s: float) -> None:
        """Let everything come that was planned, one after the other."""
        while self.plan:
            self.plan.sort(key=lambda one: one[:2])
            at_s, _, act = self.plan[0]
            if at_s > until_s:
                break
            del self.plan[0]
            self.stand.run(max(0.0, at_s - self.stand.now_s))
            act()
            self.outsider.settled()
        self.stand.run(max(0.0, until_s - self.stand.now_s))

    def restart(self, off_s: float) -> None:
        self.stand.kill()
        self.stand.run(off_s)
        self.stand.boot()
        self.stand.run(2.0)

    def power_cut(self) -> None:
        self.stand.cut_power()
        self.stand.now_s += 300.0
        self.stand.power_back()
        self.stand.run(2.0)

    def die_soon(self, turn: int) -> None:
        self.stand.doom = ("any", turn)

    def recorded(self, kind: type[E]) -> list[E]:
        return [event for event in self.outsider.events if isinstance(event, kind)]


@pytest.fixture
def outage(tmp_path: Path) -> Outage:
    return Outage(tmp_path)


@pytest.mark.slow
def test_three_days_without_a_backend(outage: Outage) -> None:
    stand, office = outage.stand, outage.office
    begin(outage)
    held_back = [
        office.sign(office.command("open_door", f"old-{number}", stand.wall, number))
        for number in (1, 2, 3)
    ]
    old_challenge = office.challenge
    stand.disconnect()
    at_begin_s = stand.now_s
    plan(outage)
    outage.live(at_begin_s + OUTAGE_S)

    everything_worked(outage)
    assert len(stand.lives) > 10, "there were restarts"
    assert serving_judge.judge(outage.outsider) == []
    wish_meanwhile(outage)
    backlog = stand.journal.head_seq - len(office.ledger)
    assert backlog > 900
    the_backlog_drains(outage)
    nothing_stale_fires(outage, held_back, old_challenge)
    what_was_wished_meanwhile_is_in_force(outage)
    stand.kill()


def begin(outage: Outage) -> None:
    """The last contact: claims, drop-offs, an allowance."""
    names = [f"h{n}" for n in range(HARD)] + [f"s{n}" for n in range(SOFT + 1)]
    names += [f"d{n}" for n in range(SENT)]
    allowance = Right(id="a", kind="allowance", size_class="S", granted=GRANTED, **BOX)  # type: ignore[arg-type]
    outage.office.want(*(outage.right(name) for name in names), allowance)
    outage.stand.boot()
    outage.stand.run(1.0)
    outage.stand.connect()
    outage.stand.run(5.0)
    assert outage.outsider.revision == 1


def plan(outage: Outage) -> None:
    """Who comes when: hard claims on the first day, the others as they like."""
    rng = outage.rng
    for n in range(HARD):
        outage.later(rng.uniform(0, 20) * HOUR_S, "deposits", lambda n=n: outage.deposit(f"h{n}"))  # type: ignore[misc]
    for n in range(SOFT):
        outage.later(rng.uniform(0, 63) * HOUR_S, "deposits", lambda n=n: outage.deposit(f"s{n}"))  # type: ignore[misc]
    for n in range(SENT):
        outage.later(rng.uniform(30, 70) * HOUR_S, "sends", lambda n=n: outage.drop_off(f"d{n}"))  # type: ignore[misc]
    for n in range(NEW):
        outage.later(rng.uniform(30, 70) * HOUR_S, "brings", lambda n=n: outage.unannounced(n))  # type: ignore[misc]
    for n in range(8):
        outage.later((3.5 + 8 * n) * HOUR_S, "restart", lambda n=n: outage.restart(2.0 + 30 * n))  # type: ignore[misc]
        outage.later((5.5 + 8 * n) * HOUR_S, "doom", lambda n=n: outage.die_soon(3 + n))  # type: ignore[misc]
    outage.later(29 * HOUR_S, "power", outage.power_cut)


def everything_worked(outage: Outage) -> None:
    """Every parcel that was announced came and went; the allowance held exactly."""
    stand, deposits = outage.stand, outage.recorded(Deposited)
    assert len(deposits) + len(outage.recorded(DroppedOff)) == HARD + SOFT + SENT + NEW >= 100
    assert len(outage.recorded(Collected)) == HARD + SOFT
    assert len(outage.outsider.lies_in) == SENT + NEW
    assert sum(one.right_id is None for one in deposits) == NEW
    full = {number for number, lock in stand.plant.locks.items() if lock.full}
    assert full == set(outage.outsider.lies_in), "they lie where the journal says"
    assert outage.outsider.drawn == {"S": GRANTED}
    told = stand.scan(f"]C0S{SOFT}")
    assert told is not None
    assert told.outcome == "no_room", "one too many"


def wish_meanwhile(outage: Outage) -> None:
    """The backend wished three times while it heard nothing."""
    office = outage.office
    new = Right(id="a", kind="allowance", size_class="S", granted=GRANTED + 1, **BOX)  # type: ignore[arg-type]
    office.want(outage.right("h100"))
    office.want(outage.right("h101"), new, remove=("h0", "s0"))
    office.want(*(outage.right(f"h{n}") for n in range(102, 106)), outage.right("s1", revoked=True))


def the_backlog_drains(outage: Outage) -> None:
    """In order, every event once, over a pipe that loses every third message."""
    stand, office = outage.stand, outage.office
    outage.lossy, outage.heard = True, Counter()
    pulses = len(stand.plant.pulses)
    # Late, doubled, in parts and in the wrong order, before anything else is heard.
    stand.connect()
    wall = stand.wall
    first = office.change(1, 2, wall)
    second = office.change(2, 4, wall, parts=3)
    for part in (second[2], second[0], *first, *first, second[1], second[2], second[2], second[0]):
        outage.arrive("rights", part)
    assert outage.outsider.revision == 4
    stand.run(120.0)
    assert [event.seq for event in office.ledger] == list(range(1, stand.journal.head_seq + 1))
    assert office.ledger == outage.outsider.events
    assert outage.heard["journal"] < 60, "in batches, resent only when lost"
    assert BATCH_EVENTS_MAX == 200
    applied = [one.revision for one in outage.recorded(RightsApplied)]
    assert applied == [1, 2, 4], "each change once"
    assert len(stand.plant.pulses) == pulses, "the network's return moves nothing"
    outage.lossy = False


def nothing_stale_fires(outage: Outage, held_back: list[bytes], old_challenge: str) -> None:
    """Commands of three days ago, and one that is signed anew over an old challenge."""
    stand, office = outage.stand, outage.office
    pulses, heard = len(stand.plant.pulses), len(office.results)
    anew = office.command("open_door", "anew", stand.wall, 4, challenge=old_challenge)
    for token in (*held_back, *held_back, office.sign(anew)):
        stand.deliver("commands", token)
        stand.run(1.0)
    outcomes = {one.outcome for one in office.results[heard:]}
    assert outcomes == {"stale_challenge"}
    assert len(stand.plant.pulses) == pulses
    # The bridge signs the same jti again with what it was told, and that is obeyed, once.
    again = office.command("open_door", "anew", stand.wall, 24)
    outage.outsider.shown.command = (again, True)
    for _ in range(2):
        stand.deliver("commands", office.sign(again))
        stand.person("nothing", 24)
    assert [one.outcome for one in office.results[-2:]] == ["done", "duplicate"]
    assert len(stand.plant.pulses) == pulses + 1


def what_was_wished_meanwhile_is_in_force(outage: Outage) -> None:
    """New claims open, one more is given away, and the unannounced can be collected."""
    stand, office = outage.stand, outage.office
    for name in ("h100", "h105", f"s{SOFT}"):
        outage.deposit(name)
    left = [one for one in outage.outsider.lies_in.items() if one[1].right_id is None]
    for turn, (number, lying) in enumerate(left):
        office.want(
            office.right(
                f"of-{turn}", "collect", f"77{turn:02d}11112222", parcel_id=lying.parcel_id
            )
        )
        for part in office.change(len(office.wishes) - 2, len(office.wishes) - 1, stand.wall):
            outage.arrive("rights", part)
        code = f"77{turn:02d}1111"
        outage.outsider.shown.codes[office.mac("code", code)] = stand.now_s
        answer = stand.type_code(code)
        assert answer is not None
        assert (answer.outcome, answer.compartment) == ("opens", number)
        assert stand.person("take_out", number)
    assert len(outage.recorded(Collected)) == HARD + SOFT + NEW
    assert not [
        e for e in outage.recorded(Presented) if e.kind == "code" and e.outcome != "authorised"
    ]
    outage.outsider.settled()
    assert START + timedelta(seconds=stand.now_s) == stand.wall
