"""The judge: takes a history in, record by record, and says which invariants of design 8 it breaks.

Independent of what it judges: of the product it knows the protocol's messages alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fellesskap_protocol.messages import MalformedMessage, decode_event
from tests.judge import history
from tests.judge.authority import I5
from tests.judge.custody import I1, I13
from tests.judge.doors import I3, I4, I14
from tests.judge.dwell import I16
from tests.judge.fold import FOLDS
from tests.judge.fold_journal import entry, record
from tests.judge.ledger import I7
from tests.judge.liveness import LIVE
from tests.judge.offline import I12
from tests.judge.once import I9
from tests.judge.promises import I8
from tests.judge.remote import I6
from tests.judge.room import I2
from tests.judge.rules import HELD, Entry, Rule, Rules
from tests.judge.state import Place, World

JUDGES: dict[str, Rules] = {
    "I1": I1,
    "I2": I2,
    "I3": I3,
    "I4": I4,
    "I5": I5,
    "I6": I6,
    "I7": I7,
    "I8": I8,
    "I9": I9,
    "I12": I12,
    "I13": I13,
    "I14": I14,
    "I16": I16,
    "liveness": LIVE,
}
"""What is judged, by invariant; I10, I11 and I15 are no matter of one history."""
BREACHES_MAX = 1000
"""How many are kept word for word; all are counted."""


class Breach(NamedTuple):
    """One invariant broken: when (true seconds), where, in words, and by which line, from 1."""

    invariant: str
    at: float
    locker: str
    words: str
    line: int


class Judge:
    """Takes records in and keeps what is wrong with them."""

    def __init__(self, judges: Mapping[str, Rules] = JUDGES) -> None:
        self.world = World()
        self.breaches: list[Breach] = []
        self.broken: Counter[str] = Counter()
        self.judged: Counter[tuple[str, str]] = Counter()
        """How often each rule looked and had no excuse, by invariant and name."""
        self._rules: dict[type[Any], list[tuple[str, Rule]]] = {}
        for invariant, rules in judges.items():
            for kind, found in rules.items():
                of_kind = self._rules.setdefault(kind, [])
                each = found if isinstance(found, tuple) else (found,)
                of_kind += [(invariant, rule) for rule in each]
        self._always = self._rules.pop(history.Record, [])

    def take(self, one: history.AnyRecord) -> None:
        """Judge one record, then fold it in."""
        world, kind = self.world, type(one)
        world.line += 1
        world.at = one.at
        for invariant, rule in self._always:
            self._hold(invariant, rule, one, world, one)
        if kind is history.Journalled or kind is history.Recorded:
            self._entry(one)  # type: ignore[arg-type]
            return
        for invariant, rule in self._rules.get(kind, ()):
            self._hold(invariant, rule, one, world, one)
        fold = FOLDS.get(kind)
        if fold is not None:
            fold(world, one)

    @property
    def looks(self) -> dict[str, int]:
        """How often each invariant was judged."""
        times = dict.fromkeys(JUDGES, 0)
        for (invariant, _), count in self.judged.items():
            times[invariant] = times.get(invariant, 0) + count
        return times

    def _entry(self, one: history.Journalled | history.Recorded) -> None:
        world = self.world
        place = world.places.get(one.locker)
        if place is None:
            return
        read = self._read(place, one)
        for invariant, rule in self._rules.get(type(one), ()):
            self._hold(invariant, rule, one, world, place, read)
        event = read.event
        if event is None:
            return
        if isinstance(one, history.Recorded):
            known = place.epochs.get(one.epoch)
            if known is not None:
                record(world, place, known, event, one.event)
            return
        for invariant, rule in self._rules.get(type(event), ()):
            self._hold(invariant, rule, one, world, place, event)
        entry(world, place, one.epoch, one.event, event)

    def _read(self, place: Place, one: history.Journalled | history.Recorded) -> Entry:
        """Decode an entry, unless it is the one that the ledger lacks next: that was read."""
        if isinstance(one, history.Recorded) and (known := place.epochs.get(one.epoch)):
            lacking = known.unrecorded.get(known.recorded + 1)
            if lacking is not None and lacking[0] == one.event:
                return Entry(one.epoch, one.event, lacking[1])
        try:
            return Entry(one.epoch, one.event, decode_event(one.event))
        except MalformedMessage:
            return Entry(one.epoch, one.event, None)

    def _hold(self, invariant: str, rule: Rule, one: history.AnyRecord, *seen: Any) -> None:
        wrong = rule(*seen)
        if wrong is None:
            return
        self.judged[invariant, rule.__name__] += 1
        if wrong == HELD:
            return
        self.broken[invariant] += 1
        if len(self.breaches) < BREACHES_MAX:
            locker = getattr(one, "locker", "")
            self.breaches.append(Breach(invariant, one.at, locker, wrong, self.world.line))


def judge(
    records: Iterable[history.AnyRecord], judges: Mapping[str, Rules] = JUDGES
) -> list[Breach]:
    """Judge a whole history."""
    one = Judge(judges)
    for record_ in records:
        one.take(record_)
    return one.breaches
