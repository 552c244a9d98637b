"""Tells a walk of the real drive as a history, for the judge that knows neither.

The stand, the office and the outsider of a walk do what they do, and write down what an outsider
would see of it. The journal is read before whatever follows from it is told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import inf
from typing import Any

import pytest

from fellesskap_protocol.events import AnyEvent
from fellesskap_protocol.messages import Ack, Batch, Birth, Command, Rights
from tests.edge import walk_locker, walk_people
from tests.edge.outside_judge import COIL_S_MAX, PULSE_S_MAX, WELDED_S_MAX
from tests.edge.outsider import Outsider
from tests.edge.walk_config import DOORS
from tests.edge.walk_locker import WalkLocker
from tests.judge import history
from tests.simulation.layout import supplies
from tests.simulation.office import Office
from tests.simulation.stand import Stand

HERE = "walk-1"
EDGE = f"edge:{HERE}"


class Tape:
    """The history of the walk that goes on."""

    def __init__(self) -> None:
        self.begin()
        self.at: WalkLocker | None = None

    def begin(self, stand: Stand | None = None) -> None:
        """Begin another one, of this stand."""
        self.records: list[history.AnyRecord] = []
        self.stand = stand
        self._stuck: set[int] = set()

    def tell(self, record: type[Any], /, at: float | None = None, **fields: Any) -> None:
        """Write one record down."""
        assert self.stand is not None
        self.records.append(record(at=self.stand.now_s if at is None else at, **fields))

    def ask(self, act: history.Act, **body: Any) -> None:
        """Write down what somebody does before the locker."""
        op = f"op-{len(self.records)}"
        self.tell(history.Asked, op=op, who="resident:any", act=act, target=HERE, body=body)

    def tell_what_is_unwell(self) -> None:
        """Write down which doors cannot be expected to open."""
        assert self.at is not None
        for number in DOORS:
            if not self.at.is_healthy(number):
                where = f"{HERE}/{number}"
                self.tell(history.Fault, layer="plant", kind="unwell", where=where)

    def tell_stuck_contacts(self) -> None:
        """Write down which doors tell what is not so."""
        assert self.stand is not None
        for number, lock in self.stand.plant.locks.items():
            if (lock.faults.sensor_stuck or lock.faults.ajar) and number not in self._stuck:
                self._stuck.add(number)
                where = f"{HERE}/{number}"
                self.tell(history.Fault, layer="plant", kind="contact_stuck", where=where)


TAPE = Tape()


class Shown(dict[str, float]):
    """What was presented; each time is told."""

    def __init__(self, act: history.Act) -> None:
        super().__init__()
        self._act = act

    def __setitem__(self, mac: str, at: float) -> None:
        super().__setitem__(mac, at)
        if self._act == "type_code":
            TAPE.tell_what_is_unwell()
        TAPE.ask(self._act, macs=[mac])


class ToldStand(Stand):
    """A stand whose lives, faults and connections are told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        TAPE.begin(self)
        family = {
            one.number: next(b.family for b in self.config.banks if b.name == one.bank)
            for one in self.config.compartments
        }
        TAPE.tell(
            history.Locker,
            locker=HERE,
            compartments=tuple(one.geometry for one in self.config.compartments),
            coil_s_max={number: COIL_S_MAX.get(one, PULSE_S_MAX) for number, one in family.items()},
            welded_s_max=WELDED_S_MAX,
            sensors=tuple(number for number, one in family.items() if one != "waveshare"),
            supplies=supplies(self.config),
        )

    def boot(self) -> "ToldStand":
        if self.drive is None:
            TAPE.tell(history.Part, part=EDGE, state="up")
        return super().boot()

    def _died(self) -> None:
        super()._died()
        TAPE.tell(history.Part, part=EDGE, state="down")

    def stall(self, seconds: float) -> None:
        TAPE.tell(history.Part, part=EDGE, state="stopped")
        super().stall(seconds)
        TAPE.tell(history.Part, part=EDGE, state="up" if self.drive else "down")

    def connect(self) -> None:
        TAPE.tell(history.Contact, locker=HERE, up=True)
        super().connect()

    def disconnect(self) -> None:
        super().disconnect()
        TAPE.tell(history.Contact, locker=HERE, up=False)

    def set_clock(self, offset: timedelta) -> None:
        super().set_clock(offset)
        wrong_s = offset.total_seconds()
        TAPE.tell(history.Clock, part=EDGE, offset_s=wrong_s, trusted=self.ntp)

    def turn_key(self, *, on: bool) -> None:
        state = "begun" if on else "over"
        TAPE.tell(history.Fault, layer="plant", kind="service_key", where=HERE, state=state)
        super().turn_key(on=on)

    def _note_reach(self, *banks: str) -> None:
        super()._note_reach(*banks)
        for bank in banks:
            TAPE.tell(
                history.Fault,
                layer="board",
                kind="silent",
                where=f"{HERE}/{bank}",
                state="over" if self.reachable(bank) else "begun",
                compartments=tuple(number for number, (name, *_) in DOORS.items() if name == bank),
            )


