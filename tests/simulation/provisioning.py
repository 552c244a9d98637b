"""A locker is taken in: its device is known, and it knows what it must."""

from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine

from fellesskap_backend import db
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.secrets import Secrets
from fellesskap_edge.identity import Broker, Identity, Provision
from fellesskap_protocol.signing import SigningKey, b64url


class Home(Protocol):
    """An installation in virtual time."""

    engine: Engine
    secrets: Secrets

    @property
    def now(self) -> datetime:
        """The time there."""


def claim(home: Home, locker_id: str, device_id: str, device: SigningKey) -> Identity:
    """Take a device in; return what it must know."""
    secrets, now = home.secrets, home.now
    with db.writing(home.engine) as session:
        lockers.provision(session, locker_id, site_name="S", address="A", now=now)
        lockers.claim_device(
            session,
            locker_id,
            device_id=device_id,
            public_key=b64url(device.public.raw),
            now=now,
        )
    provision = Provision(
        installation=secrets.installation,
        locker_id=locker_id,
        device_id=device_id,
        k_locker=b64url(secrets.k_locker(locker_id, 1)),
        k_version=1,
        root_key=b64url(secrets.root.public.raw),
        keys=secrets.keys(locker_id, now).decode(),
        broker=Broker("none", 1, "none", "none"),
    )
    return Identity(device, provision)
