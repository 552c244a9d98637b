"""Small true stories, told as a history: what the judge must accept, and what one line spoils.

A `Story` plays both sides by the book: it writes what a locker would commit, what a backend would
sign and record, and what an outsider would see, a second after the other.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.events import (
    GENESIS,
    AnyEvent,
    Booted,
    Collected,
    CustodyReported,
    Deposited,
    DoorClosed,
    DoorOpened,
    DroppedOff,
    HardwareDescribed,
    Presented,
    Pulsed,
    Removed,
    RightsApplied,
    Serving,
    StoreCreated,
    stamped,
)
from fellesskap_protocol.messages import Badge, Command, Right, Rights, encode, event_hash
from tests.judge import history

START = datetime(2026, 6, 1, 6, tzinfo=UTC)
HERE, CARRIER = "torget-1", "nordpost"
BOXES = (
    Compartment(1, 350, 110, 430, 1300, 1410, 20_000),
    Compartment(2, 350, 110, 430, 400, 510, 20_000),
    Compartment(3, 600, 400, 440, 520, 920, 20_000),
    Compartment(4, 600, 400, 440, 1300, 1700, 20_000),
)
TERMS: dict[str, Any] = {"hold": "hard", "deposit_by_s": 90_000.0, "collect_within_s": 36_000.0}
SIGNED = {"iat": 0, "iss": "oslo", "aud": HERE}


class Story:
    """A history being written; `at` is the true time, in seconds."""

    def __init__(self) -> None:
        self.records: list[history.AnyRecord] = []
        self.at, self.ops = 0.0, 0
        self.epoch, self.boot = "", 0
        self.seq, self.prev = 0, GENESIS
        self.owed: list[bytes] = []
        self.revision, self.wanted = 0, 0
        self.drawn: dict[str, int] = {}
        self.rights: dict[str, Right] = {}
        self.tell(
            history.Locker,
            locker=HERE,
            compartments=BOXES,
            coil_s_max={one.number: 0.3 for one in BOXES},
            sensors=(1, 2, 3, 4),
            supplies={1: "psu-a", 2: "psu-a", 3: "psu-b", 4: "psu-b"},
            classes={"S": (350, 110, 250)},
        )

    # What everything is told by ------------------------------------------------------------------

    def tell(self, record: type[Any], /, **fields: Any) -> None:
        """Write one record, at this moment."""
        self.records.append(record(at=round(self.at, 3), **fields))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.at += seconds

    def write(self, *events: AnyEvent) -> None:
        """Commit entries, in one step."""
        for event in events:
            self.seq += 1
            one = stamped(
                event,
                seq=self.seq,
                prev=self.prev,
                at=START + timedelta(seconds=self.at),
                clock="trusted",
                boot_id=f"boot-{self.boot}",
                mono_ms=round(self.at * 1000),
            )
            stored = encode(one)
            self.prev = event_hash(stored)
            self.owed.append(stored)
            self.tell(history.Journalled, locker=HERE, epoch=self.epoch, event=stored)
        self.wait(0.1)

    def deliver(self) -> None:
        """Let the backend record all that is written, and say so."""
        for stored in self.owed:
            self.tell(history.Recorded, locker=HERE, epoch=self.epoch, event=stored)
        self.owed.clear()
        self.tell(history.Acked, locker=HERE, epoch=self.epoch, seq=self.seq)
        self.wait(0.5)

    def ask(
        self, who: str, act: str, answer: dict[str, Any] | None, **fields: Any
    ) -> history.Asked:
        """Ask something; with an answer, have it answered 2xx."""
        self.ops += 1
        one = history.Asked(
            at=round(self.at, 3),
            op=f"op-{self.ops}",
            who=who,
            act=act,  # type: ignore[arg-type]
            **fields,
        )
        self.records.append(one)
        self.wait(0.1)
        if answer is not None:
            self.tell(history.Answered, op=one.op, outcome="ok", status=200, body=answer)
        return one

    # The locker ----------------------------------------------------------------------------------

    def commission(self, epoch: str = "epoch-1", reason: str = "commissioned") -> None:
        """Begin a store."""
        self.epoch, self.seq, self.prev, self.revision, self.drawn = epoch, 0, GENESIS, 0, {}
        self.boot += 1
        self.owed.clear()
        self.tell(history.Part, part=f"edge:{HERE}", state="up")
        self.write(
            StoreCreated(reason=reason),  # type: ignore[arg-type]
            HardwareDescribed(compartments=BOXES, digest="d"),
            Booted(software="0.1.0"),
        )
        self.tell(history.Head, of="store", locker=HERE, epoch=epoch, seq=3)
        self.wait(100.0)

    def restart(self) -> None:
        """Kill the daemon and start it anew."""
        self.tell(history.Part, part=f"edge:{HERE}", state="down")
        self.wait(5.0)
        self.boot += 1
        self.tell(history.Part, part=f"edge:{HERE}", state="up")
        self.tell(history.Head, of="store", locker=HERE, epoch=self.epoch, seq=self.seq)
        self.write(Booted(software="0.1.0"))
        self.wait(100.0)

    def pulses(self, number: int, name: str, **presented: Any) -> None:
        """Accept a presentation and switch a coil on."""
        self.write(
            Presented(outcome="authorised", authorisation_id=name, compartment=number, **presented),
            Pulsed(authorisation_id=name, compartment=number, attempt=1),
        )
        self.tell(history.Coil, locker=HERE, compartment=number, on=True)

    def lets_go(self, number: int, name: str) -> None:
        """Switch a coil off; its door is open."""
        self.tell(history.Coil, locker=HERE, compartment=number, on=False)
        self.tell(history.Door, locker=HERE, compartment=number, open=True)
        self.write(DoorOpened(compartment=number, authorisation_id=name))

    def opens(self, number: int, name: str, **presented: Any) -> None:
        """Accept a presentation and open a door."""
        self.pulses(number, name, **presented)
        self.wait(0.2)
        self.lets_go(number, name)
        self.wait(3.0)

    def shuts(self, number: int, name: str, *done: AnyEvent) -> None:
        """Shut a door; what was done is written in that step."""
        self.tell(history.Door, locker=HERE, compartment=number, open=False)
        self.write(DoorClosed(compartment=number, authorisation_id=name), *done)
        self.wait(1.0)

    def serves(self, seconds: float) -> None:
        """Let time pass in which all compartments serve, in rows of 15 minutes."""
        while seconds > 0:
            span_s = min(900.0, seconds)
            self.wait(span_s)
            now = START + timedelta(seconds=self.at)
            began = now - timedelta(seconds=span_s)
            self.write(Serving(compartments=(1, 2, 3, 4), from_=began, to=now))
            self.at -= 0.1
            seconds -= span_s

    # The backend ---------------------------------------------------------------------------------

    def wish(self, *put: Right, remove: tuple[str, ...] = ()) -> None:
        """Sign the change from what was applied to what is wanted."""
        self.wanted = max(self.wanted, self.revision) + 1
        rights = Rights(
            epoch=self.epoch,
            generation=1,
            from_=self.revision,
            to=self.wanted,
            part=1,
            parts=1,
            put=put,
            remove=remove,
            **SIGNED,  # type: ignore[arg-type]
        )
        self.rights.update({one.id: one for one in put})
        self.tell(history.Sent, locker=HERE, rights=rights)
        self.wait(0.2)

    def apply(self) -> None:
        """Put what was sent in force."""
        self.revision = self.wanted
        self.write(RightsApplied(generation=1, revision=self.revision, used=self.drawn))

    def reserve(self, n: int, **want: Any) -> Right:
        """Have a carrier reserve for parcel number `n`, and have the locker know of it."""
        right = self.promise(n, **want)
        self.wish(right)
        self.apply()
        return right

    def promise(self, n: int, **want: Any) -> Right:
        """Have a carrier reserve for parcel number `n`."""
        body = {"locker": HERE, "label": f"label-{n}"} | TERMS | want
        answer = {"parcel_id": f"parcel-{n}", "state": "confirmed"}
        self.ask(f"carrier:{CARRIER}", "reserve", answer, key=f"key-{n}", body=body)
        return Right(
            id=f"right-{n}",
            kind="claim",
            hold=str(body["hold"]),  # type: ignore[arg-type]
            carrier_id=CARRIER,
            parcel_id=f"parcel-{n}",
            label_macs=(f"mac-label-{n}",),
            w_mm=int(body.get("w_mm", 300)),
            h_mm=100,
            d_mm=200,
            g=500,
            needs=tuple(body.get("needs", ())),
            code_mac=f"mac-code-{n}",
            long_code_mac=f"mac-long-{n}",
            qr_mac=f"mac-qr-{n}",
            deposit_by=START + timedelta(seconds=float(body["deposit_by_s"])),
        )

    def told(self, n: int, kind: str, position: int) -> None:
        """Have the carrier read one event of its feed."""
        self.tell(
            history.Delivered,
            carrier=CARRIER,
            position=position,
            event_id=f"event-{position}",
            parcel_id=f"parcel-{n}",
            type=kind,
        )

    def looks(self, n: int, state: str, **more: Any) -> None:
        """Have the carrier look at a parcel."""
        answer = {"parcel_id": f"parcel-{n}", "state": state} | more
        self.ask(f"carrier:{CARRIER}", "look", answer, target=f"parcel-{n}")

    # People --------------------------------------------------------------------------------------

    def deposit(self, n: int, number: int, name: str = "", **drawn: Any) -> None:
        """Let a courier scan and put a parcel in."""
        name = name or f"put-{n}"
        body = {"macs": [f"mac-label-{n}"]}
        self.ask("courier:kari", "scan", None, target=HERE, body=body)
        self.opens(number, name, kind="label", right_id=f"right-{n}")
        self.tell(history.Laid, locker=HERE, compartment=number, item=f"label-{n}")
        done = Deposited(
            parcel_id=f"parcel-{n}",
            carrier_id=CARRIER,
            label_mac=f"mac-label-{n}",
            compartment=number,
            right_id=f"right-{n}",
            evidence="door",
            **drawn,
        )
        self.shuts(number, name, done)

    def collect(self, n: int, number: int, name: str = "", right_id: str = "") -> None:
        """Let a resident type a code and take a parcel out."""
        name = name or f"take-{n}"
        self.types(n)
        self.opens(number, name, kind="code", right_id=right_id or f"right-{n}")
        by = f"resident:{n}"
        self.tell(history.Taken, locker=HERE, compartment=number, item=f"label-{n}", by=by)
        done = Collected(
            parcel_id=f"parcel-{n}",
            right_id=right_id or f"right-{n}",
            compartment=number,
            evidence="door",
        )
        self.shuts(number, name, done)

    def types(self, n: int) -> None:
        """Let a resident type the code of a parcel."""
        body = {"macs": [f"mac-code-{n}"]}
        self.ask(f"resident:{n}", "type_code", None, target=HERE, body=body)

    def badge(self, jti: str = "badge-1", *, show: bool = True) -> None:
        """Have a badge signed, and shown."""
        exp = int((START + timedelta(hours=23)).timestamp())
        badge = Badge(
            jti=jti,
            carriers=(CARRIER,),
            lockers=(HERE,),
            may=("deposit", "remove"),
            exp=exp,
            **(SIGNED | {"aud": "oslo"}),  # type: ignore[arg-type]
        )
        self.tell(history.Badged, badge=badge)
        if show:
            self.shows_badge(jti)

    def shows_badge(self, jti: str = "badge-1") -> None:
        """Let a courier show a badge that holds, and begin a visit."""
        body = {"jti": jti, "holds": True}
        self.ask("courier:kari", "show_badge", None, target=HERE, body=body)
        self.write(Presented(kind="badge", outcome="authorised", badge_jti=jti))

    def remove(self, n: int, number: int, name: str = "", jti: str = "badge-1") -> None:
        """Let a courier with a badge take a parcel out."""
        name = name or f"out-{n}"
        self.opens(number, name, kind="badge", right_id=f"remove-{n}", badge_jti=jti)
        item, by = f"label-{n}", "courier:kari"
        self.tell(history.Taken, locker=HERE, compartment=number, item=item, by=by)
        done = Removed(
            parcel_id=f"parcel-{n}", right_id=f"remove-{n}", compartment=number, evidence="door"
        )
        self.shuts(number, name, done)

    def open_remotely(self, number: int, jti: str, actor_class: str = "operator") -> None:
        """Let an operator open a door."""
        answer = {"operation_id": f"operation-{jti}", "jti": jti}
        body = {"locker": HERE, "compartment": number}
        self.ask("operator", "open_door", answer, key=jti, target=HERE, body=body)
        challenge = f"challenge-{jti}"
        self.tell(history.Challenged, locker=HERE, boot_id=f"boot-{self.boot}", challenge=challenge)
        command = Command(
            jti=jti,
            kind="open_door",
            compartment=number,
            actor_class=actor_class,
            reason_code="help",
            exp=int((START + timedelta(seconds=self.at + 30)).timestamp()),
            challenge=challenge,
            **SIGNED,  # type: ignore[arg-type]
        )
        self.tell(history.Commanded, locker=HERE, command=command)
        self.wait(0.1)
        self.opens(number, f"open-{jti}", kind="command", jti=jti)
        self.shuts(number, f"open-{jti}")
        self.looks_after(jti, "closed")

    def looks_after(self, jti: str, state: str) -> None:
        """Have an operator look what became of a door operation."""
        answer = {"operation_id": f"operation-{jti}", "state": state}
        self.ask("operator", "look", answer, target=f"operation-{jti}")

    def drop_off(self, n: int, number: int) -> None:
        """Let a person type a code and put a parcel in."""
        self.types(n)
        name = f"drop-{n}"
        self.opens(number, name, kind="code", right_id=f"right-{n}")
        self.tell(history.Laid, locker=HERE, compartment=number, item=f"label-{n}")
        self.drawn = self.drawn | {"S": self.drawn.get("S", 0) + 1}
        done = DroppedOff(
            parcel_id=f"parcel-{n}",
            right_id=f"right-{n}",
            allowance_class="S",
            compartment=number,
            evidence="door",
        )
        self.shuts(number, name, done)

    def reports(self, n: int = 0, number: int = 0) -> None:
        """Have a locker say that a parcel (0: none) lies behind a door, and nothing elsewhere."""
        self.write(
            CustodyReported(
                compartment=number,
                parcel_id=f"parcel-{n}" if n else "",
                carrier_id=CARRIER if n else "",
                right_id=f"right-{n}" if n else "",
                code_mac=f"mac-code-{n}" if n else None,
                since=START,
                complete=True,
            )
        )

    def calm(self) -> None:
        """Have no fault from here on."""
        self.tell(history.Calm, settle_s=600.0)
        self.wait(200.0)

    def end(self, *, calm: bool = True) -> list[history.AnyRecord]:
        """Let everything settle, and end."""
        if calm:
            self.calm()
        self.deliver()
        self.tell(history.Head, of="ledger", locker=HERE, epoch=self.epoch, seq=self.seq)
        self.wait(1000.0)
        self.tell(history.End)
        return self.records
