"""An outsider who stands before one locker and sees coils, doors and parcels.

Reads the simulated hardware's own record as it is made. People tell beforehand who acts at which
door with what; what was really done is seen here.
"""

import contextlib
import threading
import time
from collections import defaultdict
from typing import Any

from tests.judge import history
from tests.nemesis.chronicle import Chronicle
from tests.system.house import Hardware

Json = dict[str, Any]


class Eyes:
    """What is seen of one locker, from its start."""

    def __init__(self, locker: str, hardware: Hardware, chronicle: Chronicle) -> None:
        self.locker = locker
        self.lies: dict[int, str] = {}
        """What lies behind which door, really."""
        self.of_operator: set[int] = set()
        """Doors that an operator has opened from afar just now: nobody else goes there."""
        self._hardware = hardware
        self._chronicle = chronicle
        self._facts: list[Json] = []
        self._acting: dict[int, tuple[str, str]] = {}
        self._seen = threading.Condition()
        self._hands: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
        """One person at a door at a time."""
        rows = hardware.watch()
        next(rows)  # it says that it watches
        threading.Thread(target=self._watch, args=(rows,), daemon=True).start()

    def _watch(self, rows: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            for row in rows:
                if row["compartment"] is not None:
                    self._take(row)

    def _take(self, row: Json) -> None:
        at, number = row["mono_s"] - self._chronicle.began_mono, row["compartment"]
        place: Json = {"at": at, "locker": self.locker, "compartment": number}
        record: history.AnyRecord | None = None
        match row["fact"]:
            case "pulse_started" | "pulse_ended":
                record = history.Coil(**place, on=row["fact"] == "pulse_started")
            case "door_opened" | "door_shut":
                record = history.Door(**place, open=row["fact"] == "door_opened")
            case "put_in":
                self.lies[number], _ = self._acting[number]
                record = history.Laid(**place, item=self.lies[number])
            case "taken_out":
                item, by = self._acting[number]
                if self.lies.pop(number, None) is not None:
                    record = history.Taken(**place, item=item, by=by)
        if record is not None:
            self._chronicle.add(record)
        with self._seen:
            self._facts.append(row)
            self._seen.notify_all()
        self._chronicle.say(row["fact"], self.locker)

    def wait(self, fact: str, compartment: int, *, since: float, timeout_s: float) -> bool:
        """Wait for a fact at a door, after a moment of the monotonic clock; say whether it came."""

        def came() -> bool:
            return any(
                row["fact"] == fact and row["compartment"] == compartment and row["mono_s"] > since
                for row in reversed(self._facts)
            )

        with self._seen:
            return self._seen.wait_for(came, timeout_s)

    def opened_since(self, since: float, number: int | None = None) -> int | None:
        """Return a door that opened since: that one, or any but an operator's; else None."""
        for row in reversed(self._facts):
            if row["mono_s"] <= since:
                return None
            found = int(row["compartment"])
            wanted = found not in self.of_operator if number is None else found == number
            if row["fact"] == "door_opened" and wanted:
                return found
        return None

    def standing_open(self) -> list[int]:
        """Return the doors that stand open, other than an operator's."""
        return [
            row["compartment"]
            for row in self._hardware.doors()
            if row["open"] and row["compartment"] not in self.of_operator
        ]

    def act(self, act: str, compartment: int, item: str, by: str, *, open_s: float) -> bool:
        """Put something in, take it out or do nothing at an open door, then shut it.

        Returns whether it was done and the door was seen shut.
        """
        with self._hands[compartment]:
            self._acting[compartment] = (item, by)
            since = time.monotonic()
            doors = self._hardware.doors()
            if not any(one["compartment"] == compartment and one["open"] for one in doors):
                return False
            self._hardware.person(act, compartment, open_s=open_s)
            return self.wait("door_shut", compartment, since=since, timeout_s=open_s + 10)
