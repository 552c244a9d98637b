"""Spoils one line of a history: find it, change it, leave it out, add one, move one.

A journal entry that is changed changes the chain; `rechained` writes the chain and the ledger anew,
so that what is wrong is what the entry says and nothing else.
"""

from typing import Any

import msgspec

from fellesskap_protocol.events import GENESIS, AnyEvent, Event, stamped
from fellesskap_protocol.messages import decode_event, encode, event_hash
from tests.judge import history

Records = list[Any]
"""Of `AnyRecord`; which one stands where is known to whoever spoils it."""


def find(records: Records, kind: type[Any], nth: int = 0, /, **fields: Any) -> int:
    """Return where the nth (from 0; -1: the last) record or entry of a kind stands."""
    found = [at for at, one in enumerate(records) if _is(one, kind, fields)]
    return found[nth]


def _is(one: history.AnyRecord, kind: type[Any], fields: dict[str, Any]) -> bool:
    what: Any = one
    if issubclass(kind, Event):
        if not isinstance(one, history.Journalled):
            return False
        what = decode_event(one.event)
    return isinstance(what, kind) and all(
        getattr(what, name) == value for name, value in fields.items()
    )


def without(records: Records, at: int) -> Records:
    """Leave one line out."""
    return records[:at] + records[at + 1 :]


def changed(records: Records, index: int, /, **fields: Any) -> Records:
    """Change one record."""
    one = msgspec.structs.replace(records[index], **fields)
    return [*records[:index], one, *records[index + 1 :]]


def added(records: Records, at: int, *more: history.AnyRecord) -> Records:
    """Add lines before one."""
    return [*records[:at], *more, *records[at:]]


def moved(records: Records, at: int, to: int) -> Records:
    """Move one line before another."""
    rest = without(records, at)
    return added(rest, to - (to > at), records[at])


def said(records: Records, index: int, /, **fields: Any) -> Records:
    """Change what an entry of the journal says."""
    event = msgspec.structs.replace(decode_event(records[index].event), **fields)
    return rechained(changed(records, index, event=encode(event)))


def unsaid(records: Records, at: int) -> Records:
    """Leave an entry of the journal out."""
    return rechained(without(records, at))


def entered(records: Records, at: int, event: AnyEvent) -> Records:
    """Add an entry to the journal, a moment before a line that is one."""
    old = decode_event(records[at].event)
    stamp = {name: getattr(old, name) for name in ("at", "clock", "boot_id")}
    new = stamped(event, mono_ms=old.mono_ms - 5, **stamp)
    one = msgspec.structs.replace(records[at], event=encode(new))
    return rechained(added(records, at, one))


def following(last: history.Journalled, /, **fields: Any) -> history.Journalled:
    """Return the entry that would come after one, saying the same."""
    event = decode_event(last.event)
    after = stamped(event, seq=event.seq + 1, prev=event_hash(last.event))
    return msgspec.structs.replace(last, event=encode(after), **fields)


def rechained(records: Records) -> Records:
    """Write chain, ledger and acknowledgements anew, as the entries stand now."""
    told: Records = []
    journals: dict[str, list[bytes]] = {}
    recorded: dict[str, int] = {}
    for one in records:
        if isinstance(one, history.Journalled):
            journal = journals.setdefault(one.epoch, [])
            prev = event_hash(journal[-1]) if journal else GENESIS
            event = stamped(decode_event(one.event), seq=len(journal) + 1, prev=prev)
            journal.append(encode(event))
            told.append(msgspec.structs.replace(one, event=journal[-1]))
        elif isinstance(one, history.Acked) and one.verdict == "ok":
            journal = journals[one.epoch]
            told += [
                history.Recorded(at=one.at, locker=one.locker, epoch=one.epoch, event=stored)
                for stored in journal[recorded.get(one.epoch, 0) :]
            ]
            recorded[one.epoch] = len(journal)
            told.append(msgspec.structs.replace(one, seq=len(journal)))
        elif isinstance(one, history.Head) and one.seq > 3:
            told.append(msgspec.structs.replace(one, seq=len(journals[one.epoch])))
        elif not isinstance(one, history.Recorded):
            told.append(one)
    return told
