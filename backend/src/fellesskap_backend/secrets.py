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
from typing import Any

from fellesskap_protocol.codes import locker_key
from fellesskap_protocol.messages import Keys, VerificationKey
from fellesskap_protocol.signing import SigningKey, b64url, seal, unb64url

FILE = "secrets.json"
_KEYS = ("root_seed", "signing_seed", "k_master", "k_codes", "k_broker")


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
    keys_version: int = 1
    """Of the `keys` message: raised with each rotation, never lowered."""
    retired: tuple[str, ...] = ()
    """Ids of keys that signed before."""

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
            version=self.keys_version,
            keys=(VerificationKey(kid=public.kid, x=b64url(public.raw)),),
            revoked=self.retired,
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
        keys_version=kept.get("keys_version", 1),
        retired=tuple(kept.get("retired", ())),
    )


def rotate(state: Path) -> Secrets:
    """Sign with a new key from the next start on; lockers are told when they refuse it.

    Badges that the old key signed are good for nothing from then on.
    """
    before = load(state)
    kept = json.loads((state / FILE).read_text())
    kept["signing_seed"] = b64url(os.urandom(32))
    kept["keys_version"] = before.keys_version + 1
    kept["retired"] = [*before.retired, before.signing.kid]
    _draft(state / FILE, kept).replace(state / FILE)
    return load(state)


def _make(path: Path) -> None:
    """Write a whole file and link it into place: of two commands at once, one makes it."""
    made = {"installation": f"fellesskap-{os.urandom(8).hex()}"}
    made |= {name: b64url(os.urandom(32)) for name in _KEYS}
    draft = _draft(path, made)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _draft(path: Path, content: dict[str, Any]) -> Path:
    """Write a file beside its place, durably."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    return draft
