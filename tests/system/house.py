"""A whole small installation as separate processes, and the people around it.

Backend, broker, edge daemon and simulated hardware run as a technician would start them; whoever
uses this module reaches them only through their front doors: HTTP, the kiosk's page, MQTT, the
scanner's serial line and the doors of the plant. Used by `demo`, the system tests and the bench.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx

BIN = Path(sys.executable).parent
READY_S_MAX = 180.0
POLL_S = 0.01
T = TypeVar("T")
Json = dict[str, Any]


class NeverHappened(AssertionError):
    """A state that was waited for did not come; says which, and what was seen last."""


def wait_for(what: str, probe: Callable[[], T | None], timeout_s: float = 30.0) -> T:
    """Return the first truthy answer of `probe`; raise `NeverHappened` after `timeout_s`."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout_s
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NeverHappened(f"{what}: not within {timeout_s:.0f} s; last seen {found!r}")
        pause.wait(POLL_S)


class Program:
    """One process of ours: started, ready by its first JSON line, stopped or killed."""

    def __init__(self, name: str, command: list[str], log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self.started_at = time.monotonic()
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **env},
                start_new_session=True,
            )
        self.ready = self._first_line()
        self.ready_s = time.monotonic() - self.started_at
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def _first_line(self) -> Json:
        assert self.process.stdout is not None
        watchdog = threading.Timer(READY_S_MAX, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            self.process.stdout.close()
            self.process.wait()
            last = self.log.read_text(errors="replace")[-3000:]
            raise NeverHappened(f"{self.name} ended before it was ready; its log ends:\n{last}")
        ready: Json = json.loads(line)
        return ready

    def _drain(self) -> None:
        assert self.process.stdout is not None
        with self.log.open("ab") as log, self.process.stdout as stdout:
            for line in stdout:
                log.write(line)

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, nothing said."""
        self.process.kill()
        self.process.wait()
        self._drainer.join(5)

    def stop(self, timeout_s: float = 15.0) -> int:
        """Ask it to end and return its exit status; kill it if it does not listen."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise NeverHappened(f"{self.name} did not stop within {timeout_s:.0f} s") from None
        self._drainer.join(5)
        return status


def run_json(command: list[str], env: Mapping[str, str]) -> Json:
    """Run one of our commands and read the JSON it prints."""
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **env}, check=False
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:4])} failed:\n{done.stderr[-3000:]}")
    answer: Json = json.loads(done.stdout)
    return answer


class Hardware:
    """The simulated hardware of one locker, by its control socket."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder
        command = [str(BIN / "fellesskap-firmware-sim"), "live", "--dir", str(folder)]
        command += ["--config", str(folder / "locker.toml")]
        self.program = Program("simulated hardware", command, log, {})

    def _connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self.folder / "control.sock"))
        return line

    def ask(self, do: str, **arguments: Any) -> Json:
        """Send one request and return its answer; raise `AssertionError` on a refusal."""
        with self._connect() as line, line.makefile("rwb") as stream:
            stream.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            stream.flush()
            answer: Json = json.loads(stream.readline())
        assert "error" not in answer, f"{do}: {answer}"
        return answer

    def watch(self) -> Iterator[Json]:
        """Yield what happens, as it happens, until the socket closes."""
        with self._connect() as line, line.makefile("rwb") as stream:
            stream.write(b'{"do": "watch"}\n')
            stream.flush()
            for row in stream:
                yield json.loads(row)

    def scan(self, text: str) -> Json:
        """Hold a label before the scanner."""
        return self.ask("scan", text=text)

    def person(self, act: str, compartment: int | None = None, open_s: float = 2.2) -> Json:
        """Queue a person: when the door pops, do `act`, shut it after `open_s`."""
        return self.ask("person", act=act, compartment=compartment, open_s=open_s)

    def pulses(self) -> list[Json]:
        """Return the board's own record of pulses."""
        found: list[Json] = self.ask("pulses")["pulses"]
        return found

    def doors(self) -> list[Json]:
        """Return the plant's truth about every door."""
        found: list[Json] = self.ask("doors")["doors"]
        return found


SIZES_MM = {"S": (440, 110, 600), "M": (440, 230, 600), "L": (440, 370, 600)}


