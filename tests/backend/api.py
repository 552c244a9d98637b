"""The HTTP side of one installation, served by uvicorn on loopback in a thread of the test."""

import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from fellesskap_backend import db, secrets
from fellesskap_backend.app import create_app
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers.tables import Compartment, Locker, Site
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from tests.backend import refused
from tests.backend.postgres import Postgres
from tests.system.house import wait_for, with_own_key

Json = dict[str, Any]
M = TypeVar("M", bound=db.Base)
T = TypeVar("T")
_TLS = ssl.create_default_context()
"""Never used on loopback, but each client would make one of its own, for 20 ms."""


def label(number: int) -> Json:
    """Return a label that no other number has."""
    return {"kind": "reference", "value": f"R-{number:06d}"}


def request(number: int = 1, **fields: Any) -> Json:
    """Return a request for a small parcel."""
    return {
        "locker_id": "oslo-1",
        "label": label(number),
        "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
        "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "collect_within": "P3D",
        **fields,
    }


def reserve(client: httpx.Client, body: Json, key: str) -> httpx.Response:
    """Ask for room."""
    return client.post("/v1/reservations", json=body, headers={"Idempotency-Key": key})


def put_up(
    engine: Engine, locker_id: str, *, doors: int, floor_mm: int = 400, height_mm: int = 110
) -> None:
    """Put up a locker that has described its hardware: all doors alike."""
    now = datetime.now(UTC)
    with db.writing(engine) as session:
        session.add(
            Locker(
                id=locker_id,
                site_name="Oslo S",
                address="Jernbanetorget 1",
                created_at=now,
                contact_at=now,
            )
        )
        session.flush()
        for number in range(1, doors + 1):
            session.add(
                Compartment(
                    locker_id=locker_id,
                    number=number,
                    width_mm=440,
                    height_mm=height_mm,
                    depth_mm=600,
                    floor_mm=floor_mm,
                    top_mm=floor_mm + height_mm,
                    max_g=20_000,
                    features=[],
                    content="empty",
                )
            )


class Api:
    """One server, its database and the people who call it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.secrets = secrets.load(settings.state)
        self.engine = db.engine(settings)
        upgrade(self.engine)
        self.wakes = 0
        self._clients: list[httpx.Client] = []
        self.url = f"http://127.0.0.1:{self._serve(port=0)}"

    def _serve(self, port: int) -> int:
        """Begin to serve; return at which port."""
        self.callers = db.for_callers(self.settings, self.engine)
        """The engine of requests: it sees what each caller's key lets it see."""
        app = create_app(self.settings, self.secrets, self.callers, wake=self._wake)
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            log_config=None,
            access_log=False,
            backlog=2048,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        wait_for("the server", lambda: self._server.started)
        bound: int = self._server.servers[0].sockets[0].getsockname()[1]
        return bound

    def _wake(self, *, at_once: bool = True) -> None:
        self.wakes += 1

    def stop(self) -> None:
        """End the server and close every connection."""
        for client in self._clients:
            client.close()
        self._end()
        self.callers.dispose()
        self.engine.dispose()

    def _end(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def come_back(self, cluster: Postgres | None) -> None:
        """Lose power and begin again, at the same address, on what the database had on its disk.

        `cluster`: its PostgreSQL; without one it is on SQLite.
        """
        self._end()
        if cluster is None:
            database = self.settings.database_url.removeprefix("sqlite:///")
            files = [Path(database), Path(f"{database}-wal")]
            # As SIGKILL would leave them: whoever closes the last connection tidies up.
            left = {file: file.read_bytes() for file in files if file.exists()}
        else:
            cluster.kill()
            cluster.start()
        self.callers.dispose()
        self.engine.dispose()
        if cluster is None:
            for file, content in left.items():
                file.write_bytes(content)
        self.engine = db.engine(self.settings)
        self._serve(port=httpx.URL(self.url).port or 0)

    def client(self, key: str | None = None) -> httpx.Client:
        """Return a client on a connection of its own; a POST gets a key unless it has one."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=60,
            trust_env=False,
            verify=_TLS,
            event_hooks={"request": [with_own_key], "response": [refused.hold]},
        )
        self._clients.append(client)
        return client

    def key(self, name: str = "Nordpost") -> str:
        """Take a carrier in; return its API key."""
        with db.writing(self.engine) as session:
            return carriers.add_carrier(session, name, _moment())[1]

    def carrier(self, name: str = "Nordpost") -> httpx.Client:
        """Take a carrier in; return its client."""
        return self.client(self.key(name))

    def operator(self) -> httpx.Client:
        """Let an operator in; return the client."""
        with db.writing(self.engine) as session:
            key = carriers.add_operator(session, "Drift", _moment())
        return self.client(key)

    def locker(
        self, locker_id: str, *, doors: int, floor_mm: int = 400, height_mm: int = 110
    ) -> None:
        """Put up a locker that has described its hardware: all doors alike."""
        put_up(self.engine, locker_id, doors=doors, floor_mm=floor_mm, height_mm=height_mm)

    def site(self, locker_id: str, latitude: float, longitude: float) -> str:
        """Put a locker at a site of its own; return the site's id."""

        def work(session: Session) -> str:
            now = datetime.now(UTC)
            row = lockers.provision(
                session, locker_id, site_name=f"At {locker_id}", address="Somewhere 1", now=now
            )
            lockers.place(session, locker_id, latitude=latitude, longitude=longitude)
            site = session.get_one(Site, row.site_id)
            lockers.put_at(site, lockers.point_of(row))
            return str(site.id)

        return self.change(work)

    def change(self, work: Callable[[Session], T]) -> T:
        """Change rows as bridge or worker would."""
        return db.run(self.engine, work)

    def rows(self, model: type[M]) -> list[M]:
        """Return every row of a table."""
        with db.reader(self.engine) as session:
            return list(session.scalars(select(model)))

    def count(self, model: type[db.Base]) -> int:
        """Count the rows of a table."""
        with db.reader(self.engine) as session:
            return session.scalar(select(func.count()).select_from(model)) or 0


def _moment() -> db.Moment:
    return db.Moment(datetime.now(UTC))
