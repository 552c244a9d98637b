"""A locker of a world is taken in: its device is known, and it knows what it must."""

from fellesskap_backend import db
from fellesskap_backend.lockers import service as lockers
from fellesskap_edge.identity import Broker, Identity, Provision
from fellesskap_protocol.signing import SigningKey, b64url
from tests.simulation.cabinet import Cabinet
from tests.simulation.installation import Installation


def claim(home: Installation, cabinet: Cabinet, device: SigningKey) -> None:
    """Take a device in, and give it what it must know."""
    locker_id = cabinet.locker_id
    device_id = f"dev-{locker_id}"
    with db.writing(home.engine) as session:
        lockers.provision(session, locker_id, site_name="S", address="A", now=home.now)
        lockers.claim_device(
            session,
            locker_id,
            device_id=device_id,
            public_key=b64url(device.public.raw),
            now=home.now,
        )
    home.keys[locker_id] = {device.public.kid: device.public}
    provision = Provision(
        installation=home.secrets.installation,
        locker_id=locker_id,
        device_id=device_id,
        k_locker=b64url(home.secrets.k_locker(locker_id, 1)),
        k_version=1,
        root_key=b64url(home.secrets.root.public.raw),
        keys=home.secrets.keys(locker_id, home.now).decode(),
        broker=Broker("none", 1, "none", "none"),
    )
    cabinet.identity = Identity(device, provision)
