"""The commands about decisions: `decisions verify`, `decisions replay`."""

import argparse
import sys
from typing import Any

from rich.console import Console
from rich.progress import Progress
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.decisions import service
from fellesskap_backend.errors import BackendError
from fellesskap_backend.receipts.replaying import Replay, Replayed
from fellesskap_backend.settings import Settings
from fellesskap_backend.upkeep import Open


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

    def replay(settings: Settings, arguments: argparse.Namespace) -> Replayed:
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
