"""Structure-aware fuzzing of one parser: mutated golden inputs, a limit of time, branches counted.

`run` is the seeded mutator in this process, with the branch coverage of the parser by the run
alone. `python -m tests.fuzz NAME` gives the same target to atheris, which is led by coverage.
A target raises nothing but what it documents, and asserts what must hold of what it returns.
"""

import gc
import importlib
import json
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FrameType, ModuleType

import coverage

INPUT_S_MAX = 1.0
"""Of the processor's time, so that a loaded machine fails nobody."""
RSS_MB_MAX = 2_048
MUTATIONS_MAX = 4

Target = Callable[[bytes], None]
Mutate = Callable[[Random, bytes], bytes]
Part = ModuleType | Callable[..., object]
"""What a run must cover: a module, or one function where the rest of its module parses nothing."""


class Failed(AssertionError):
    """An input broke the parser: shown in hex, to be kept as a seed."""


class TooSlow(Exception):
    """An input took longer than `INPUT_S_MAX`."""


@dataclass(frozen=True)
class Fuzz:
    """A target with its golden inputs, what it must cover, and its own mutations."""

    one_input: Target
    seeds: Sequence[bytes]
    modules: Sequence[Part]
    mutate: Mutate
    bytes_max: int = 2048
    """How long an input led by coverage may grow: time spent on length finds no more."""


@dataclass(frozen=True)
class Report:
    """What a run did."""

    inputs: int
    slowest_s: float
    branches: dict[str, tuple[int, int]]
    """By module or function: branches taken, branches there are."""

    @property
    def covered(self) -> float:
        """The part of all branches that the run took."""
        taken = sum(taken for taken, _ in self.branches.values())
        return taken / sum(there for _, there in self.branches.values())


def fuzz_of(name: str) -> Fuzz:
    """Return a target by its name: that of a module of `tests.fuzz`, or of one of several in it."""
    module = importlib.import_module(f"tests.fuzz.{name.partition('.')[0]}")
    found = module.FUZZES[name] if "." in name else module.FUZZ
    assert isinstance(found, Fuzz)
    return found


def run(
    target: Target,
    seeds: Sequence[bytes],
    count: int,
    modules: Sequence[Part],
    *,
    mutate: Mutate,
) -> Report:
    """Give the target its seeds and mutations of them, `count` in all, the same in every run."""
    rng = Random(count)
    slowest = 0.0
    with limited(), _covered(modules) as branches:
        for turn in range(count):
            data = seeds[turn] if turn < len(seeds) else mutated(rng, rng.choice(seeds), mutate)
            slowest = max(slowest, give(target, data))
    return Report(count, slowest, branches)


def mutated(rng: Random, data: bytes, mutate: Mutate) -> bytes:
    """Change an input a few times, by the target's own mutations and by those of any bytes."""
    for _ in range(rng.randint(1, MUTATIONS_MAX)):
        data = mutate(rng, data) if rng.random() < 0.5 else any_bytes(rng, data)
    return data


def any_bytes(rng: Random, data: bytes) -> bytes:
    """Change, drop, double, swap or cut some bytes."""
    if not data:
        return rng.randbytes(rng.randint(1, 8))
    at, length = rng.randrange(len(data)), rng.choice((1, 1, 1, 2, 3, 8, 40))
    piece = data[at : at + length]
    match rng.randrange(7):
        case 0:
            piece = bytes((piece[0] ^ 1 << rng.randrange(8),)) + piece[1:]
        case 1:
            piece = rng.randbytes(len(piece))
        case 2:
            piece = b""
        case 3:
            piece *= rng.choice((2, 2, 3, 30))
        case 4:
            piece += bytes((rng.randrange(256),))
        case 5:
            return data[:at]
        case 6:
            return data[at:] + data[:at]
    return data[:at] + piece + data[at + length :]


@contextmanager
def limited() -> Iterator[None]:
    """Let `give` end an input that takes too long.

    What was there before is set aside for the collector: going through all that a long run of
    other tests left behind takes a second too, and that is no input's fault.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of those tests too
        gc.collect()
    gc.freeze()
    before = signal.signal(signal.SIGVTALRM, _too_slow)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def give(target: Target, data: bytes) -> float:
    """Give the target one input; return the seconds of the processor that it took."""
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, INPUT_S_MAX)
    try:
        target(data)
    except BaseException as error:
        raise Failed(f"{error!r}, by the input {data.hex()}") from error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - begun


@contextmanager
def _covered(parts: Sequence[Part]) -> Iterator[dict[str, tuple[int, int]]]:
    """Measure the branches of some modules and functions; filled in at the end."""
    branches: dict[str, tuple[int, int]] = {}
    files = {part: _file(part) for part in parts}
    include = sorted(set(files.values()))
    measured = coverage.Coverage(branch=True, include=include, data_file=None, config_file=False)
    measured.start()
    try:
        yield branches
    finally:
        measured.stop()
    if not parts:
        return
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        measured.json_report(outfile=str(report))
        # coverage names a file as seen from the working directory where it can.
        found = {
            str(Path(name).resolve()): one
            for name, one in json.loads(report.read_text())["files"].items()
        }
    for part, file in files.items():
        name, summary = Path(file).stem, found[file]["summary"]
        if not isinstance(part, ModuleType):
            name = f"{name}.{part.__qualname__}"
            summary = found[file]["functions"][part.__qualname__]["summary"]
        branches[name] = (summary["covered_branches"], summary["num_branches"])


def _file(part: Part) -> str:
    module = part if isinstance(part, ModuleType) else sys.modules[part.__module__]
    return str(Path(str(module.__file__)).resolve())


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow(f"more than {INPUT_S_MAX} s")
