"""PURE: everything that was decided, derived again from a file of pages, with no database.

Each line is one page of `GET /v1/audit/decisions` as it came over HTTP, in order. It is what
`receipts.replaying` does over the rows: chains are walked, decisions made again to the byte,
receipts, trees, rules and cut-offs compared. Whatever differs is named with its line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypedDict

from fellesskap_backend.audit import public
from fellesskap_backend.audit.rows import Told
from fellesskap_backend.audit.shapes import (
    AuditedDecision,
    AuditedReceipt,
    AuditedRoot,
    AuditPage,
)
from fellesskap_backend.cut_offs import consistency as announced
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.batches import batch_in, hash_of
from fellesskap_backend.decisions.record import Head, Link, altered, digest
from fellesskap_backend.decisions.replay import Fold, Run, runs
from fellesskap_backend.policies import consistency
from fellesskap_backend.policies.comparing import Published
from fellesskap_backend.receipts.checking import (
    Committed,
    CutOffs,
    Root,
    derived,
    is_whole,
    ruled,
    stands,
)
from fellesskap_backend.receipts.hours import first_seen
from fellesskap_backend.receipts.told import is_of
from fellesskap_protocol.audit import NotProven, name_of, unb64, unsigned
from fellesskap_protocol.merkle import entry
from fellesskap_protocol.signing import b64url


class Checked(TypedDict):
    """What was derived from a file, and all that differs."""

    lockers: int
    decisions: int
    receipts: int
    hours: int
    keys: list[str]
    """Whose signatures the roots carry: compare them with the installation's."""
    secret: list[str]
    """Days whose keys to the lots were not public yet: what their cut-offs decided is believed."""
    altered: list[str]
    """`line 3: oslo-1: decision 7: altered`."""


@dataclass
class _Chain:
    """One locker's decisions, as far as they are read, each with its line."""

    locker_id: str
    head: Head = field(default_factory=Head)
    line: int = 0
    rows: list[tuple[int, AuditedDecision]] = field(default_factory=list)


