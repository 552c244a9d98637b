"""`fellesskap-firmware-sim exchange 8a …` answers as a board on the bench would."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "fellesskap-firmware-sim"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "status", "out", "err"),
    [
        (["80", "01", "00", "33", "B2"], 0, "80 01 FF FF FF 33 4D\n", ""),
        (["800100", "33b2"], 0, "80 01 FF FF FF 33 4D\n", ""),
        (["8A0101119B"], 0, "8A 01 01 11 9B\n", "pulse: channel 1\n"),
        (["8A0203119A", "--address", "2"], 0, "8A 02 03 11 9A\n", "pulse: channel 3\n"),
        (["8A01011100"], 1, "", "silence: not a valid frame for this board\n"),
        (["8A02031198"], 1, "", "silence: not a valid frame for this board\n"),
        (["xyz"], 2, "", "not bytes in hex: xyz\n"),
    ],
)
def test_exchange(arguments: list[str], status: int, out: str, err: str) -> None:
    done = run("exchange", "8a", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


@pytest.mark.parametrize(
    ("arguments", "status", "out", "err"),
    [
        (["kerong", "02 00 30 03 35"], 0, "02 00 35 FF FF 00 00 03 38\n", ""),
        (["kerong", "0200310336"], 0, "", "pulse: channel 1\n"),
        (["kerong", "0200310337"], 1, "", "silence: not a valid frame for this board\n"),
        (["waveshare", "010100000008 3DCC"], 0, "01 01 01 00 51 88\n", ""),
        (["waveshare", "01050000FF008C3A"], 0, "01 05 00 00 FF 00 8C 3A\n",
         "relay on: channel 1\n"),
        (["waveshare_d", "01 02 00 00 00 08 79 CC"], 0, "01 02 01 FF E1 C8\n", ""),
        (["wkly", "574B4C5909008201 83"], 0, "57 4B 4C 59 0B 00 82 00 01 00 81\n",
         "pulse: channel 1\n"),
    ],
)  # fmt: skip
def test_exchange_with_every_family(arguments: list[str], status: int, out: str, err: str) -> None:
    done = run("exchange", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


@pytest.mark.parametrize(
    ("arguments", "status", "out"),
    [
        (["grow", "7E 00 0A 01 00 00 00 30 1A"], 0, "03 00 00 01 00 33 31\n"),
        (["honeywell", "16 4D 0D 56 53 55 46 43 52 21"], 0, "56 53 55 46 43 52 06 21\n"),
        (["ssi", "04 E9 04 00 FF 0F"], 0, "04 D0 00 00 FF 2C\n"),
        (["ssi", "04 E9 04 00 FF 10"], 1, ""),
        (["line", "04 E9 04 00 FF 0F"], 1, ""),
    ],
)
def test_exchange_with_a_scanner(arguments: list[str], status: int, out: str) -> None:
    done = run("exchange", *arguments)
    assert (done.returncode, done.stdout) == (status, out)


def test_asking_a_locker_that_does_not_run_says_so(tmp_path: Path) -> None:
    done = run("doors", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"no simulated locker runs in {tmp_path}")


def test_bad_config_is_refused_with_the_place(tmp_path: Path) -> None:
    config = tmp_path / "locker.toml"
    config.write_text("[locker]\nid = 3\n")
    done = run("live", "--dir", str(tmp_path), "--config", str(config))
    assert done.returncode == 2
    assert str(config) in done.stderr