def locker_toml(
    locker_id: str, doors: int = 24, *, remote_open_interval_s: float = 10, supplies: int = 1
) -> str:
    """Write the wiring of a locker of one 8A board a supply: two M and an L after five S."""
    parts = [
        f'[locker]\nid = "{locker_id}"\n\n[edge]\nstate = "state"\n\n[kiosk]\nport = 0\n',
        '[scanner]\nfamily = "grow"\nport = "scanner"\n',
    ]
    if remote_open_interval_s != 10:
        parts.append(
            f"[limits]\nremote_open_interval_s = {remote_open_interval_s}\n"
            "remote_opens_per_10_min = 100000\n"
        )
    parts.extend(
        f'[[bank]]\nname = "{chr(97 + supply)}"\nfamily = "8a"\nport = "lock-bus"\n'
        f'baud = 9600\naddress = {supply + 1}\nsupply = "psu-{supply + 1}"\nclosed_bit = 1\n'
        'status_order = "high_first"\n'
        for supply in range(supplies)
    )
    for number in range(1, doors + 1):
        width, height, depth = SIZES_MM["SSSSSMML"[(number - 1) % 8]]
        floor = (400, 520, 640, 760, 880, 100, 1230, 1470)[(number - 1) % 8]
        bank, channel = divmod(number - 1, -(-doors // supplies))
        parts.append(
            f'[[compartment]]\nnumber = {number}\nbank = "{chr(97 + bank)}"\n'
            f"channel = {channel + 1}\nwidth_mm = {width}\nheight_mm = {height}\n"
            f"depth_mm = {depth}\nfloor_mm = {floor}\ntop_mm = {floor + height}\n"
            "max_g = 20000\nfeatures = []\noccupancy_sensor = false\n"
        )
    return "\n".join(parts)


class Locker:
    """One simulated locker: its hardware, its daemon and a folder for both."""

    def __init__(self, folder: Path, toml: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.config = folder / "locker.toml"
        self.config.write_text(toml)
        self.hardware = Hardware(folder, folder / "hardware.log")
        self.edge: Program | None = None
        self._kiosk: httpx.Client | None = None

    def identity(self) -> Json:
        """Let the edge make its device key and say who it is."""
        return run_json(
            [str(BIN / "fellesskap-edge"), "identity", "--config", str(self.config)], {}
        )

    def provision(self, provision: Json) -> None:
        """Put the backend's answer where the daemon reads it."""
        path = self.folder / "state" / "provision.json"
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(provision))

    def command(self) -> list[str]:
        """Return how the daemon is started."""
        if 'family = "gpio"' in self.config.read_text():
            # The pins of this computer are not there: the simulator's are joined to its plant.
            command = [str(BIN / "fellesskap-firmware-sim"), "edge", "--config", str(self.config)]
            return [*command, "--dir", str(self.folder)]
        return [str(BIN / "fellesskap-edge"), "run", "--config", str(self.config)]

    def start(self, env: Mapping[str, str] | None = None) -> Program:
        """Start the daemon and wait until it has read its doors."""
        self._close_kiosk()
        log = self.folder / "edge.log"
        self.edge = Program("edge daemon", self.command(), log, env or {})
        self._kiosk = httpx.Client(base_url=self.edge.ready["kiosk"], timeout=30)
        return self.edge

    @property
    def kiosk(self) -> httpx.Client:
        """The kiosk's front door."""
        assert self._kiosk is not None, "the daemon was not started"
        return self._kiosk

    def _close_kiosk(self) -> None:
        if self._kiosk is not None:
            self._kiosk.close()

    def enter(self, code: str) -> Json:
        """Type a code at the kiosk and return what it answers."""
        answer = self.kiosk.post("/api/code", json={"code": code})
        assert answer.status_code < 500, answer.text
        said: Json = answer.json()
        return said

    def stop(self) -> None:
        """Stop daemon and hardware."""
        self._close_kiosk()
        if self.edge is not None and self.edge.process.poll() is None:
            self.edge.stop()
        self.hardware.program.stop()


class StoppableBroker(Protocol):
    """A broker that tests started beside the backend."""

    def start(self) -> object:
        """Start it, on the port it had."""

    def kill(self) -> None:
        """SIGKILL."""


def with_own_key(request: httpx.Request) -> None:
    """Give a POST an Idempotency-Key of its own unless it has one, as a client library would."""
    if request.method == "POST" and "Idempotency-Key" not in request.headers:
        request.headers["Idempotency-Key"] = uuid.uuid4().hex


class Installation:
    """The backend as `fellesskap-backend serve`, with its lockers."""

    def __init__(self, root: Path, env: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.state = root / "backend"
        own = {"FELLESSKAP_ALLOW_LOOPBACK_WEBHOOKS": "true", "FELLESSKAP_RATE_PER_S": "0"}
        self.env = {**own, **(env or {})}
        self.lockers: list[Locker] = []
        self.backend: Program | None = None
        self.beside: list[Program] = []
        """More processes of the API."""
        self._clients: list[httpx.Client] = []
        self.broker: StoppableBroker | None = None
        root.mkdir(parents=True, exist_ok=True)

    def start(self) -> Program:
        """Start the backend on a free port, or again on the port it had."""
        port = httpx.URL(self.backend.ready["api"]).port if self.backend else 0
        self.backend = self._serve("backend", "--port", str(port))
        return self.backend

    def one_more_api(self) -> str:
        """Start one more process of the API; return where it is."""
        self.beside.append(self._serve("api", "--api-only", "--port", "0"))
        return str(self.beside[-1].ready["api"])

    def _serve(self, name: str, *words: str) -> Program:
        command = [str(BIN / "fellesskap-backend"), "serve", "--state", str(self.state), *words]
        return Program(name, command, self.root / f"{name}.log", self.env)

    @property
    def url(self) -> str:
        """Where the API is."""
        assert self.backend is not None, "the backend was not started"
        return str(self.backend.ready["api"])

    def cli(self, *words: str) -> Json:
        """Run one of the backend's commands beside the running server."""
        command = [str(BIN / "fellesskap-backend"), *words, "--state", str(self.state)]
        return run_json(command, self.env)

    def carrier(self, name: str, webhook: str | None = None) -> tuple[httpx.Client, Json]:
        """Add a carrier; return a client that bears its key, and what is secret of it.

        With `webhook` it subscribes that endpoint, and its secret is among them.
        """
        added = self.cli("carrier", "add", name)
        if webhook is not None:
            other = self.client(added["api_key"])
            answer = other.post("/v1/webhook-subscriptions", json={"url": webhook})
            assert answer.status_code == 201, answer.text
            added["webhook_secret"] = answer.json()["secret"]
        return self.client(added["api_key"]), added

    def operator(self, name: str = "Drift") -> httpx.Client:
        """Add an operator and return a client that bears its key."""
        return self.client(self.cli("operator", "add", name)["api_key"])

    def client(self, key: str, url: str | None = None) -> httpx.Client:
        """Return an HTTP client with an API key, of another process of the API with its `url`."""
        client = httpx.Client(
            base_url=url or self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            event_hooks={"request": [with_own_key]},
        )
        self._clients.append(client)
        return client

    def locker(self, locker_id: str, toml: str | None = None) -> Locker:
        """Build, provision and start one simulated locker."""
        locker = Locker(self.root / locker_id, toml or locker_toml(locker_id))
        self.lockers.append(locker)
        device = locker.folder / "device.json"
        device.write_text(json.dumps(locker.identity()))
        provision = self.cli(
            *("locker", "provision", locker_id, "--device", str(device)),
            *("--site-name", "Fornebu S"),
            *("--address", "Widerøeveien 5, 1360 Fornebu"),
            *("--position", "59.8965,10.6257"),
        )
        locker.provision(provision)
        locker.start()
        return locker

    def stop(self) -> None:
        """Stop everything, the lockers first."""
        for client in self._clients:
            client.close()
        for locker in self.lockers:
            with contextlib.suppress(ProcessLookupError):
                locker.stop()
        for program in (*self.beside, self.backend):
            if program is not None and program.process.poll() is None:
                program.stop()


@contextlib.contextmanager
def installation(root: Path, env: Mapping[str, str] | None = None) -> Iterator[Installation]:
    """Run an installation for the length of a `with`."""
    house = Installation(root, env)
    try:
        house.start()
        yield house
    finally:
        house.stop()
