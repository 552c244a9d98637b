"""Commands for what went wrong: events kept, devices revoked, lockers replaced or lost, backups.

`__main__` gives them their place among the others; like those they print JSON, and work beside a
running server.
"""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Engine

from fellesskap_backend import db
from fellesskap_backend.ledger import again
from fellesskap_backend.operators import keeping
from fellesskap_backend.operators.recording import Doing
from fellesskap_backend.secrets import Secrets, rotate
from fellesskap_backend.settings import Settings

T = TypeVar("T")
Json = Any
Words = Any
"""What `add_subparsers` returns; argparse has no public name for it."""
Open = Callable[[Settings], tuple[Secrets, Engine]]


class Upkeep:
    """The commands; `opened` gives secrets and a migrated database."""

    def __init__(self, opened: Open) -> None:
        self._opened = opened

    def add_to(self, words: Words, of_lockers: Words, state: argparse.ArgumentParser) -> None:
        """Add the commands, and those that belong under `locker`."""
        nouns = words.add_parser("unapplied", help="events that could not be applied")
        kept = nouns.add_subparsers(required=True)
        for word, command, told in (
            ("list", self.list_unapplied, "show them, first recorded first"),
            ("apply", self.apply_unapplied, "apply them again, in order, after an upgrade"),
        ):
            one = kept.add_parser(word, parents=[state], help=told)
            one.add_argument("--locker", metavar="ID", help="those of one locker")
            one.add_argument("--seq", type=int, metavar="N", help="those with this number")
            one.set_defaults(command=command)
            if word == "apply":
                reason_option(one)

        nouns = words.add_parser("device", help="controllers of lockers")
        revoke = nouns.add_subparsers(required=True).add_parser(
            "revoke", parents=[state], help="refuse what a device says; ends a quarantine"
        )
        revoke.add_argument("locker_id", metavar="LOCKER")
        revoke.add_argument("device_id", metavar="DEVICE")
        reason_option(revoke)
        revoke.set_defaults(command=self.revoke_device)

        told = "give a locker up: its parcels are lost, its reservations diverted"
        given_up = of_lockers.add_parser("write-off", parents=[state], help=told)
        given_up.add_argument("locker_id", metavar="LOCKER")
        given_up.add_argument("--reason", required=True, help="told to the carriers concerned")
        given_up.set_defaults(command=self.write_off)

        told = "sign with a new key from the next start of the server on"
        nouns = words.add_parser("keys", help="the keys that lockers verify")
        of_keys = nouns.add_subparsers(required=True)
        of_keys.add_parser("rotate", parents=[state], help=told).set_defaults(command=self.rotate)

        told = "run this before a database from a backup is served: nothing is signed until then"
        back = words.add_parser("restored", parents=[state], help=told)
        reason_option(back)
        back.set_defaults(command=self.restored)

    def list_unapplied(self, settings: Settings, arguments: argparse.Namespace) -> Json:
        """Show what is kept."""
        _, engine = self._opened(settings)
        return db.read(
            engine,
            lambda session: again.unapplied(session, locker_id=arguments.locker, seq=arguments.seq),
        )

    def apply_unapplied(self, settings: Settings, arguments: argparse.Namespace) -> Json:
        """Apply what is kept; what still fails is shown with its reason."""
        secrets, engine = self._opened(settings)
        locker_id, seq = arguments.locker, arguments.seq
        return _done(
            engine,
            arguments,
            lambda doing: keeping.apply_unapplied(doing, locker_id, seq, secrets=secrets),
        )

    def revoke_device(self, settings: Settings, arguments: argparse.Namespace) -> Json:
        """Take a device's word away."""
        _, engine = self._opened(settings)
        locker_id, device_id = arguments.locker_id, arguments.device_id
        _done(engine, arguments, lambda doing: keeping.revoke(doing, locker_id, device_id))
        return {"locker_id": locker_id, "device_id": device_id, "revoked": True}

    def write_off(self, settings: Settings, arguments: argparse.Namespace) -> Json:
        """Give a locker up."""
        _, engine = self._opened(settings)
        locker_id = arguments.locker_id
        _done(engine, arguments, lambda doing: keeping.write_off(doing, locker_id))
        return {"locker_id": locker_id, "written_off": True}

    def rotate(self, settings: Settings, _: argparse.Namespace) -> Json:
        """Make a new signing key."""
        made = rotate(settings.state)
        return {"keys_version": made.keys_version, "kid": made.signing.kid}

    def restored(self, settings: Settings, arguments: argparse.Namespace) -> Json:
        """Begin a new generation of every locker."""
        _secrets, engine = self._opened(settings)
        return _done(engine, arguments, keeping.restored)


def reason_option(command: argparse.ArgumentParser) -> None:
    """Let a command say why; an act of an operator over HTTP must."""
    command.add_argument("--reason", default="not stated", help="kept with the act; name nobody")


def _done(engine: Engine, arguments: argparse.Namespace, act: Callable[[Doing], T]) -> T:
    """Do something in one transaction, with the row that says so."""
    moment = db.Moment(datetime.now(UTC))
    return db.run(engine, lambda session: act(Doing.by_command(session, arguments.reason, moment)))
