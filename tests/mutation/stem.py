"""The process in which the mutants of one module are tried; prints a line of JSON for each.

Its child collects the tests once and sees which of them run which line. From there it forks for
each mutant, exchanges the code of the functions in place and runs the tests that run the changed
line, the shortest first. What a module does while it is imported cannot be changed afterwards:
those mutants are imported anew, in forks from before.
"""

import functools
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import Any, NoReturn

import hypothesis
import pytest
from coverage import Coverage

from tests.mutation.guarded import GUARDED, Guarded
from tests.mutation.mutants import Mutant

OURS = ("fellesskap_", "tests")
CPU_S, WALL_S = 3, 120
"""Beside `SLOWER` times what its tests take, a mutant that goes on for longer is stuck."""
SLOWER = 5
MEMORY_MAX = 2 << 30
KILLED, SURVIVED, TIMED_OUT = "killed", "survived", "timed out"
OPTIONS = (
    *("-q", "-s", "-x", "-m", "not slow and not full", "--assert=plain"),
    *("-p", "no:cacheprovider", "-p", "no:xdist", "-o", "tmp_path_retention_policy=none"),
)


class Plugin:
    """Let hypothesis choose the same examples every time, and lose no time with small ones."""

    def pytest_sessionstart(self) -> None:
        """Load the profile when `tests/conftest.py` has loaded its own."""
        hypothesis.settings.register_profile(
            "mutants",
            max_examples=50,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutants")


class Collected(Plugin):
    """Try what can be changed after the import; keep the rest for later."""

    def __init__(self, guarded: Guarded, mutants: list[Mutant], say: Callable[..., None]) -> None:
        self.path = os.fspath(guarded.path)
        self.mutants, self.say = mutants, say
        self.later: list[str] = []
        self.took: dict[str, float] = {}
        self.coverage = Coverage(data_file=None, include=[self.path])
        self.coverage.start()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once, then those that matter for each mutant."""
        items = {item.nodeid: item for item in session.items}
        for item in session.items:
            self.coverage.switch_context(item.nodeid)
            begun = time.process_time()
            _run(session, item)
            self.took[item.nodeid] = time.process_time() - begun
            if session.testsfailed:
                raise session.Failed(f"{item.nodeid} fails without a mutant")
        self.coverage.stop()
        by_line = self.coverage.get_data().contexts_by_lineno(self.path)
        for mutant in self.mutants:
            names = {name for line in mutant.lines for name in by_line.get(line, ())}
            if "" in names:
                self.later.append(mutant.key)
                continue
            chosen = sorted(names, key=lambda name: (self.took[name], name))
            limit_s = SLOWER * sum(self.took[name] for name in chosen)
            tests = [items[name] for name in chosen]
            noticed = functools.partial(self._noticed, session, mutant, tests)
            self.say(mutant, *forked(noticed, limit_s))
        return True

    def _noticed(self, session: pytest.Session, mutant: Mutant, tests: list[pytest.Item]) -> bool:
        exchange(mutant.code, self.path)
        for item in tests:
            _run(session, item)
            if session.testsfailed:
                return True
        return False


def _run(session: pytest.Session, item: pytest.Item) -> None:
    """Run one test; what all tests of the session share stays."""
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=session)


def exchange(code: CodeType, path: str) -> None:
    """Give every living function of a module its new code, and forget what they remembered."""
    new = {(one.co_qualname, one.co_firstlineno): one for one in _inside(code)}
    gc.unfreeze()  # `get_objects` passes over what `tests/conftest.py` froze
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == path:
            changed = new[one.__code__.co_qualname, one.__code__.co_firstlineno]
            if changed != one.__code__:
                one.__code__ = changed
        elif isinstance(one, functools._lru_cache_wrapper) and one.__module__.startswith(OURS):
            one.cache_clear()


def _inside(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _inside(one)


def imported_anew(mutant: Mutant, guarded: Guarded, files: list[str]) -> bool:
    """Import the changed module in the place of the real one and run the tests."""
    real, path = SourceFileLoader.get_code, os.fspath(guarded.path)

    def get_code(self: SourceFileLoader, name: str) -> Any:
        return mutant.code if self.path == path else real(self, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
    return pytest.main([*OPTIONS, *files], plugins=[Plugin()]) != pytest.ExitCode.OK


def forked(noticed: Callable[[], bool], limit_s: float) -> tuple[str, float]:
    """Ask in a fork whether a mutant is noticed; return the verdict and seconds of processor."""
    child = os.fork()
    if child == 0:
        _in_fork(noticed, limit_s)
    _, status, used = os.wait4(child, 0)
    seconds = used.ru_utime + used.ru_stime
    if os.WIFSIGNALED(status):
        stuck = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM)
        return TIMED_OUT if stuck else KILLED, seconds
    return SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED, seconds


def _in_fork(noticed: Callable[[], bool], limit_s: float) -> NoReturn:
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        cpu_s = CPU_S + round(limit_s)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(WALL_S + 10 * round(limit_s))
        code = int(noticed())
    finally:
        os._exit(code)


def main(name: str) -> None:
    """Try the mutants of one module; the lines of JSON go to what is standard output now."""
    guarded = GUARDED[name]
    mutants = guarded.mutants(name)
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(mutant: Mutant, verdict: str, seconds: float) -> None:
        lines.write(json.dumps([mutant.key, verdict, round(seconds, 2)]) + "\n")

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _collected(guarded, mutants, say, writer)
        os.close(writer)
        with os.fdopen(reader) as told:
            left = json.loads(told.read())
        if os.waitpid(child, 0)[1] != 0:
            sys.exit("the tests fail without a mutant")
        if left["later"]:
            for module in left["modules"]:
                importlib.import_module(module)
        for mutant in mutants:
            if mutant.key in left["later"]:
                anew = functools.partial(imported_anew, mutant, guarded, left["files"])
                say(mutant, *forked(anew, left["seconds"]))


def _collected(
    guarded: Guarded, mutants: list[Mutant], say: Callable[..., None], writer: int
) -> NoReturn:
    plugin = Collected(guarded, mutants, say)
    begun = time.process_time()
    status = pytest.main([*OPTIONS, *guarded.tests], plugins=[plugin])
    by_file = {
        file: sum(took for name, took in plugin.took.items() if name.startswith(file))
        for file in guarded.tests
    }
    told = {
        "later": plugin.later,
        "files": sorted(by_file, key=by_file.__getitem__),
        "modules": [
            name
            for name, module in sys.modules.items()
            if getattr(module, "__spec__", None) and not name.startswith(OURS)
        ],
        "seconds": SLOWER * (time.process_time() - begun),
    }
    with os.fdopen(writer, "w") as out:
        json.dump(told, out)
    os._exit(int(status))


if __name__ == "__main__":
    main(sys.argv[1])
