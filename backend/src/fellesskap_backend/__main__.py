"""`fellesskap-backend`: arguments, settings, wiring. Commands print JSON on stdout.

Every command works beside a running server and before the first `serve`.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db, interpreter, roles, secrets
from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.badges import deposit_auth
from fellesskap_backend.carriers import commands
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.decisions import commands as decisions
from fellesskap_backend.docs_page import AUDIENCES
from fellesskap_backend.errors import BackendError
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers.geo import Point
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.operators import keeping
from fellesskap_backend.operators.recording import Doing
from fellesskap_backend.policies import commands as policies
from fellesskap_backend.provisioning import told_to_edge
from fellesskap_backend.settings import Settings
from fellesskap_backend.upkeep import Upkeep, reason_option
from fellesskap_backend.webhooks import commands as webhooks
from fellesskap_protocol.signing import PublicKey, unb64url

Json = Any
Command = Callable[[Settings, argparse.Namespace], Json | None]


def main() -> int:
    """Run one command; 0 if it did what it says, 1 if it was refused."""
    arguments = _parser().parse_args()
    given = {name: getattr(arguments, name, None) for name in ("state", "port", "host")}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    interpreter.log_to_stderr()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    os.umask(0o077)  # the state directory holds secrets
    command: Command = getattr(arguments, "command", _in_one)
    try:
        answer = command(settings, arguments)
    except BackendError as error:
        print(error.detail, file=sys.stderr)
        if error.fields:
            print(json.dumps(error.fields, ensure_ascii=False))
        return 1
    if answer is not None:
        print(json.dumps(answer, ensure_ascii=False))
    return 0


def _parser() -> argparse.ArgumentParser:
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument("--state", type=Path, help="where secrets and embedded data live")
    parser = argparse.ArgumentParser(prog="fellesskap-backend", description=__doc__.splitlines()[0])
    words = parser.add_subparsers(required=True, metavar="COMMAND")

    run = words.add_parser("serve", parents=[state], help="run API, bridge and worker")
    run.add_argument("--host", help="where to listen; 127.0.0.1 by default")
    run.add_argument("--port", type=int, help="where to listen; 0 takes a free port")
    alone = "one more process of the API beside a `serve` with bridge and worker; on PostgreSQL"
    run.add_argument("--api-only", action="store_true", help=alone)
    run.set_defaults(command=_serve)

    nouns = words.add_parser("carrier", help="take carriers in").add_subparsers(required=True)
    add = nouns.add_parser("add", parents=[state], help="take a carrier in; prints its API key")
    add.add_argument("name")
    commands.scopes_option(add)
    add.set_defaults(command=_add_carrier)

    commands.add_words(words, state)
    webhooks.add_words(words, state)
    decisions.add_words(words, state, _open)
    policies.add_words(words, state)

    nouns = words.add_parser("locker", help="take lockers in").add_subparsers(required=True)
    add = nouns.add_parser("provision", parents=[state], help="prints the edge's provision.json")
    add.add_argument("locker_id")
    told = "what `fellesskap-edge identity` printed there: a file, or - for standard input"
    add.add_argument("--device", type=_device, required=True, metavar="FILE", help=told)
    for option in ("--site-name", "--address"):
        add.add_argument(option, required=True)
    place = "where it stands, in degrees (WGS 84): 59.8965,10.6257"
    add.add_argument("--position", type=_position, metavar="LAT,LON", help=place)
    add.set_defaults(command=_provision)
    add = nouns.add_parser(
        "replace", parents=[state], help="puts another device in; prints that too"
    )
    add.add_argument("locker_id")
    add.add_argument("--device", type=_device, required=True, metavar="FILE", help=told)
    reason_option(add)
    add.set_defaults(command=_replace)
    Upkeep(_open).add_to(words, nouns, state)

    roles.add_words(words, state)
    migrate = words.add_parser("migrate", parents=[state], help="bring the database up to date")
    migrate.set_defaults(command=_migrate)
    document = words.add_parser("openapi", parents=[state], help="print the OpenAPI document")
    document.add_argument("--audience", choices=AUDIENCES, default="all", help="of whom; all")
    document.set_defaults(command=_openapi)
    return parser


def _open(settings: Settings) -> tuple[secrets.Secrets, Engine]:
    """Return secrets and a migrated database, made first where there are none."""
    kept = secrets.load(settings.state)
    engine = db.engine(settings)
    upgrade(engine)
    return kept, engine


def _device(name: str) -> dict[str, str]:
    """Read who a device says it is: `device_id` and `public_key`."""
    try:
        told = json.loads(sys.stdin.read() if name == "-" else Path(name).read_text())
        device_id, public_key = str(told["device_id"]), str(told["public_key"])
        PublicKey(unb64url(public_key))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise argparse.ArgumentTypeError(
            f"{name} is not what `fellesskap-edge identity` prints: {error}"
        ) from None
    return {"device_id": device_id, "public_key": public_key}


def _position(text: str) -> Point:
    """Read a latitude and a longitude."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not LAT,LON in degrees") from None
    return Point(latitude, longitude)


