"""The command about decisions: `decisions verify`."""

import argparse
from typing import Any

from fellesskap_backend import db
from fellesskap_backend.decisions import service
from fellesskap_backend.errors import BackendError
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

    nouns = words.add_parser("decisions", help="what was decided, and whether it still stands so")
    verbs = nouns.add_subparsers(required=True)
    told = "walk the chains; names the first altered decision of each, and fails"
    verb = verbs.add_parser("verify", parents=[state], help=told)
    verb.add_argument("--locker", metavar="ID", help="that of one locker")
    verb.set_defaults(command=verify)
