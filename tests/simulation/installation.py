"""The backend of a world: its database, bridge, worker and secrets, as real as they come.

The clock is the world's, chance and ids come from the seed, webhooks go to a postman. A process of
it may die around a commit; a database may be put back to an older copy.
"""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, event

from fellesskap_backend import db
from fellesskap_backend.bridge.exchange import HEARD, Exchange, House
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.db import Moment
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.operators import keeping
from fellesskap_backend.operators.recording import Doing
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks.outbox import Letter
from fellesskap_backend.webhooks.sender import Ended
from fellesskap_backend.worker import Machine, Worker
from fellesskap_protocol.messages import (
    Ack,
    Birth,
    Command,
    MalformedMessage,
    Result,
    Rights,
    Signed,
)
from fellesskap_protocol.signing import PublicKey, SigningKey, unseal
from fellesskap_protocol.topics import Kind, parse
from tests.judge import history
from tests.memory import in_memory
from tests.simulation.chronicle import Chronicle
from tests.simulation.stand_parts import START

Say = Callable[[str, Kind, bytes], None]
Letters = Callable[[list[Letter], Ended], None]
Backup = tuple[float, Path]
"""When it was made, and where it is."""
NAME = "fellesskap.sqlite3"
PRIVATE = ("root key", "signing key", "K_master", "K_codes", "K_broker")
"""What only the backend knows."""
BACKEND_CRASHES = ("backend_before_commit", "backend_after_commit", "backend_before_say")


class BackendDied(BaseException):
    """The backend's process dies here; not an Exception, so that nothing catches it."""


