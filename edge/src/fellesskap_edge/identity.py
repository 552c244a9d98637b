"""Who this device is and whom it believes: its key, `provision.json`, the keys of the backend.

The device key is made here and never leaves the machine; `provision.json` is the backend's answer.
Verification keys come signed by the root that was pinned at provisioning; versions never go back.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fellesskap_protocol.messages import Keys, MalformedMessage
from fellesskap_protocol.signing import PublicKey, SigningKey, b64url, unb64url, unseal

KEY_FILE, PROVISION_FILE = "device.key", "provision.json"


class NotProvisioned(RuntimeError):
    """The locker was not given its keys: says what to run."""


class Broker(msgspec.Struct, frozen=True):
    """Where the broker is and how to log in."""

    host: str
    port: int
    username: str
    password: str
    tls: bool = False

    def __repr__(self) -> str:
        """Name the broker without the password."""
        return f"Broker({self.username}@{self.host}:{self.port})"


class Provision(msgspec.Struct, frozen=True):
    """What `fellesskap-backend locker provision` printed."""

    installation: str
    locker_id: str
    device_id: str
    k_locker: str
    k_version: int
    root_key: str
    keys: str
    broker: Broker

    def __repr__(self) -> str:
        """Name the locker without its keys."""
        return f"Provision({self.locker_id} of {self.installation})"


@dataclass(frozen=True)
class Identity:
    """The device's key and what it was provisioned with."""

    key: SigningKey
    provision: Provision

    @property
    def k_locker(self) -> bytes:
        """The key of this locker's MACs."""
        return unb64url(self.provision.k_locker)


@dataclass(frozen=True)
class Keyring:
    """The backend's verification keys in force."""

    locker_id: str
    root: PublicKey
    version: int = 0
    keys: tuple[PublicKey, ...] = ()

    @property
    def by_kid(self) -> dict[str, PublicKey]:
        """The keys by their id."""
        return {key.kid: key for key in self.keys}

    def taken(self, token: bytes) -> "Keyring":
        """Return the keyring that a `keys` message makes; raise `MalformedMessage` if it may not.

        It must be signed by the root, never by a key that it replaces, and be newer.
        """
        message = unseal(Keys, token, {self.root.kid: self.root}, aud=self.locker_id)
        if message.version <= self.version:
            raise MalformedMessage(f"keys version {message.version}, {self.version} is in force")
        keys = tuple(
            PublicKey(unb64url(one.x)) for one in message.keys if one.kid not in message.revoked
        )
        return Keyring(self.locker_id, self.root, message.version, keys)


def keyring(provision: Provision) -> Keyring:
    """Return the keyring of `provision.json`."""
    empty = Keyring(provision.locker_id, PublicKey(unb64url(provision.root_key)))
    return empty.taken(provision.keys.encode())


def device_key(state: Path) -> SigningKey:
    """Read the device's key, or make it: 32 bytes that only this user can read."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = state / KEY_FILE
    if not path.exists():
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    return SigningKey(path.read_bytes())


def describe(state: Path) -> dict[str, str]:
    """Return what the backend must know to provision this device."""
    key = device_key(state)
    return {"device_id": f"dev-{key.kid[:16]}", "public_key": b64url(key.public.raw)}


def load(state: Path, locker_id: str) -> Identity:
    """Read key and provision; raise `NotProvisioned` saying what is missing."""
    path = state / PROVISION_FILE
    try:
        provision = msgspec.json.decode(path.read_bytes(), type=Provision)
    except OSError as error:
        raise NotProvisioned(
            f"{path}: {error.strerror}. Run `fellesskap-edge identity --config …`, give its answer "
            "to `fellesskap-backend locker provision` and put what that prints here."
        ) from None
    except msgspec.DecodeError as error:
        raise NotProvisioned(f"{path}: {error}") from None
    if provision.locker_id != locker_id:
        raise NotProvisioned(
            f"{path} is for locker {provision.locker_id!r}, locker.toml says {locker_id!r}"
        )
    return Identity(device_key(state), provision)
