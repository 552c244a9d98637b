"""What a device is told once: the `provision.json` of its edge, which holds its secrets."""

from datetime import datetime
from typing import Any

from fellesskap_backend.broker import locker_login
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from fellesskap_protocol.signing import b64url


def told_to_edge(
    settings: Settings, kept: Secrets, locker: Locker, device_id: str, *, now: datetime
) -> dict[str, Any]:
    """Return what a device of a locker must know."""
    login = settings.external_login("locker") or locker_login(settings.state, locker.id)
    return {
        "installation": kept.installation,
        "locker_id": locker.id,
        "device_id": device_id,
        "k_locker": b64url(kept.k_locker(locker.id, locker.k_version)),
        "k_version": locker.k_version,
        "root_key": b64url(kept.root.public.raw),
        "keys": kept.keys(locker.id, now).decode(),
        "broker": dict(login),
    }
