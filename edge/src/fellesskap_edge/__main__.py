"""`fellesskap-edge`: the daemon of a locker, and the technician's tool beside it."""

import argparse
import logging
import os
import sys

from fellesskap_edge.config_check import InvalidConfig
from fellesskap_edge.identity import NotProvisioned
from fellesskap_edge.journal import JournalUnusable
from fellesskap_edge.tool.commands import COMMANDS


def main() -> int:
    """Run one command; 2 and clear lines on standard error if it cannot be done."""
    parser = argparse.ArgumentParser(prog="fellesskap-edge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        one = commands.add_parser(command.name, help=command.help, description=command.help)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        status: int = arguments.run(arguments)
    except InvalidConfig as error:
        count = len(error.problems)
        print(error, file=sys.stderr)
        print(f"fellesskap-edge: {count} mistake{'s' * (count > 1)}", file=sys.stderr)
        return 2
    except (NotProvisioned, JournalUnusable) as error:
        print(f"fellesskap-edge: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read our answer has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
