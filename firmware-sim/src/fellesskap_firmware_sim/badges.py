"""Courier badges signed by hand, without a carrier: for tests, the demo and a laptop.

Carriers get theirs from the API (`POST /v1/courier-badges`). Reads the backend's `secrets.json`
(installation and signing seed) and prints what the badge's QR code says. Whoever can read that
file can open doors anyway.
"""

import json
from pathlib import Path
from typing import Literal

from fellesskap_protocol.messages import Badge
from fellesskap_protocol.signing import SigningKey, seal, unb64url

May = Literal["deposit", "remove"]
MAY: tuple[May, ...] = ("deposit", "remove")


class NoSecrets(ValueError):
    """The file is not a backend's `secrets.json`."""


def sign(badge: Badge, key: SigningKey) -> str:
    """Return what the QR code of a badge says."""
    return seal(badge, key).decode()


def signer(path: Path) -> tuple[str, SigningKey]:
    """Return an installation and its key; raise `NoSecrets` if the file holds none."""
    try:
        kept = json.loads(path.read_text())
        return str(kept["installation"]), SigningKey(unb64url(kept["signing_seed"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoSecrets(f"{path} is not the secrets.json of a backend: {error}") from None
