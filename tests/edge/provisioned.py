"""A device that was taken in by a backend of its own: what the edge knows, and the backend."""

import secrets
import time

from fellesskap_edge.identity import Broker, Identity, Provision
from fellesskap_protocol.codes import locker_key
from fellesskap_protocol.messages import Keys, VerificationKey
from fellesskap_protocol.signing import SigningKey, b64url, seal
from tests.simulation.backend import INSTALLATION, SimulatedBackend

NOBODY = Broker("127.0.0.1", 1, "none", "none")
"""A broker that is out of reach."""


def provisioned(locker_id: str) -> tuple[Identity, SimulatedBackend]:
    """Make keys for a device, and the backend that knows them."""
    device, root, key = (SigningKey(secrets.token_bytes(32)) for _ in range(3))
    k_locker = locker_key(secrets.token_bytes(32), locker_id, 1)
    verifying = (VerificationKey(kid=key.kid, x=b64url(key.public.raw)),)
    iat = int(time.time())
    keys = Keys(iat=iat, iss=INSTALLATION, aud=locker_id, version=1, keys=verifying, revoked=())
    provision = Provision(
        installation=INSTALLATION,
        locker_id=locker_id,
        device_id="dev-1",
        k_locker=b64url(k_locker),
        k_version=1,
        root_key=b64url(root.public.raw),
        keys=seal(keys, root).decode(),
        broker=NOBODY,
    )
    backend = SimulatedBackend(locker_id, key, device.public, k_locker)
    return Identity(device, provision), backend
