"""The unit file: started again for ever, fed by the daemon itself, able to do little else."""

import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest

from fellesskap_edge.tool.commands import COMMANDS
from fellesskap_edge.watchdog import STALE_S

UNIT = Path(__file__).parents[2] / "deploy/edge/fellesskap-edge.service"


def said() -> dict[str, list[str]]:
    """Return what the unit says, by key; a key may stand several times."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_it_says_itself_that_it_is_ready_and_alive_and_is_started_again_for_ever() -> None:
    unit = said()
    assert (unit["Type"], unit["NotifyAccess"]) == (["notify"], ["main"])
    assert (unit["Restart"], unit["StartLimitIntervalSec"]) == (["always"], ["0"])
    assert float(unit["WatchdogSec"][0]) > STALE_S, "a part that stands still is seen before that"


def test_what_it_starts_is_a_command_of_ours() -> None:
    program, name, *words = shlex.split(said()["ExecStart"][0])
    command = next(one for one in COMMANDS if one.name == name)
    parser = ArgumentParser(prog=program)
    command.add_arguments(parser)
    assert parser.parse_args(words).config == Path("/etc/fellesskap/locker.toml")
    assert Path(program).name == "fellesskap-edge"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CapabilityBoundingSet", ""),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("DevicePolicy", "closed"),
        ("RestrictNamespaces", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("SystemCallArchitectures", "native"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
    ],
)
def test_it_may_do_little_else(key: str, value: str) -> None:
    assert said()[key] == [value]


def test_it_runs_as_nobody_else_and_only_with_the_calls_of_a_service() -> None:
    unit = said()
    assert unit["User"] == ["fellesskap"]
    assert unit["SystemCallFilter"][:2] == ["@system-service", "~@privileged @resources"]
