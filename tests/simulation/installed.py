"""The installation that a locker on the stand belongs to: its keys, and who the locker is."""

from functools import cache

from fellesskap_edge.identity import Broker, Identity, Provision
from fellesskap_protocol.codes import locker_key
from fellesskap_protocol.messages import Keys, VerificationKey
from fellesskap_protocol.signing import SigningKey, b64url, seal

INSTALLATION = "simulated"
ROOT, SIGNER, DEVICE = (SigningKey(bytes([one]) * 32) for one in (1, 2, 3))


@cache
def provisioned(locker_id: str) -> Identity:
    """Who the locker is, and whom it believes."""
    keys = Keys(
        iat=0,
        iss=INSTALLATION,
        aud=locker_id,
        version=1,
        keys=(VerificationKey(kid=SIGNER.kid, x=b64url(SIGNER.public.raw)),),
        revoked=(),
    )
    provision = Provision(
        installation=INSTALLATION,
        locker_id=locker_id,
        device_id="dev-1",
        k_locker=b64url(locker_key(bytes(32), locker_id, 1)),
        k_version=1,
        root_key=b64url(ROOT.public.raw),
        keys=seal(keys, ROOT).decode(),
        broker=Broker("none", 1, "none", "none"),
    )
    return Identity(DEVICE, provision)