class ToldOutsider(Outsider):
    """An outsider whose findings are told, before they are judged."""

    def __init__(self, stand: Stand, office: Office) -> None:
        super().__init__(stand, office)
        self.shown.labels, self.shown.codes = Shown("scan"), Shown("type_code")
        self._facts_told = 0

    def _judge(self, event: AnyEvent) -> None:
        TAPE.tell_stuck_contacts()
        self._tell_facts(self.at_s(event))
        TAPE.tell(
            history.Journalled,
            at=self.at_s(event),
            locker=HERE,
            epoch=self._epoch,
            event=self._bytes[-1],
        )
        super()._judge(event)

    def _look_at_the_plant(self) -> None:
        self._tell_facts(inf)
        super()._look_at_the_plant()

    def _tell_facts(self, until: float) -> None:
        """Tell what moved before a moment."""
        facts = self.stand.plant.facts
        while self._facts_told < len(facts) and facts[self._facts_told].at < until:
            one = facts[self._facts_told]
            self._facts_told += 1
            told: dict[str, Any] = {"at": one.at, "locker": HERE, "compartment": one.compartment}
            if one.name in ("pulse_started", "pulse_ended"):
                TAPE.tell(history.Coil, on=one.name == "pulse_started", **told)
            elif one.name in ("door_opened", "door_shut"):
                TAPE.tell(history.Door, open=one.name == "door_opened", **told)

    def see_badge(self, jti: str, token: str) -> None:
        super().see_badge(jti, token)
        badge, holds, _ = self.shown.badges[jti]
        if holds:
            sites = (HERE,) if badge.site == self.stand.config.locker.site else ()
            TAPE.tell(history.Badged, badge=badge, sites=sites)
        TAPE.ask("show_badge", jti=jti, holds=holds)

    def restored(self) -> None:
        TAPE.tell(history.Restored, part=EDGE, to=self.copied_s)
        super().restored()

    def lost(self) -> None:
        TAPE.tell(history.Restored, part=EDGE)
        super().lost()


class ToldOffice(Office):
    """A backend whose ledger and signatures are told."""

    def _record(self, stored: str) -> bool:
        assert TAPE.at is not None
        TAPE.at.outsider.looked(alive=True)
        known = len(self.ledger)
        goes = super()._record(stored)
        if len(self.ledger) > known:
            event = stored.encode()
            TAPE.tell(history.Recorded, locker=HERE, epoch=self.epoch, event=event)
        return goes

    def sign(self, message: Ack | Rights | Command) -> bytes:
        if message.aud == self.locker_id and isinstance(message, Rights):
            TAPE.tell(history.Sent, locker=HERE, rights=message)
        elif message.aud == self.locker_id and isinstance(message, Command):
            # What this office signs no operator asked for.
            TAPE.tell(history.Commanded, locker=HERE, command=message, stolen=True)
        return super().sign(message)

    def ack(self, heard: Birth | Batch, wall: Any, **fields: Any) -> bytes:
        token = super().ack(heard, wall, **fields)
        said = self.signed.get(token)
        if isinstance(said, Ack):
            TAPE.tell(
                history.Acked,
                locker=HERE,
                epoch=said.epoch,
                seq=said.acked_seq,
                verdict=said.verdict,
            )
        return token

    def _learn(self, challenge: str, wall: Any) -> None:
        super()._learn(challenge, wall)
        boot_id = self._boot_id
        TAPE.tell(history.Challenged, locker=HERE, boot_id=boot_id, challenge=challenge)


class ToldLocker(WalkLocker):
    """A walk's locker that is told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        TAPE.at = self
        super().__init__(*args, **kwargs)

    def weld(self, number: int) -> None:
        super().weld(number)
        where = f"{HERE}/{number}"
        TAPE.tell(history.Fault, layer="board", kind="relay_welded", where=where, state="begun")


@contextmanager
def taped() -> Iterator[Tape]:
    """Tell every walk that begins meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk_locker, "Stand", ToldStand)
        patch.setattr(walk_locker, "Outsider", ToldOutsider)
        patch.setattr(walk_locker, "Office", ToldOffice)
        patch.setattr(walk_people, "WalkLocker", ToldLocker)
        yield TAPE
