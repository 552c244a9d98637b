"""Real brokers for tests: nats-server from its wheel and Mosquitto from Debian, on loopback."""

import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.system.house import BIN, wait_for

Name = Literal["nats", "mosquitto"]
NAMES: tuple[Name, ...] = ("nats", "mosquitto")
PASSWORD = "a-password-of-this-test-only"
USERS = ("backend", "locker", "operator")


def free_port() -> int:
    """Return a port that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Broker:
    """One broker process that can be killed and started again on its port."""

    name: Name
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    certificate: Path | None = None
    """With one, Mosquitto speaks TLS alone."""

    def start(self) -> "Broker":
        """Start it and wait until it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self._nats() if self.name == "nats" else self._mosquitto()
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_for(f"{self.name} listens", self._listens)
        return self

    def _listens(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            log = (self.folder / "broker.log").read_text()[-2000:]
            raise AssertionError(f"{self.name} ended: {log}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def login(self, username: str) -> dict[str, Any]:
        """Return host, port, username and password of one role."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": username,
            "password": PASSWORD,
            "tls": self.certificate is not None,
        }

    def url(self, username: str) -> str:
        """Return the same as one URL."""
        scheme, host = ("mqtts", "localhost") if self.certificate else ("mqtt", "127.0.0.1")
        return f"{scheme}://{username}:{PASSWORD}@{host}:{self.port}"

    def _nats(self) -> list[str]:
        config = self.folder / "nats.conf"
        users = ", ".join(f'{{ user: {user}, password: "{PASSWORD}" }}' for user in USERS)
        config.write_text(
            f'server_name: test\nlisten: "127.0.0.1:{free_port()}"\n'
            f'jetstream {{ store_dir: "{self.folder}/store" }}\n'
            f'mqtt {{ listen: "127.0.0.1:{self.port}" }}\n'
            f"authorization {{ users: [ {users} ] }}\n"
        )
        return [str(BIN / "nats-server"), "-c", str(config)]

    def _mosquitto(self) -> list[str]:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program, "mosquitto is not installed: `make test` installs it"
        passwords = self.folder / "passwords"
        passwords.touch(mode=0o600)
        for user in USERS:
            subprocess.run(
                ["mosquitto_passwd", "-b", str(passwords), user, PASSWORD],
                check=True,
                capture_output=True,
            )
        config = self.folder / "mosquitto.conf"
        tls = f"certfile {self.certificate}\nkeyfile {self.certificate}\n"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\n"
            f"password_file {passwords}\nset_tcp_nodelay true\npersistence false\nuser root\n"
            + (tls if self.certificate else "")
        )
        return [program, "-c", str(config)]
