"""Bugs that are planted on purpose, and the seed by which the simulated world finds each.

A bug is a patch of one module: the text that stands there, and what is put in its place. A patch
that fits no more is an error, so that none of them plants nothing. `planting` looks for one.
"""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

EDGE, BACKEND = "fellesskap_edge", "fellesskap_backend"


class DoesNotFit(ValueError):
    """What a patch wants to replace does not stand once in its module."""


@dataclass(frozen=True)
class Planted:
    """A patch: `edits` are pairs of what stands in a module and what is put in its place.

    The world of `seed` finds it within `days`; it breaks `invariant` first.
    """

    name: str
    module: str
    edits: tuple[tuple[str, str], ...]
    seed: int
    days: float
    invariant: str


PLANTED: dict[str, Planted] = {
    one.name: one
    for one in (
        Planted(
            "no_fsync",
            f"{EDGE}.journal",
            (('pragma("synchronous", self._synchronous)', 'pragma("synchronous", "OFF")'),),
            seed=2,
            days=0.4,
            invariant="I8",
        ),
        Planted(
            "pulse_before_commit",
            f"{EDGE}.drive",
            (
                (
                    "                self._commit()\n                for turn",
                    "                for turn",
                ),
                (
                    "                    self._perform(self._effects.popleft())\n",
                    "                    self._perform(self._effects.popleft())\n"
                    "                self._commit()\n",
                ),
            ),
            seed=0,
            days=0.2,
            invariant="I3",
        ),
        Planted(
            "consumed_forgotten_on_restart",
            f"{EDGE}.controller",
            (("            draft.c.consumed[key] = fact\n", "            pass\n"),),
            seed=77,
            days=0.05,
            invariant="I5",
        ),
        Planted(
            "ack_before_commit",
            f"{BACKEND}.bridge.intake",
            (
                (
                    "                return ledger.ingest(\n",
                    "                standing = ledger.ingest(\n",
                ),
                (
                    "            case Result():\n",
                    "                exchange = self.resulted.__self__\n"
                    "                exchange._acknowledge(said.locker_id, standing)\n"
                    "                return standing\n"
                    "            case Result():\n",
                ),
            ),
            seed=0,
            days=0.1,
            invariant="I8",
        ),
        Planted(
            "change_applied_on_a_wrong_from",
            f"{EDGE}.uplink",
            (
                (
                    "        rights.generation == position.generation "
                    "and rights.from_ == position.revision\n",
                    "        rights.generation == position.generation\n",
                ),
            ),
            seed=2,
            days=0.3,
            invariant="I5",
        ),
        Planted(
            "parts_applied_one_by_one",
            f"{EDGE}.uplink",
            (
                (
                    "    if len(staged.came) < staged.parts:\n"
                    "        return replace(uplink, staged=staged), ()\n",
                    "    staged = replace(staged, came={rights.part: rights})\n",
                ),
            ),
            seed=42,
            days=0.3,
            invariant="I5",
        ),
        Planted(
            "capacity_freed_at_delete",
            f"{BACKEND}.parcels.moving",
            (
                (
                    "    claim = held(cause.session, Claim, parcel.right_id)\n"
                    "    if claim is not None and not claim.released:\n"
                    "        claim.released_at_revision = revision\n",
                    "    claim = held(cause.session, Claim, parcel.right_id)\n"
                    "    if claim is not None and not claim.released:\n"
                    "        claim.released_at_revision = revision\n"
                    "        claim.released = True\n",
                ),
            ),
            seed=0,
            days=0.6,
            invariant="I2",
        ),
        Planted(
            "allowance_not_counted",
            f"{EDGE}.completing",
            (
                (
                    "        units = draft.c.used.get(name, 0) + 1\n",
                    "        units = draft.c.used.get(name, 0)\n",
                ),
            ),
            seed=0,
            days=0.5,
            invariant="I5",
        ),
        Planted(
            "reopen_window_not_ended",
            f"{EDGE}.completing",
            (("REOPEN_S = 300.0", "REOPEN_S = 86_400.0"),),
            seed=0,
            days=0.4,
            invariant="I5",
        ),
        Planted(
            "no_limit_on_remote_opens",
            f"{EDGE}.commanding",
            (
                (
                    '    return "limit" if _over_limit(draft, command) else None',
                    "    return None",
                ),
            ),
            seed=4,
            days=0.4,
            invariant="I6",
        ),
        Planted(
            "epoch_reused_after_a_restore",
            f"{EDGE}.uplink",
            (
                (
                    '    if ack.verdict != "ok" or ack.acked_seq > uplink.head_seq:\n',
                    '    if ack.verdict == "closed":\n',
                ),
            ),
            seed=122,
            days=1,
            invariant="I7",
        ),
        Planted(
            "feed_position_taken_before_commit",
            f"{BACKEND}.events.service",
            (
                (
                    "Notice.position > after)\n        .order_by(Notice.position)",
                    "Notice.number > after)\n        .order_by(Notice.number)",
                ),
                (
                    "    last = notices[-1].position if notices else after\n",
                    "    last = notices[-1].number if notices else after\n",
                ),
                ('        "position": notice.position,\n', '        "position": notice.number,\n'),
            ),
            seed=1,
            days=0.4,
            invariant="I8",
        ),
        Planted(
            "reply_of_another_poll",
            f"{EDGE}.locks.board_8a",
            (
                (
                    "frame[:2] == bytes((STATUS, self.address)) and",
                    "frame[0] == STATUS and",
                ),
            ),
            seed=15,
            days=1,
            invariant="I1",
        ),
        Planted(
            "label_of_another_in_a_refusal",
            f"{BACKEND}.reservations.answering",
            (
                (
                    "            self.told.append(refused(decided, asked, other))\n",
                    "            session, sql = self.counter.session, __import__('sqlalchemy')\n"
                    "            here = sql.select(Parcel.label_value).where(\n"
                    "                Parcel.locker_id == asked.locker_id,\n"
                    "                Parcel.carrier_id != self.by.carrier_id)\n"
                    "            by = session.scalars(here.order_by(Parcel.id.desc())).first()\n"
                    "            problem = refused(decided, asked, other)\n"
                    "            self.told.append(\n"
                    "                Answered(problem.status, problem.body | {'taken_by': by}))\n",
                ),
            ),
            seed=0,
            days=0.6,
            invariant="I10",
        ),
    )
}

