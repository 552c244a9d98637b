"""A failure made short: acts of people and faults are left out while the same invariant breaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.judge.history import AnyRecord
from tests.judge.judging import JUDGES
from tests.judge.rules import Rules
from tests.simulation import ending
from tests.simulation.life import Life, lives

TRIES_MAX = 40


class Broke(Exception):
    """The invariant that is looked for broke: nothing after it matters."""


@dataclass
class Short:
    """The acts that are enough, their names, and the history up to the breach."""

    acts: tuple[int, ...]
    names: tuple[str, ...]
    words: str
    records: list[AnyRecord]


def breaks(
    seed: int,
    days: float,
    only: frozenset[int] | None,
    invariant: str,
    *,
    judges: Mapping[str, Rules] = JUDGES,
) -> Short | None:
    """Live a seed with some acts only, until an invariant breaks; None if it does not.

    `invariant` is the first word of what was wrong: also of what shows at the end alone, or `bug`.
    """
    with lives(seed, days, only=only, judges=judges) as life:
        watch = _Watch(life, invariant)
        life.world.chronicle.watchers.append(watch)
        words = _lived(life, watch)
        if words is None:
            return None
        kept = [
            act
            for act in life.agenda.acts
            if act.at_s <= life.world.now_s and (only is None or act.number in only)
        ]
        return Short(
            tuple(act.number for act in kept),
            tuple(act.name for act in kept),
            words,
            list(life.world.chronicle.records),
        )


def _lived(life: Life, watch: "_Watch") -> str | None:
    """Live, and return the words of the breach that is watched for."""
    try:
        life.live()
        every = list(ending.breaks(life))
    except Broke:
        return watch.words
    except Exception as error:  # noqa: BLE001 - a bug of ours is what is looked for, or another
        every = [ending.bug(error)]
    return next((words for words in every if words.split()[0] == watch.invariant), None)


class _Watch:
    """Ends a life at the first breach of one invariant."""

    def __init__(self, life: Life, invariant: str) -> None:
        self._life, self.invariant = life, invariant
        self.words: str | None = None

    def __call__(self, _record: AnyRecord) -> None:
        for one in self._life.judge.breaches:
            if one.invariant == self.invariant:
                self.words = f"{one.invariant} {one.words}"
                raise Broke


def shrink(
    seed: int,
    days: float,
    invariant: str,
    *,
    judges: Mapping[str, Rules] = JUDGES,
    tell: Callable[[str], None] = lambda _line: None,
) -> Short | None:
    """Return the shortest story found; None if the breach does not come again."""
    best = breaks(seed, days, None, invariant, judges=judges)
    pieces, tries = 2, 1
    while best is not None and tries < TRIES_MAX and len(best.acts) > 1:
        size = -(-len(best.acts) // pieces)
        for start in range(0, len(best.acts), size):
            left = frozenset(best.acts[:start] + best.acts[start + size :])
            tries += 1
            shorter = breaks(seed, days, left, invariant, judges=judges)
            if shorter is not None:
                best = shorter
                tell(f"{len(best.acts)} acts are enough")
                pieces = max(2, pieces - 1)
                break
            if tries >= TRIES_MAX:
                break
        else:
            if size == 1:
                break
            pieces = min(len(best.acts), pieces * 2)
    return best
