"""Every event that a test made: as feed and webhook tell it, and as the model of its type says."""

import json

from pydantic import ValidationError
from sqlalchemy import Engine, select

from fellesskap_backend import db
from fellesskap_backend.drop_offs import naming
from fellesskap_backend.events import service as events
from fellesskap_backend.events.data import DATA, WithCode
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.webhooks import rendering
from tests.backend.api import Json

CODE = WithCode.model_fields.keys()


def hold_all(engine: Engine, k_codes: bytes) -> None:
    """Raise `AssertionError` unless all is told as it should be.

    Of many that look alike one is looked at.
    """
    with db.reader(engine) as session:
        by_look = {_look(one): one for one in session.scalars(select(Notice))}
        notices = list(by_look.values())
        names = naming.of_notices(session, notices)
        for notice in notices:
            event = events.told(notice, names)
            body = json.loads(rendering.body_of(session, notice, k_codes))
            hold(event["type"], body["data"])
            assert is_alike(event, body), (event, body)


def is_alike(event: Json, body: Json) -> bool:
    """Say whether a webhook's body is the feed's event but for `timestamp` and the code."""
    data = body["data"]
    body = body | {"data": {name: data[name] for name in data if name not in CODE}}
    return body == event | {"timestamp": event["occurred_at"]}


def hold(kind: str, data: Json) -> None:
    """Raise `AssertionError` for a member too many or too few."""
    try:
        DATA[kind].model_validate_json(json.dumps(data), strict=True)
    except ValidationError as wrong:
        raise AssertionError(f"{kind} says {data}: {wrong}") from None


def _look(notice: Notice) -> tuple[object, ...]:
    """Return what events have in common that say the same members, of the same kinds."""
    return notice.type, *sorted((name, type(one).__name__) for name, one in notice.data.items())