def _moment() -> db.Moment:
    return db.Moment(datetime.now(UTC))


def _serve(settings: Settings, arguments: argparse.Namespace) -> None:
    """Print one line when everything is up, and run on."""
    from fellesskap_backend.server import serve  # noqa: PLC0415 (a second that others do not wait)

    def tell(ready: Json) -> None:
        print(json.dumps(ready), flush=True)

    serve(settings, *_open(settings), tell=tell, api_only=arguments.api_only)


def _add_carrier(settings: Settings, arguments: argparse.Namespace) -> Json:
    _, engine = _open(settings)
    return db.run(engine, lambda session: _carrier(session, arguments))


def _carrier(session: Session, arguments: argparse.Namespace) -> Json:
    scopes = commands.scopes_of(arguments, "carrier")
    carrier_id, key = carriers.add_carrier(session, arguments.name, _moment(), scopes)
    return {"carrier_id": str(carrier_id), "api_key": key}


def _in_one(settings: Settings, arguments: argparse.Namespace) -> Json:
    """Run a command that is one transaction."""
    kept, engine = _open(settings)
    return db.run(engine, lambda session: arguments.in_one(kept, session, arguments))


def _provision(settings: Settings, arguments: argparse.Namespace) -> Json:
    """Take a device in and print what its daemon must know."""
    kept, engine = _open(settings)
    now = _moment().now
    locker = db.run(engine, lambda session: _taken_in(session, settings, arguments))
    return told_to_edge(settings, kept, locker, arguments.device["device_id"], now=now)


def _taken_in(session: Session, settings: Settings, arguments: argparse.Namespace) -> Locker:
    """Put the locker up and its device in."""
    locker_id, now = arguments.locker_id, _moment().now
    locker = lockers.provision(
        session, locker_id, site_name=arguments.site_name, address=arguments.address, now=now
    )
    if arguments.position is not None:
        lockers.put_at_with_site(session, locker, arguments.position)
    lockers.claim_device(session, locker_id, **arguments.device, now=now)
    deposit_auth.begin(session, locker)
    if locker.allowances == "none" and settings.allowances:
        allowances.set_targets(session, locker_id, settings.allowances, moment=_moment())
    return locker


def _replace(settings: Settings, arguments: argparse.Namespace) -> Json:
    """Take another device in for a locker that stands; the one before is revoked."""
    kept, engine = _open(settings)
    moment = _moment()
    locker = db.run(engine, lambda session: _replaced(session, arguments, moment))
    return told_to_edge(settings, kept, locker, arguments.device["device_id"], now=moment.now)


def _replaced(session: Session, arguments: argparse.Namespace, moment: db.Moment) -> Locker:
    doing = Doing.by_command(session, arguments.reason, moment)
    keeping.replace(doing, arguments.locker_id, **arguments.device)
    return session.get_one(Locker, arguments.locker_id)


def _migrate(settings: Settings, _: argparse.Namespace) -> Json:
    _open(settings)
    return {"migrated": True}


def _openapi(settings: Settings, arguments: argparse.Namespace) -> Json:
    from fellesskap_backend import app, documents  # noqa: PLC0415 (the same)

    document = app.create_api(settings, *_open(settings), wake=lambda **_: None).openapi()
    return documents.for_audience(document, arguments.audience)


if __name__ == "__main__":
    sys.exit(main())
