"""How Python is set in our processes: its log; and where we serve, as measured
(docs/performance.md), its threads and its search for cycles.
"""

import gc
import logging
import sys

SWITCH_S = 0.0005
"""How long a thread keeps the interpreter when another wants it, as after PostgreSQL's answers:
at Python's own 5 ms, an answer that took one waits for five."""
NEW_OBJECTS = 10_000
"""After how many new objects Python looks for cycles among them. Rows are many and hold none; with
Python's own 700, and all that was imported looked through again and again, a third of the ingest's
time went there."""


def log_to_stderr() -> None:
    """Write what is logged to stderr, line by line, with its time."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )


def take_turns() -> None:
    """Let threads have the interpreter soon."""
    sys.setswitchinterval(SWITCH_S)


def look_for_cycles_seldom() -> None:
    """Look seldom for cycles, and never among what is here now: it stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
