"""The commands about who comes in: `operator`, `auditor` and `key`."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.carriers import keys, service
from fellesskap_backend.carriers.scopes import SCOPES, of_role, written
from fellesskap_backend.carriers.tables import ApiKey
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_backend.secrets import Secrets

Json = dict[str, Any]
OVERLAP = "P7D"


def add_words(words: Any, state: argparse.ArgumentParser) -> None:
    """Add the commands to the program's."""
    for role in ("operator", "auditor"):
        nouns = words.add_parser(role, help=f"let {role}s in").add_subparsers(required=True)
        add = nouns.add_parser("add", parents=[state], help=f"make an {role}'s API key")
        add.add_argument("name")
        scopes_option(add)
        add.set_defaults(in_one=add_person, role=role)
    nouns = words.add_parser("key", help="see, replace and revoke API keys")
    verbs = nouns.add_subparsers(required=True)
    told = "all keys, by their prefixes"
    verbs.add_parser("list", parents=[state], help=told).set_defaults(in_one=list_all)
    rotate = verbs.add_parser("rotate", parents=[state], help="make a successor; prints the key")
    rotate.add_argument("prefix", help="the part of the key between the first two _")
    told = f"how long the old one stays good; {OVERLAP}"
    rotate.add_argument("--overlap", type=_duration, default=OVERLAP, metavar="P7D", help=told)
    rotate.set_defaults(in_one=replace)
    verb = verbs.add_parser("revoke", parents=[state], help="let a key in no more, at once")
    verb.add_argument("prefix")
    verb.set_defaults(in_one=revoke)


def scopes_option(parser: argparse.ArgumentParser) -> None:
    """Let a command take scopes; without one the key may do all of its role."""
    told = "what it may do, once for each; without: all of its role"
    parser.add_argument(
        "--scope", action="append", choices=list(SCOPES), metavar="SCOPE", help=told
    )


def scopes_of(arguments: argparse.Namespace, role: str) -> str | None:
    """Return the scopes as they are stored; raise `InvalidRequest` for one of another role."""
    if arguments.scope is None:
        return None
    for scope in arguments.scope:
        if scope not in of_role(role):
            raise InvalidRequest(f"{scope} is no scope of an {role}: {', '.join(of_role(role))}.")
    return written(arguments.scope)


def add_person(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Make the key of an operator or an auditor."""
    role = arguments.role
    scopes = scopes_of(arguments, role)
    key = service.add_operator(session, arguments.name, _moment(), role, scopes=scopes)
    return {"api_key": key}


def list_all(_: Secrets, session: Session, _arguments: argparse.Namespace) -> Json:
    """Say of every key whose it is, what it may, until when, and when it was last used."""
    found = session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.prefix))
    return {"api_keys": [keys.shown(key) | {"owner_id": str(key.owner_id)} for key in found]}


def replace(kept: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Make the successor of a key."""
    overlap, moment = arguments.overlap, _moment()
    key = keys.replace(
        session, arguments.prefix, overlap=overlap, k_codes=kept.k_codes, moment=moment
    )
    return {"api_key": key, "old_key_expires_at": db.instant(moment.now + overlap)}


def revoke(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Let a key in no more."""
    if not service.revoke_key(session, arguments.prefix, _moment().now):
        raise NotFound("No key by this prefix.")
    return {"revoked": arguments.prefix}


def _duration(text: str) -> timedelta:
    try:
        return timedelta(seconds=seconds_of(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _moment() -> db.Moment:
    return db.Moment(datetime.now(UTC))
