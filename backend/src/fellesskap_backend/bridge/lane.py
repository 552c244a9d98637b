"""The other process of the bridge's lanes: what it is given is taken in, and said back.

It serves one bridge and ends with it, however that ends. Keys are read from the installation's own
files; payloads, codes and keys are never logged.
"""

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

from sqlalchemy.orm import Session

from fellesskap_backend import db, schema, secrets
from fellesskap_backend.bridge.intake import LET_GO, Intake, Lockers, Said
from fellesskap_backend.interpreter import log_to_stderr, look_for_cycles_seldom
from fellesskap_backend.settings import Settings
from fellesskap_protocol.messages import Result

log = logging.getLogger(__name__)
_INTAKES: list[Intake] = []


class LaneFailed(Exception):
    """A message was not taken in; which kind of error it was is all that is told."""


def begin(settings: Settings) -> None:
    """Make ready to take in; Ctrl-C at a terminal is the bridge's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to_stderr()
    threading.Thread(target=_end_with_the_bridge, name="parent", daemon=True).start()
    assert schema.metadata.tables  # every table must be known before a row of one is read
    engine, kept = db.engine(settings), secrets.load(settings.state)
    _INTAKES.append(Intake(engine, kept, lambda: db.Moment(datetime.now(UTC)), _not_here))
    look_for_cycles_seldom()


def take(lockers: Lockers) -> list[Said]:
    """Commit what some lockers said, of each in order."""
    return [_portable(said) for said in _INTAKES[0].take(lockers)]


def _portable(said: Said) -> Said:
    """Return what can be said to another process: not every error can."""
    if said.error is None or isinstance(said.error, LET_GO):
        return said
    where = "".join(traceback.format_tb(said.error.__traceback__))
    log.error("a message failed: %s\n%s", type(said.error).__name__, where)
    return replace(said, error=LaneFailed(type(said.error).__name__))


def _end_with_the_bridge() -> None:
    bridge = multiprocessing.parent_process()
    if bridge is not None:
        bridge.join()
        os._exit(1)


def _not_here(_session: Session, _locker_id: str, _result: Result) -> NoReturn:
    raise AssertionError("results are the bridge's own to take in")
