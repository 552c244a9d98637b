"""The commands about decisions: `decisions verify`, `decisions replay`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.audit.exported import Checked, Export
from fellesskap_backend.audit.public import LOTS, POLICY
from fellesskap_backend.decisions import service
from fellesskap_backend.errors import BackendError, InvalidRequest
from fellesskap_backend.receipts.replaying import Replay, Replayed
from fellesskap_backend.settings import Settings
from fellesskap_backend.upkeep import Open
from fellesskap_protocol.audit import NotProven, published_roots


class ChainBroken(BackendError):
    """A decision is not as it was made, or is gone."""


def add_words(words: Any, state: argparse.ArgumentParser, opened: Open) -> None:
    """Add the command to the program's; `opened` gives a migrated database."""

    def verify(settings: Settings, arguments: argparse.Namespace) -> service.Walked:
        _, engine = opened(settings)
        walked = db.read(
            engine, lambda session: service.verify(session, locker_id=arguments.locker)
        )
        if walked["altered"]:
            raise ChainBroken("altered: " + "; ".join(walked["altered"]))
        return walked

    def replay(settings: Settings, arguments: argparse.Namespace) -> Replayed | Checked:
        if arguments.from_export is not None:
            return _from_export(arguments)
        secrets, engine = opened(settings)
        console = Console(stderr=True)
        with Progress(console=console, disable=not sys.stderr.isatty()) as shown:

            def work(session: Session) -> Replayed:
                bar = shown.add_task("decisions", total=None)
                replayed = Replay(session, secrets, lambda: shown.advance(bar))
                shown.update(bar, total=replayed.total(arguments.locker))
                return replayed.run(arguments.locker)

            found = db.read(engine, work)
        if found["altered"]:
            raise ChainBroken("altered: " + "; ".join(found["altered"]), **found)
        return found

    nouns = words.add_parser("decisions", help="what was decided, and whether it still stands so")
    verbs = nouns.add_subparsers(required=True)
    told = "walk the chains; names the first altered decision of each, and fails"
    again = "decide all of them again; compares receipts and roots; names all that differ"
    for name, command, help_ in (("verify", verify, told), ("replay", replay, again)):
        verb = verbs.add_parser(name, parents=[state], help=help_)
        verb.add_argument("--locker", metavar="ID", help="those of one locker")
        verb.set_defaults(command=command)
    told = "pages of GET /v1/audit/decisions, one a line, instead of the database"
    verb.add_argument("--from-export", type=Path, metavar="FILE", help=told)
    told = "with an export: what GET /v1/audit/roots told somebody"
    verb.add_argument("--roots", type=Path, metavar="FILE", help=told)
    for what, path in ((POLICY, "/v1/policy"), (LOTS, "/v1/audit/lots")):
        told = f"with an export: what GET {path} told somebody; may be given again"
        verb.add_argument(
            f"--{what}", action="append", type=Path, default=[], metavar="FILE", help=told
        )


def _from_export(given: argparse.Namespace) -> Checked:
    """Decide again what stands in a file; no database and no secrets are needed."""
    try:
        public = {} if given.roots is None else published_roots(given.roots.read_bytes())
        roots = {hour: said["root"] for hour, (said, _) in public.items()}
        kept = [(what, one.read_bytes()) for what in (POLICY, LOTS) for one in getattr(given, what)]
        with given.from_export.open(encoding="utf-8") as lines:
            found = Export(roots, tuple(kept)).run(lines)
    except (OSError, ValueError, NotProven) as error:
        raise InvalidRequest(f"It cannot be read: {error}") from None
    if found["altered"]:
        raise ChainBroken("altered: " + "; ".join(found["altered"]), **found)
    return found
