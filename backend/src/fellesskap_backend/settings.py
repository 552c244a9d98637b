"""What an installation can set: by environment (`FELLESSKAP_…`) or by an option of the command.

Built in `__main__` and nowhere else; everything below takes it as an argument.
"""

from pathlib import Path
from typing import Literal, TypedDict
from urllib.parse import unquote, urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Role = Literal["backend", "operator", "locker"]
PORTS = {"mqtt": 1883, "mqtts": 8883}


class Login(TypedDict):
    """Where the broker is and how to come in."""

    host: str
    port: int
    username: str
    password: str
    tls: bool


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(env_prefix="FELLESSKAP_", frozen=True, extra="ignore")

    state: Path = Path("state")
    """Where secrets, the embedded database and the embedded broker live."""
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    """Where the API listens; 0 takes a free port."""
    database_url: str = ""
    """Empty: SQLite in the state directory; else `postgresql+psycopg://…`."""
    pool_size: int = Field(default=16, ge=1, le=200)
    """Threads, connections and admitted requests: one number, so that none waits for another."""
    gate_wait_s: float = Field(default=10.0, gt=0)
    """How long a request waits for admission before it is answered 503."""
    rate_per_s: float = Field(default=200.0, ge=0)
    """Requests a second of one API key, or of one address, in the long run; 0: no limit."""
    rate_burst: int = Field(default=2_000, ge=1)
    """How many of them at once, after a rest."""
    broker_url: str = ""
    """Empty: `serve` starts its own; else `mqtts://user:password@host:port`, or `mqtt://…`."""
    locker_broker_url: str = ""
    """What lockers are told, when the broker is not our own."""
    operator_broker_url: str = ""
    """What operators are told, when the broker is not our own."""
    allowances: dict[str, int] = {}
    """How many parcels per size class a new locker may take in by itself: `{"S": 2, "M": 1}`."""
    allow_loopback_webhooks: bool = False
    """Only for demonstrations and tests: webhooks to this machine."""

    def model_post_init(self, _context: object) -> None:
        """Put the embedded database where the state is."""
        if not self.database_url:
            path = self.state.absolute() / "fellesskap.sqlite3"
            object.__setattr__(self, "database_url", f"sqlite:///{path}")

    def external_login(self, role: Role) -> Login | None:
        """Return what a role is told of a broker that is not our own; None without one."""
        if not self.broker_url:
            return None
        own = {"locker": self.locker_broker_url, "operator": self.operator_broker_url}
        return login_of(own.get(role) or self.broker_url)


def login_of(url: str) -> Login:
    """Take `mqtts://user:password@host:port` apart; `mqtt://` is the same without TLS.

    >>> login_of("mqtt://backend:s%2Fe@broker.example")["password"]
    's/e'
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("a broker's address is mqtts://user:password@host:port, or mqtt://…")
    return Login(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=parts.scheme == "mqtts",
    )