@dataclass
class Export:
    """One run over a file; `public` are roots as others have them, by hour (`audit`).

    `kept` are other public answers that somebody kept (`audit.public`).
    """

    public: dict[str, str] = field(default_factory=dict)
    kept: tuple[tuple[str, bytes], ...] = ()
    found: Checked = field(
        default_factory=lambda: Checked(
            lockers=0, decisions=0, receipts=0, hours=0, keys=[], secret=[], altered=[]
        )
    )
    _roots: dict[str, Root] = field(default_factory=dict)
    _salted: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _explained: set[str] = field(default_factory=set)
    _lots: dict[date, bytes] = field(default_factory=dict)
    _told: Told = field(default_factory=Told)
    _closed: tuple[str, str] | None = None
    """The first and last hours of which there were trees when the first page was read."""
    _differing: list[str] = field(default_factory=list)
    _whole: bool = True
    _ended: bool = False

    def run(self, lines: Iterable[str]) -> Checked:
        """Check all lines; memory holds one locker at a time, and all salts."""
        chain: _Chain | None = None
        seen: set[str] = set()
        for number, line in enumerate(lines, start=1):
            try:
                page = AuditPage.model_validate_json(line)
            except ValueError:
                self._differs(number, "not a page as it came")
                continue
            self._begin(number, page)
            for head in page.chains:
                if chain is None or chain.locker_id != head.locker_id:
                    self._check(chain)
                    chain = _Chain(head.locker_id)
                    if chain.locker_id in seen:
                        self._differs(number, f"{chain.locker_id}: again")
                    seen.add(chain.locker_id)
                chain.head, chain.line = Head(head.decided, head.hash), number
                chain.rows += [
                    (number, row) for row in page.decisions if row.locker_id == chain.locker_id
                ]
            self._strangers(number, page)
            self._ended = page.next is None
        self._check(chain)
        if not self._ended:
            self.found["altered"].append("the last page is missing")
        self._trees()
        self.found["altered"] += dict.fromkeys((*self._contradictions(), *self._differing))
        return self.found

    def _begin(self, number: int, page: AuditPage) -> None:
        """Take in what a page says beside decisions."""
        closed = page.closed
        if number == 1 and closed is not None:
            self._closed = closed.first, closed.last
        self._whole = self._whole and page.locker_id is None
        for row in page.roots:
            root, signed = Root(row.size, row.root, row.seed), _is_signed(row)
            known = self._roots.setdefault(row.hour, root)
            public = self.public.get(row.hour, row.root)
            if known != root or public != row.root or not signed:
                self._differs(number, f"{row.hour}: not what was signed")
            if row.key not in self.found["keys"]:
                self.found["keys"].append(row.key)
        for what in self._told.take(page.rules):
            self._differs(number, what)
        self._begin_lots(number, page)

    def _begin_lots(self, number: int, page: AuditPage) -> None:
        """Take in the keys of days that are over; a decision names the hash of its day's."""
        for row in page.lots:
            if row.key is None:
                continue
            try:
                key = unb64(row.key)
            except NotProven:
                key = b""
            if hash_of(key) != row.key_hash:
                self._differs(number, f"lots of {row.date}: not the key that was announced")
            self._lots[date.fromisoformat(row.date)] = key

    def _strangers(self, number: int, page: AuditPage) -> None:
        heads = {head.locker_id for head in page.chains}
        for row in page.decisions:
            if row.locker_id not in heads:
                self._differs(number, f"{row.locker_id}: decision {row.number}: of no chain")

    def _check(self, chain: _Chain | None) -> None:
        """Check one locker from its first decision to its last."""
        if chain is None:
            return
        self.found["lockers"] += 1
        links = [_link(row) for _, row in chain.rows]
        broken = set(altered(reversed(links), chain.head))
        for number in sorted(broken - {row.number for _, row in chain.rows}):
            self._differs(chain.line, f"{chain.locker_id}: decision {number}: gone")
        fold = Fold(self._lots.__getitem__)
        lines = iter(line for line, _ in chain.rows)
        published = Published(self._told.rows)
        cut_offs = {
            (one.day, instant(one.at)): one.decided_at
            for one in self._told.of("cut_offs", chain.locker_id)
        }
        for run in runs(row for _, row in chain.rows):
            checked = self._derived(fold, run, broken)
            for row, line, differs in zip(run.links, lines, checked, strict=False):
                hashed = digest(row.body.encode()) == row.hash
                why = ["altered"] if row.number in broken or not hashed else []
                why += [*differs, *_ruled(row, published, cut_offs), *self._receipt(row)]
                if why:
                    what = f"{chain.locker_id}: decision {row.number}"
                    self._differs(line, f"{what}: {', '.join(dict.fromkeys(why))}")
                self.found["decisions"] += 1
        for rules in fold.rules.values():
            self._differing += published.differs(chain.locker_id, rules)

    def _contradictions(self) -> Iterator[str]:
        """Yield rows of announcements that contradict each other, or what was public."""
        rows, days, published = self._told.rows, self._told.of("days"), Published(self._told.rows)
        versions = published.versions
        zone = next(reversed(versions.values()), None)
        yield from published.altered
        yield from consistency.of_policies(rows.policies, ())
        yield from consistency.of_weights(rows.weights, zone, ())
        yield from consistency.of_standings(self._told.of("standings"), zone, ())
        yield from consistency.of_reviews(self._told.of("reviews"), zone, ())
        yield from announced.of_days(days, versions, published.in_force)
        yield from announced.of_cut_offs(self._told.of("cut_offs"), days, versions)
        yield from public.differing(self._told, self.kept, whole=self._whole and self._ended)

    def _derived(self, fold: Fold, run: Run, broken: set[int]) -> list[list[str]]:
        """Derive again; a batch of a day whose key is still secret is believed, and named so."""
        batch = batch_in(run.links[0].body)
        if batch is None or batch.day in self._lots or not run.is_whole:
            return derived(fold, run, broken)
        if batch.day.isoformat() not in self.found["secret"]:
            self.found["secret"].append(batch.day.isoformat())
        fold.take(run)
        return [[] for _ in run.links]

    def _receipt(self, row: AuditedDecision) -> Iterator[str]:
        """Yield what is wrong with the receipt of a decision."""
        receipt = row.receipt
        if receipt is None:
            if self._had_to_be_told(row.at):
                yield "no receipt"
            return
        self.found["receipts"] += 1
        root = self._roots.get(receipt.hour)
        if root is None:
            yield "no root"
            return
        self._salted.setdefault(receipt.hour, []).append((receipt.salt, receipt.decision))
        if receipt.told_to != row.carrier_id or not _is_told(receipt, row.body, root):
            yield "told otherwise"
        one = Committed(receipt.decision, receipt.salt, receipt.place, receipt.path)
        if not stands(one, root) or _leaf(receipt) != receipt.leaf:
            self._explained.add(receipt.hour)
            yield "not under its root"

    def _had_to_be_told(self, at: str) -> bool:
        if self._closed is None:
            return False
        try:
            first, last, decided = map(datetime.fromisoformat, (*self._closed, at))
            return first_seen(first) <= decided < last
        except (TypeError, ValueError):
            return False  # an altered one, which is named as such

    def _trees(self) -> None:
        """Compare trees with their receipts: of a whole export, and as it was when it began."""
        self.found["hours"] = len(self._roots)
        if not self._whole or not self._ended or self._closed is None:
            return
        for hour, root in sorted(self._roots.items()):
            known = hour <= self._closed[1] and hour not in self._explained
            if known and not is_whole(root, self._salted.get(hour, [])):
                self.found["altered"].append(f"{hour}: not the tree of its receipts")

    def _differs(self, line: int, what: str) -> None:
        self.found["altered"].append(f"line {line}: {what}")


def _link(row: AuditedDecision) -> Link:
    beside = {
        "id": row.id,
        "locker_id": row.locker_id,
        "number": row.number,
        "carrier_id": row.carrier_id,
        "at": row.at,
    }
    return Link(row.number, row.body, beside)


def _ruled(row: AuditedDecision, published: Published, cut_offs: CutOffs) -> Iterator[str]:
    try:
        yield from ruled(row, datetime.fromisoformat(row.at), published, cut_offs)
    except (TypeError, ValueError):
        return  # an altered one, which is named as such


def _is_signed(row: AuditedRoot) -> bool:
    """Say whether a root's signature holds, and says the same as the row."""
    try:
        key = unb64(row.key)
        said, _ = unsigned(row.jws, {name_of(key): key})
    except NotProven:
        return False
    return (said["hour"], said["size"], said["root"]) == (row.hour, row.size, row.root)


def _is_told(one: AuditedReceipt, body: str, root: Root) -> bool:
    try:
        return is_of(one.decision, body, unb64(root.seed))
    except NotProven:
        return False


def _leaf(one: AuditedReceipt) -> str | None:
    try:
        return b64url(entry(unb64(one.salt), one.decision.encode()))
    except (NotProven, ValueError):
        return None
