"""PURE: the secrets of subscriptions, and signatures by Standard Webhooks.

A secret is derived from the installation's and stands in no row. While two are good, a delivery
bears a signature by each, with a space between, so that a receiver may change over when it likes.
"""

import hmac
from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = "whsec_"
SEALED = "sealed:"
NONCE_BYTES = 12


def secret(k_codes: bytes, subscription_id: UUID, version: int) -> str:
    """Return a secret as it is shown: `whsec_` and 32 bytes in base64; `version` from 1."""
    mine = hmac.digest(k_codes, b"webhooks", sha256)
    number = version.to_bytes(4, "big")
    made = hmac.digest(mine, subscription_id.bytes + number, sha256)
    return MARK + b64encode(made).decode()


def sign(secrets: tuple[str, ...], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that say what a delivery is, when it was sent, and by whom."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = (
        b64encode(hmac.digest(b64decode(one.removeprefix(MARK)), signed, sha256)).decode()
        for one in secrets
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def seal(k_codes: bytes, subscription_id: UUID, plain: str, nonce: bytes) -> str:
    """Encrypt a secret that was not derived here; `nonce` is random, 12 bytes."""
    made = _cipher(k_codes).encrypt(nonce, plain.encode(), subscription_id.bytes)
    return SEALED + b64encode(nonce + made).decode()


def unseal(k_codes: bytes, subscription_id: UUID, kept: str) -> str:
    """Return what was sealed; raise `ValueError` where it is another installation's."""
    if not kept.startswith(SEALED):
        return kept  # from before it was sealed: the worker has not started since
    sealed = b64decode(kept.removeprefix(SEALED))
    nonce, made = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return _cipher(k_codes).decrypt(nonce, made, subscription_id.bytes).decode()
    except InvalidTag:
        raise ValueError("a webhook's secret was sealed by another installation") from None


def _cipher(k_codes: bytes) -> AESGCM:
    return AESGCM(hmac.digest(k_codes, b"sealed webhooks", sha256))