@cache
def empty_database() -> bytes:
    """Return the file of a database with all migrations, made once per process."""
    with TemporaryDirectory(prefix="fellesskap-world-", dir=in_memory(mib=32)) as name:
        engine = db.engine(Settings(state=Path(name)))
        upgrade(engine)
        engine.dispose()
        with closing(sqlite3.connect(Path(name) / NAME)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return (Path(name) / NAME).read_bytes()


class Installation:
    """One backend; `say` carries what it says, `letters` takes webhooks."""

    def __init__(
        self,
        rng: random.Random,
        chronicle: Chronicle,
        folder: Path,
        *,
        now_s: Callable[[], float],
        say: Say,
    ) -> None:
        self.rng, self.chronicle, self.folder = rng, chronicle, folder
        self._now_s, self._say = now_s, say
        self.offset = timedelta()
        """How wrong its clock is."""
        self.up = True
        self.doom: tuple[str, int] | None = None
        self.letters: Letters = lambda _letters, _ended: None
        """Takes webhooks to carriers."""
        self.keys: dict[str, dict[str, PublicKey]] = {}
        """The keys of each locker's devices, by kid."""
        self.backups: list[Backup] = []
        self.refused = 0
        name = f"fellesskap-{rng.randbytes(8).hex()}"
        self.private = {one: rng.randbytes(32) for one in PRIVATE}
        root, signing, k_master, k_codes, k_broker = self.private.values()
        self.secrets = Secrets(
            installation=name,
            root=SigningKey(root),
            signing=SigningKey(signing),
            k_master=k_master,
            k_codes=k_codes,
            k_broker=k_broker,
        )
        (folder / NAME).write_bytes(empty_database())
        self._seen_rows = 0
        self._seen_gaps = 0
        self.settings = Settings(state=folder, allow_loopback_webhooks=True)
        # One for all its processes: with it they would lose only the statements it has compiled.
        self.engine: Engine = db.engine(self.settings)
        event.listen(self.engine, "commit", self._committing)
        self.start()

    # The process ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start bridge, worker and API on the database as it is."""
        self.eye = sqlite3.connect(self.folder / NAME, isolation_level=None)
        moment = partial(Moment, random_bytes=self.rng.randbytes)
        house = House(self.secrets, self.engine, self._said, lambda: self.now, moment=moment)
        self.exchange = Exchange(house)
        machine = Machine(self._now_s, self.moment, lambda ended: Postman(self, ended))
        self.worker = Worker(self.settings, self.secrets, self.engine, machine=machine)
        self.up = True
        self.chronicle.note(history.Part, part="backend", state="up")

    def stop(self) -> None:
        """End the process at once."""
        self.up = False
        self.doom = None
        self.engine.dispose()
        self.eye.close()
        self.chronicle.note(history.Part, part="backend", state="down")

    @property
    def now(self) -> datetime:
        """What its clock says."""
        return START + timedelta(seconds=self._now_s()) + self.offset

    def moment(self) -> Moment:
        """Return the time and the chance of one request."""
        return Moment(self.now, random_bytes=self.rng.randbytes)

    def _committing(self, _connection: object) -> None:
        self._passing("backend_before_commit")

    def _passing(self, point: str) -> None:
        if self.doom is None or self.doom[0] != point:
            return
        self.doom = (point, self.doom[1] - 1)
        if self.doom[1] <= 0:
            self.doom = None
            self.chronicle.passed.add(point)
            raise BackendDied(point)

    # What it hears and says ----------------------------------------------------------------------

    def hear(self, topic: str, payload: bytes) -> None:
        """Take one message in; whatever it commits is told."""
        if not self.up or parse(topic).kind not in HEARD:
            return
        if parse(topic).kind == "presence":
            return
        self.exchange.take(Came(topic, payload, retained=False))

    def _said(self, topic: str, payload: bytes) -> None:
        self.look()
        self._passing("backend_before_say")
        where = parse(topic)
        self._tell(where.locker_id, where.kind, payload)
        self._say(where.locker_id, where.kind, payload)
        self._passing("backend_after_commit")

    def _tell(self, locker_id: str, kind: Kind, payload: bytes) -> None:
        """Tell what was signed."""
        ours = {self.secrets.signing.kid: self.secrets.signing.public}
        note = self.chronicle.note
        match kind:
            case "ack":
                ack = unseal(Ack, payload, ours, aud=locker_id)
                note(
                    history.Acked,
                    locker=locker_id,
                    epoch=ack.epoch,
                    seq=ack.acked_seq,
                    verdict=ack.verdict,
                )
            case "rights":
                rights = unseal(Rights, payload, ours, aud=locker_id)
                note(history.Sent, locker=locker_id, rights=rights)
            case "commands":
                command = unseal(Command, payload, ours, aud=locker_id)
                note(history.Commanded, locker=locker_id, command=command)
            case _:
                pass

    def overheard(self, locker_id: str, kind: Kind, payload: bytes, boot_id: str) -> None:
        """Tell the challenges that a locker gives out."""
        class_of: dict[Kind, type[Signed]] = {"birth": Birth, "results": Result}
        if kind not in class_of:
            return
        try:
            said: Any = unseal(
                class_of[kind], payload, self.keys[locker_id], aud=self.secrets.installation
            )
        except MalformedMessage:
            return
        answers = {"jti": said.jti, "outcome": said.outcome} if isinstance(said, Result) else {}
        self.chronicle.note(
            history.Challenged,
            locker=locker_id,
            boot_id=boot_id,
            challenge=said.challenge,
            **answers,
        )

    def look(self) -> None:
        """Tell what was committed to the ledger since the last look, with eyes of one's own."""
        rows = self.eye.execute(
            "SELECT rowid, locker_id, epoch, body FROM ledger WHERE rowid > ? ORDER BY rowid",
            (self._seen_rows,),
        ).fetchall()
        gaps = self.eye.execute(
            "SELECT rowid, locker_id, epoch, first_seq, last_seq FROM ledger_gaps "
            "WHERE rowid > ? ORDER BY rowid",
            (self._seen_gaps,),
        ).fetchall()
        for number, locker_id, epoch, first, last in gaps:
            self._seen_gaps = number
            self.chronicle.note(history.Gap, locker=locker_id, epoch=epoch, first=first, last=last)
        for number, locker_id, epoch, body in rows:
            self._seen_rows = number
            self.chronicle.note(history.Recorded, locker=locker_id, epoch=epoch, event=body)

    def heads(self) -> None:
        """Tell how far the ledger reaches."""
        for locker_id, epoch, seq, hash_ in self.eye.execute(
            "SELECT locker_id, epoch, acked_seq, last_hash FROM epochs ORDER BY opened_at, epoch"
        ).fetchall():
            self.chronicle.note(
                history.Head, of="ledger", locker=locker_id, epoch=epoch, seq=seq, hash=hash_
            )

    # Copies --------------------------------------------------------------------------------------

    def back_up(self) -> None:
        """Copy the database as it is now."""
        path = self.folder / f"backup-{len(self.backups)}.sqlite3"
        with sqlite3.connect(path) as copy:
            self.eye.backup(copy)
        copy.close()
        self.backups.append((self._now_s(), path))

    def put_back(self, backup: Backup, *, told: bool) -> None:
        """Serve a backup from now on; `told`: an operator runs `restored` first."""
        at_s, path = backup
        if self.up:
            self.stop()
        for tail in ("", "-wal", "-shm"):
            (self.folder / f"{NAME}{tail}").unlink(missing_ok=True)
        shutil.copy(path, self.folder / NAME)
        self.chronicle.note(history.Restored, part="backend", to=at_s)
        self.start()
        for table, seen in (("ledger", "_seen_rows"), ("ledger_gaps", "_seen_gaps")):
            (last,) = self.eye.execute(f"SELECT max(rowid) FROM {table}").fetchone()
            setattr(self, seen, last or 0)
        self.heads()
        if told:
            self.say_restored()

    def say_restored(self) -> None:
        """Run `fellesskap-backend restored`."""
        db.run(
            self.engine,
            lambda session: keeping.restored(
                Doing.by_command(session, "a backup was put back", self.moment())
            ),
        )


class Postman:
    """What the worker gives its webhooks to."""

    def __init__(self, home: Installation, ended: Ended) -> None:
        self._home, self._ended = home, ended

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""

    def send(self, letters: list[Letter]) -> None:
        """Deliver at once, if it pleases the world."""
        self._home.letters(letters, self._ended)
