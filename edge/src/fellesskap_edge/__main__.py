"""`fellesskap-edge run | identity --config locker.toml`: arguments and wiring, nothing else."""

import argparse
import json
import logging
import sys
from pathlib import Path

from fellesskap_edge.config_check import InvalidConfig, load
from fellesskap_edge.daemon import Daemon
from fellesskap_edge.identity import NotProvisioned, describe
from fellesskap_edge.journal import JournalUnusable


def main() -> int:
    """Run one command; 2 and one clear line on standard error if it cannot."""
    parser = argparse.ArgumentParser(prog="fellesskap-edge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (
        ("run", "drive the locker until SIGTERM"),
        ("identity", "make the device key if there is none, and print who this device is"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--config", type=Path, required=True, metavar="locker.toml")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        config = load(arguments.config)
        if arguments.command == "identity":
            print(json.dumps(describe(Path(config.edge.state))))
        else:
            Daemon(config).run(_say_ready)
    except (InvalidConfig, NotProvisioned, JournalUnusable) as error:
        print(f"fellesskap-edge: {error}", file=sys.stderr)
        return 2
    return 0


def _say_ready(kiosk: str) -> None:
    print(json.dumps({"ready": True, "kiosk": kiosk}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
