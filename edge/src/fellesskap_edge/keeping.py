"""The store as `drive` uses it: commits, what a refused one leaves, and upkeep now and then.

Only `drive` uses it. What is decided when the store refuses is `outage`'s.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fellesskap_edge import outage
from fellesskap_edge.clock import Instant
from fellesskap_edge.journal import Journal, JournalUnusable
from fellesskap_edge.outage import Outage
from fellesskap_edge.parts import Parts, stamp
from fellesskap_edge.state import Controller, Forget, Keep
from fellesskap_protocol.events import AnyEvent, Fault

log = logging.getLogger(__name__)
HOUSE_S = 60.0
PRUNE_S = 3600.0
FULL = "full: no deposits, pickups use the room set aside"


class Keeping:
    """One locker's store; `kept` is the controller as it stood at the last commit.

    `roomy` says whether deposits may use the disk.
    """

    def __init__(self, parts: Parts, kept: Controller, now: Instant) -> None:
        self.kept = kept
        self.outage: Outage | None = None
        self.roomy = True
        self._parts = parts
        self._journal: Journal = parts.journal
        self._tidy_at = self._prune_at = now.mono_s

    def wake_at(self, due: float) -> float:
        """Return when the controller, `due` then, is stepped: not before a store that works."""
        return self.outage.retry_at if self.outage else due

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, for operators and the kiosk."""
        full = () if self.roomy else ("disk: full, no deposits are taken",)
        return (*full, "journal: cannot be written, nothing opens") if self.outage else full

    def commit(
        self,
        events: Sequence[AnyEvent],
        changes: Sequence[Keep | Forget],
        now: Instant,
        *,
        new_epoch: str | None = None,
    ) -> None:
        """Write, if there is anything; raise `JournalUnusable`."""
        if not (events or changes):
            return
        if self.outage and now.mono_s < self.outage.retry_at:
            raise JournalUnusable("not tried again yet")
        self._parts.crash_at("before_commit")
        self._journal.commit(events, changes, stamp(self._parts, now), new_epoch=new_epoch)
        self._parts.crash_at("after_commit")

    def set_back(
        self,
        error: JournalUnusable,
        events: Sequence[AnyEvent],
        changes: Sequence[Keep | Forget],
        *,
        tried: Controller,
        now: Instant,
    ) -> Controller:
        """Return the controller to go on with after a refusal."""
        if self.outage is None:
            log.error("out of order: %s", error)
            self.outage, self.kept = outage.begin(self.kept, now)
        self.outage = outage.refused(self.outage, events, changes, now)
        self.kept = outage.set_back(self.kept, tried, now)
        return self.kept

    def works_again(self, now: Instant) -> bool:
        """Try a store that refused, if it is time; write what it is owed."""
        if self.outage is None or now.mono_s < self.outage.retry_at:
            return False
        try:
            report = outage.report(self.outage, now)
            self.commit(report, tuple(self.outage.facts.values()), now)
        except JournalUnusable:
            self.outage = outage.refused(self.outage, (), (), now)
            return False
        log.warning("the store takes commits again")
        self.outage = None
        self.kept = replace(self.kept, serving_since=now.mono_s)
        return True

    def tidy(self, acked_seq: int, now: Instant) -> tuple[Fault, ...]:
        """Set room aside, drop old events; say of the disk what is new. Raise `JournalUnusable`."""
        if self.outage is None and now.mono_s >= self._tidy_at:
            self._tidy_at = now.mono_s + HOUSE_S
            self._journal.mind_room()
            if now.mono_s >= self._prune_at:
                self._parts.crash_at("before_prune")
                # A clock that ran ahead must not drop history by its age.
                known = now.wall if now.trusted else datetime.fromtimestamp(0, UTC)
                more = self._journal.prune(acked_seq, known)
                self._parts.crash_at("after_prune")
                self._prune_at = now.mono_s + (HOUSE_S if more else PRUNE_S)
        if self._journal.roomy == self.roomy:
            return ()
        self.roomy = self._journal.roomy
        log.warning("disk: %s", "room again" if self.roomy else FULL)
        return (Fault(part="disk", what="ok" if self.roomy else FULL, since=now.wall),)
