"""A reservation by itself, in its own transaction: the services answer several at once."""

from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.db import Moment
from fellesskap_backend.errors import BackendError
from fellesskap_backend.idempotency import Answered
from fellesskap_backend.reservations import service
from fellesskap_backend.reservations.answering import Counter
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.secrets import Secrets

OPERATION = "POST /v1/reservations"


def reserve(
    session: Session, credentials: Credentials, asked: Asked, *, secrets: Secrets, moment: Moment
) -> Answered:
    """Return the answer; raise what is wrong with the request."""
    (told,) = service.reserve_all(Counter(session, secrets, moment), credentials, [asked])
    if isinstance(told, BackendError):
        raise told
    return told