WEIGHT_OF_OTHERS = Planted(
    "weight_of_others_in_an_answer",
    f"{BACKEND}.reservations.answering",
    (
        (
            "            self.told[at] = Answered(201, view(rows[0], delivered=False))\n",
            "            sql = __import__('sqlalchemy')\n"
            "            held = sql.select(sql.func.sum(Claim.g)).where(\n"
            "                Claim.locker_id == asked.locker_id)\n"
            "            told = view(rows[0], delivered=False) | {'held_g': session.scalar(held)}\n"
            "            self.told[at] = Answered(201, told)\n",
        ),
    ),
    seed=14,
    days=0.3,
    invariant="I10",
)
"""Names nobody: that shows only beside a world in which a rival's parcels weigh something else."""


def patched(bug: Planted) -> str:
    """Return what stands in a module with the bug."""
    spec = importlib.util.find_spec(bug.module)
    assert spec is not None
    assert spec.origin is not None
    return _with_bug(bug, Path(spec.origin))


def plant(bug: Planted) -> None:
    """Import a module with its bug; nobody may have imported it before."""
    assert bug.module not in sys.modules
    sys.meta_path.insert(0, _Planter(bug))
    importlib.import_module(bug.module)


def _with_bug(bug: Planted, path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    for stands, instead in bug.edits:
        if text.count(stands) != 1:
            raise DoesNotFit(f"{bug.name}: {stands!r} stands {text.count(stands)} times")
        text = text.replace(stands, instead)
    return text


class _Planter(MetaPathFinder):
    """Finds a module with its bug, also where its own package is the first to import it."""

    def __init__(self, bug: Planted) -> None:
        self._bug = bug

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._bug.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Buggy(fullname, spec.origin, _with_bug(self._bug, Path(spec.origin)))
        return spec


class _Buggy(SourceFileLoader):
    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return compile(self._text, self.path, "exec")
