"""The secrets of an installation: made once, kept in one file that only its owner reads.

Nothing here is ever logged; `repr` shows the installation's name alone.
"""

import hmac
import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from fellesskap_protocol.codes import locker_key
from fellesskap_protocol.messages import Keys, VerificationKey
from fellesskap_protocol.signing import SigningKey, b64url, seal, unb64url

FILE = "secrets.json"
_KEYS = ("root_seed", "signing_seed", "k_master", "k_codes", "k_broker")
KEYS_VERSION = 1


@dataclass(frozen=True)
class Secrets:
    """What only this installation knows."""

    installation: str
    """The installation's id: `iss` of what it signs, `aud` of what it is sent."""
    root: SigningKey = field(repr=False)
    """Signs `keys` only; lockers pin it at provisioning."""
    signing: SigningKey = field(repr=False)
    """Signs acknowledgements, rights and commands."""
    k_master: bytes = field(repr=False)
    k_codes: bytes = field(repr=False)
    k_broker: bytes = field(repr=False)

    def k_locker(self, locker_id: str, version: int) -> bytes:
        """Return the key under which a locker knows labels and codes."""
        return locker_key(self.k_master, locker_id, version)

    def broker_password(self, username: str) -> str:
        """Derive the embedded broker's password of one user."""
        return b64url(hmac.digest(self.k_broker, username.encode(), sha256))

    def keys(self, locker_id: str, now: datetime) -> bytes:
        """Return the signed `keys` message for one locker."""
        public = self.signing.public
        message = Keys(
            iat=int(now.timestamp()),
            iss=self.installation,
            aud=locker_id,
            version=KEYS_VERSION,
            keys=(VerificationKey(kid=public.kid, x=b64url(public.raw)),),
            revoked=(),
        )
        return seal(message, self.root)


def load(state: Path) -> Secrets:
    """Read the secrets of a state directory; make them first where there are none."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = state / FILE
    if not path.exists():
        _make(path)
    kept = json.loads(path.read_text())
    keys = {name: unb64url(kept[name]) for name in _KEYS}
    return Secrets(
        installation=kept["installation"],
        root=SigningKey(keys["root_seed"]),
        signing=SigningKey(keys["signing_seed"]),
        k_master=keys["k_master"],
        k_codes=keys["k_codes"],
        k_broker=keys["k_broker"],
    )


def _make(path: Path) -> None:
    """Write a whole file and link it into place: of two commands at once, one makes it."""
    made = {"installation": f"fellesskap-{os.urandom(8).hex()}"}
    made |= {name: b64url(os.urandom(32)) for name in _KEYS}
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(made, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
