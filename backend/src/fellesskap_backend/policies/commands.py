"""The commands `policy announce | check | show | weights | quotas`."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.allocation.policy import FairShare, from_json
from fellesskap_backend.allocation.view import NAMES
from fellesskap_backend.operators.recording import Doing
from fellesskap_backend.policies import reviewing, service
from fellesskap_backend.policies.reviewing import Review
from fellesskap_backend.policies.service import Weights
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.upkeep import reason_option

Json = dict[str, Any]
T = TypeVar("T")


def add_words(words: Any, state: argparse.ArgumentParser) -> None:
    """Add the commands to the program's."""
    nouns = words.add_parser("policy", help="by which rules room is given")
    verbs = nouns.add_subparsers(required=True)
    told = "a version as JSON: a file, or - for standard input"
    for name, command, help_ in (
        ("announce", announce, "announce the next version, for a date in the future"),
        ("check", check, "say what a version would be, in words; announces nothing"),
    ):
        verb = verbs.add_parser(name, parents=[state], help=help_)
        verb.add_argument("policy", type=_read(from_json), metavar="FILE", help=told)
        verb.set_defaults(in_one=command)
        if name == "announce":
            reason_option(verb)
    told = "all versions; which is in force; which quarter is to be reviewed"
    verb = verbs.add_parser("show", parents=[state], help=told)
    verb.set_defaults(in_one=show)
    told = "a contract period's weights, from a day in the future on"
    verb = verbs.add_parser("weights", parents=[state], help=told)
    told = '{"begins_on": "2027-04-01", "weights": [{"carrier_id": …, "weight": 5}]}, or -'
    reader = _read(Weights.model_validate_json)
    verb.add_argument("weights", type=reader, metavar="FILE", help=told)
    reason_option(verb)
    verb.set_defaults(in_one=weigh)
    _add_quotas(verbs, state)


def _add_quotas(verbs: Any, state: argparse.ArgumentParser) -> None:
    nouns = verbs.add_parser("quotas", help="the quarter's review: use it or lose it")
    of_quotas = nouns.add_subparsers(required=True)
    for name, command, help_ in (
        ("propose", propose, "say what each locker's quotas would be, by its use in a quarter"),
        ("accept", accept, "let a quarter's proposals count from a day in the future on"),
    ):
        verb = of_quotas.add_parser(name, parents=[state], help=help_)
        told = "the quarter's first day"
        verb.add_argument("quarter", type=_day, metavar="2027-01-01", help=told)
        verb.add_argument("--locker", metavar="ID", help="that of one locker")
        reason_option(verb)
        verb.set_defaults(in_one=command)
        if name == "accept":
            verb.add_argument("--from", dest="begins_on", type=_day, required=True, metavar="DAY")
        else:
            told = "who asks for more, once for each: the smallest wish is filled first"
            verb.add_argument(
                "--waiting",
                action="append",
                type=_wish,
                default=[],
                metavar="CARRIER:CLASS:UNITS",
                help=told,
            )


def announce(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Announce a version."""
    policy: FairShare = arguments.policy
    return service.announce(_doing(session, arguments), policy)


def check(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Say what a version would be."""
    return service.check(session, arguments.policy, datetime.now(UTC))


def show(_: Secrets, session: Session, _arguments: argparse.Namespace) -> Json:
    """Show what everybody is shown; and of which quarter nobody has proposed quotas yet."""
    now = datetime.now(UTC)
    quarter = reviewing.due(session, now)
    due = None if quarter is None else quarter.isoformat()
    return service.published(session, now) | {"review_due": due}


def weigh(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Announce weights."""
    return service.announce_weights(_doing(session, arguments), arguments.weights)


def propose(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Propose a quarter's quotas."""
    numbers = reviewing.numbers_of(session, (carrier for carrier, _, _ in arguments.waiting))
    waiting = {(numbers[carrier], size): units for carrier, size, units in arguments.waiting}
    review = Review(arguments.quarter, arguments.locker, waiting)
    return reviewing.propose(_doing(session, arguments), review)


def accept(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    """Accept a quarter's proposals."""
    review = Review(arguments.quarter, arguments.locker)
    return reviewing.accept(_doing(session, arguments), review, arguments.begins_on)


def _doing(session: Session, arguments: argparse.Namespace) -> Doing:
    return Doing.by_command(session, arguments.reason, db.Moment(datetime.now(UTC)))


def _read(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return how a file is read that an argument names."""

    def read(name: str) -> T:
        try:
            return parse(sys.stdin.read() if name == "-" else Path(name).read_text())
        except ValidationError as error:
            found = [
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors(include_url=False, include_context=False)
            ]
            raise argparse.ArgumentTypeError(f"{name}: {'; '.join(found)}") from None
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{name}: {error.strerror}") from None

    return read


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a day: 2027-04-01") from None


def _wish(text: str) -> tuple[UUID, str, int]:
    try:
        carrier, size, units = text.split(":")
        found = UUID(carrier), size, int(units)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not CARRIER:CLASS:UNITS") from None
    if size not in NAMES or found[2] < 1:
        raise argparse.ArgumentTypeError(f"{text}: classes are {', '.join(NAMES)}; 1 or more")
    return found
