"""Secrets from before they were derived: sealed, so that no row holds one that can be used."""

import os

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.webhooks import signing
from fellesskap_backend.webhooks.tables import Subscription


def seal_imported(session: Session, k_codes: bytes) -> int:
    """Seal the secrets that a migration brought over as they were; return how many.

    Raises `ValueError` where one was sealed by another installation: better at the start than
    with every delivery.
    """
    sealed = 0
    for one in session.scalars(select(Subscription).where(Subscription.imported.is_not(None))):
        kept = one.imported
        assert kept is not None
        plain = signing.unseal(k_codes, one.id, kept)
        if plain == kept:
            one.imported = signing.seal(k_codes, one.id, plain, os.urandom(signing.NONCE_BYTES))
            sealed += 1
    return sealed
