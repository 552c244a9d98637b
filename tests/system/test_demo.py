"""The demo as a newcomer runs it: a command that leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.system.house import wait_for


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a name so short that sockets may lie in it, of 107 bytes at most."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.slow
def test_a_demo_that_is_ended_half_way_ends_all_that_it_started(short: Path) -> None:
    command = [sys.executable, "-u", "-m", "tests.system.demo"]
    here = os.environ | {"TMPDIR": str(short)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=here
    ) as demo:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if "holds the label" in line:
                break
        assert "holds the label" in said[-1], "".join(said)
        (folder,) = short.iterdir()
        assert running(folder)
        demo.send_signal(signal.SIGTERM)
    assert demo.returncode == 143
    wait_for("nothing runs any more", lambda: not running(folder))
    assert not folder.exists()


def running(folder: Path) -> list[str]:
    """Name the processes that were told of a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
        if str(folder) in command:
            found.append(command.replace("\0", " "))
    return found
