"""An hour is closed: what was decided becomes one tree, whose root is signed and public.

The worker does it, some minutes after the hour's end; whoever is decided for waits for nothing.
Of two workers at once one makes the tree: the other waits at the newest root, and where there is
none the key of the table refuses it.
"""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.bulk import insert_all
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.receipts.checking import padding
from fellesskap_backend.receipts.hours import HOUR, due, first_seen, id_at
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from fellesskap_backend.receipts.told import committed
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.merkle import ENTRY_BYTES, SALT_BYTES, Tree, entry, signed_root, size_of
from fellesskap_protocol.signing import b64url

Row = dict[str, Any]
log = logging.getLogger(__name__)
AT_ONCE = 1_000
"""Rows that are read and written at a time."""


def close_next(session: Session, moment: Moment, *, secrets: Secrets) -> bool:
    """Make the tree of the next hour that is due; say whether there was one."""
    session.execute(_HOLD).all()
    hour = due(session.scalar(_NEWEST), moment.now)
    if hour is None:
        return False
    seed = moment.random_bytes(ENTRY_BYTES)
    rows = _rows(session, hour, moment, seed)
    entries = [entry(row.pop("secret"), row["told"].encode()) for row in rows]
    tree = Tree(entries, list(padding(seed, size_of(len(entries)) - len(entries))))
    for row, one in zip(rows, entries, strict=True):
        place, path = tree.path(one)
        row |= {"place": place, "path": [b64url(node) for node in path]}
    root = {
        "hour": hour,
        "size": tree.size,
        "root": b64url(tree.root),
        "seed": b64url(seed),
        "key": b64url(secrets.signing.public.raw),
        "jws": signed_root(secrets.installation, instant(hour), tree, secrets.signing),
    }
    insert_all(session, AuditRoot, [root])
    for at in range(0, len(rows), AT_ONCE):
        insert_all(session, Receipt, rows[at : at + AT_ONCE])
    return True


def _rows(session: Session, hour: datetime, moment: Moment, seed: bytes) -> list[Row]:
    """Return the rows of what is in no tree yet, as far as they are known before it is made."""
    between = {"since": id_at(first_seen(hour)), "until": id_at(hour + HOUR)}
    found = session.execute(_NEW.execution_options(yield_per=AT_ONCE), between)
    rows: list[Row] = []
    for decision in found:
        try:
            said = committed(decision.body, seed)
        except (KeyError, TypeError, ValueError):
            # Somebody altered it; `decisions replay` names it. The others get their receipts.
            log.error("decision %s is not as it was written: no receipt", decision.id)  # noqa: TRY400
            continue
        secret = moment.random_bytes(SALT_BYTES)
        rows.append(
            {
                "decision_id": decision.id,
                "carrier_id": decision.carrier_id,
                "hour": hour,
                "told": said,
                "salt": b64url(secret),
                "secret": secret,
            }
        )
    return rows


_HOLD = (
    select(AuditRoot.hour)
    .where(AuditRoot.hour == select(func.max(AuditRoot.hour)).scalar_subquery())
    .with_for_update()
)
_NEWEST = select(func.max(AuditRoot.hour))
_NEW = (
    select(Decision.id, Decision.carrier_id, Decision.body)
    .outerjoin(Receipt, Receipt.decision_id == Decision.id)
    # Ids are in the order of time: their index serves, and decisions need no other.
    .where(
        Decision.id >= bindparam("since"),
        Decision.id < bindparam("until"),
        Receipt.decision_id.is_(None),
    )
)
