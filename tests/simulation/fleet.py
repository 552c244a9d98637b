"""One installation in virtual time: the real database and bridge, real lockers on stands.

The lockers live one after the other in small steps; the backend's clock is that of whoever is
furthest. Nothing is retried by the test: what is lost comes again by its sender's own timers.
"""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.bridge.exchange import HEARD, Exchange, House
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.idempotency import Answered, attempt
from fellesskap_backend.reservations.wishes import Label, ReservationRequest
from fellesskap_backend.rights.service import codes_of, number_of
from fellesskap_backend.secrets import Secrets
from fellesskap_edge.config import LockerConfig
from fellesskap_protocol.signing import SigningKey
from fellesskap_protocol.topics import parse, topic
from tests.one_request import OPERATION, reserve
from tests.simulation.provisioning import claim
from tests.simulation.stand import Stand
from tests.simulation.stand_parts import START

T = TypeVar("T")
M = TypeVar("M", bound=db.Base)
WIRE_S = 0.05
BEAT_S = 1.0
"""How often the backend looks what it owes."""


class Fleet:
    """Some lockers, their backend and its people; `said` counts what the backend signed."""

    def __init__(self, engine: Engine, secrets: Secrets) -> None:
        self.secrets = secrets
        self.stands: dict[str, Stand] = {}
        self.said: list[str] = []
        self.use(engine)
        with db.writing(engine) as session:
            _, key = carriers.add_carrier(session, "Nordpost", Moment(START))
        self.credentials = carriers.credentials_of(key)

    def use(self, engine: Engine) -> None:
        """Serve this database from now on: a bridge that knows nothing else."""
        self.engine = engine
        self.exchange = Exchange(House(self.secrets, engine, self._say, lambda: self.now))

    # Lockers -------------------------------------------------------------------------------------

    def add(self, config: LockerConfig, folder: Path, seed: int) -> Stand:
        """Provision a locker, start it and let it connect."""
        locker_id = config.locker.id
        folder.mkdir()
        stand = Stand(config, folder)
        device = SigningKey(bytes([seed]) * 32)
        self.claim(stand, device, f"dev-{locker_id}")
        self._plug(locker_id, stand)
        return stand

    def clone(self, stand: Stand, folder: Path) -> Stand:
        """Start a second computer from a copy of a locker's card."""
        folder.mkdir()
        twin = Stand(stand.config, folder)
        twin.identity = stand.identity
        twin.run(stand.now_s)
        shutil.copy(stand._path, twin._path)
        self._plug(f"{stand.config.locker.id}, again", twin)
        return twin

    def _plug(self, name: str, stand: Stand) -> None:
        locker_id = stand.config.locker.id
        stand.pipe = lambda kind, payload: self._hear(Came(topic(locker_id, kind), payload, False))
        self.stands[name] = stand
        stand.boot()
        stand.connect()

    def claim(self, stand: Stand, device: SigningKey, device_id: str) -> None:
        """Take a device in, and give it what it must know."""
        stand.identity = claim(self, stand.config.locker.id, device_id, device)

    def put_card_back(self, stand: Stand, card: Path) -> None:
        """Start a locker from an older copy of its store."""
        stand.kill()
        for end in ("-wal", "-shm"):
            Path(f"{stand._path}{end}").unlink(missing_ok=True)
        shutil.copy(card, stand._path)
        stand.boot()
        stand.connect()

    # Time and wire -------------------------------------------------------------------------------

    @property
    def now_s(self) -> float:
        """How far the furthest locker is, in seconds since the start."""
        return max((stand.now_s for stand in self.stands.values()), default=0.0)

    @property
    def now(self) -> datetime:
        """What the backend's clock says."""
        return START + timedelta(seconds=self.now_s)

    def run(self, seconds: float) -> None:
        """Let all live on, together."""
        until = self.now_s + seconds
        at_s = min(stand.now_s for stand in self.stands.values())
        while at_s < until:
            at_s = min(at_s + BEAT_S, until)
            for stand in self.stands.values():
                stand.run(max(0.0, at_s - stand.now_s))
            self.exchange.poll()
            self.exchange.tick()

    def until(self, what: str, is_so: Callable[[], bool], *, s_max: float = 180.0) -> None:
        """Live on until something is so."""
        end = self.now_s + s_max
        while not is_so():
            assert self.now_s < end, f"{what} did not come to pass within {s_max} s"
            self.run(BEAT_S)

    def _hear(self, came: Came) -> None:
        if parse(came.topic).kind in HEARD:
            self.exchange.take(came)

    def _say(self, name: str, payload: bytes) -> None:
        where = parse(name)
        self.said.append(where.kind)
        for stand in self.stands.values():
            if stand.config.locker.id == where.locker_id:
                stand.after(WIRE_S, partial(stand.deliver, where.kind, payload))

    # People --------------------------------------------------------------------------------------

    def moment(self) -> Moment:
        return Moment(self.now)

    def ask(self, locker_id: str, label: str, key: str) -> Answered:
        """Ask for room for a small parcel."""
        request = ReservationRequest(
            locker_id=locker_id,
            label=Label(kind="reference", value=label),
            dimensions={"w_mm": 200, "h_mm": 60, "d_mm": 200, "g": 900},  # type: ignore[arg-type]
            deposit_by=self.now + timedelta(days=2),
            collect_within="P3D",
        )
        tried = attempt(OPERATION, key, request.model_dump_json())
        return self.change(
            lambda session: reserve(
                session,
                self.credentials,
                request.asked(tried),
                secrets=self.secrets,
                moment=self.moment(),
            )
        )

    def reserve(self, locker_id: str, label: str) -> dict[str, Any]:
        """Reserve, and let the locker have the right."""
        status, body, _ = self.ask(locker_id, label, f"{label}-{self.now_s}")
        assert status == 201, body
        self.run(3.0)
        return body

    def deposit(self, stand: Stand, label: str) -> int:
        """Scan and put in; return the door."""
        told = stand.scan(label)
        assert told is not None
        assert told.outcome in ("opens", "check_empty"), told
        assert told.compartment is not None
        assert stand.person("put_in", told.compartment)
        self.run(3.0)
        return told.compartment

    def code(self, right_id: str) -> str:
        """Tell a recipient their code, as a webhook does."""
        with db.reader(self.engine) as session:
            n = number_of(session, UUID(right_id))
        assert n is not None, "the code of a right is known"
        codes = codes_of(self.secrets.k_codes, UUID(right_id), n)
        return codes.code + codes.addition

    def collect(self, stand: Stand, code: str) -> None:
        """Type the code and take the parcel out."""
        answer = stand.type_code(code[:8])
        if answer is not None and answer.outcome == "long_code_needed":
            answer = stand.type_code(code)
        assert answer is not None
        assert answer.outcome == "opens", answer
        assert answer.compartment is not None
        assert stand.person("take_out", answer.compartment)
        self.run(3.0)

    # The database --------------------------------------------------------------------------------

    def change(self, work: Callable[[Session], T]) -> T:
        return db.run(self.engine, work)

    def rows(self, model: type[M]) -> list[M]:
        with db.reader(self.engine) as session:
            return list(session.scalars(select(model)))
