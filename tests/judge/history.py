"""What happened, told by outsiders: one JSON line a record, in order. The only input of the judge.

Written by a simulated world and by a campaign of real processes; imports the protocol's messages,
msgspec and the standard library. `what` names the record, `at` is *true* seconds since the start
(no part's own clock), and lines stand in the order of `at`; of equal `at` the cause stands first:
a code before what it opens, an entry of the journal before the coil that it lets move and before
the ledger's row of it, that row before its `Acked`, a door's movement before the entry of it.
What a writer cannot see it leaves out altogether, and what rests on it is not judged: challenges,
doors, things, feeds. Of what it does tell it tells all.
Which fields of a `body` count is said at `Asked` and `Answered`; others are ignored.
"""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Literal

import msgspec

from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.messages import Badge, Command, Rights

Act = Literal[
    "reserve",
    "patch",
    "cancel",
    "manifest",
    "read_code",
    "rotate_code",
    "revoke_code",
    "extend",
    "recall",
    "dispute",
    "badge",
    "drop_off",
    "open_door",
    "write_off",
    "look",
    "scan",
    "show_badge",
    "type_code",
    "show_qr",
    "other",
]
"""What is asked. At a locker: scan (a label), show_badge, type_code, show_qr; else an API."""
Layer = Literal["wire", "disk", "board", "plant", "clock", "process"]


class Record(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="what",
    tag=str.lower,
    gc=False,
):
    """One line; `at` in true seconds since the start."""

    at: float


class Locker(Record, frozen=True, kw_only=True):
    """What a locker is; before anything else of it, and again if its hardware is changed.

    `coil_s_max`: the longest that each compartment's coil may be on, in seconds; `welded_s_max`
    while a `Fault` of kind `relay_welded` stands for it. `supplies`: what feeds the coil of each,
    one at a time. `remote_opens_max` within `window_s`, and `remote_gap_s` between two. `classes`:
    the boxes of allowances, `{name: (w, h, d) mm}`. `sensors`: which doors have a contact.
    `slack_s`: how exact `at` is, 0.005 in virtual time, some seconds for real processes; every
    limit of time is judged with it.
    """

    locker: str
    compartments: tuple[Compartment, ...]
    coil_s_max: dict[int, float]
    sensors: tuple[int, ...]
    welded_s_max: float = 2.0
    supplies: dict[int, str] = {}
    remote_opens_max: int = 6
    window_s: float = 600.0
    remote_gap_s: float = 10.0
    classes: dict[str, tuple[int, int, int]] = {}
    slack_s: float = 0.005


class Asked(Record, frozen=True, kw_only=True):
    """A person or program asks something at a front door; `op` is unique in the history.

    `who`: `carrier:ID` (the id that rights bear), `resident:NAME`, `courier:NAME`, `operator`,
    `attacker`. `target`: the locker for what is done at a locker, else the id in the path (a
    parcel's, as all of the API's ids of one parcel), else empty. `key`: the Idempotency-Key.
    `body` by act:

    - reserve: `locker`, `needs` (list), `hold` (hard | soft), `label`, `deposit_by_s` (true
      seconds), `collect_within_s`; manifest: `parcels`, a list of those; drop_off: `locker`,
      `needs`, `drop_off_by_s`;
    - extend: `collect_within_s`, how long in all; open_door: `locker`, `compartment`;
    - scan: `macs`, every label MAC that the scanned bytes may mean; type_code, show_qr: `macs`
      (one: of the digits or token as shown), `parcel_id` if it is somebody's own;
    - show_badge: `jti`, `holds` (whether its signature is the installation's).
    """

    op: str
    who: str
    act: Act
    target: str = ""
    key: str = ""
    body: dict[str, Any] = {}


class Answered(Record, frozen=True, kw_only=True):
    """What came of it. `ok` is 2xx, `fail` a whole answer that refuses, `unknown` all else.

    `unknown` (time-out, cut connection, 5xx) may or may not have happened. Acts at a locker are
    answered when the person leaves, or never. `body` of a 2xx:

    - reserve, drop_off: `parcel_id`, `state`; manifest: `parcels`, a list of `{parcel_id,
      status, label}`; open_door: `operation_id`, `jti` if known; read_code, rotate_code:
      `code_id`, `n` or whatever tells digits apart (never the digits); extend: `collect_by_s`;
    - look: `parcel_id`, `state` (the parcel's), `reservation` (its state), `compartment`,
      `collect_by_s`; of a door operation `operation_id`, `state`. 404 is a `fail`.

    Of an act with a key, `body` must be all of the answer that must not change when it is asked
    again (ids, states, reasons), without `Date` and the like.
    """

    op: str
    outcome: Literal["ok", "fail", "unknown"]
    status: int = 0
    body: dict[str, Any] = {}


class Journalled(Record, frozen=True, kw_only=True):
    """The locker committed this entry of this epoch: `event` is the exact stored bytes, base64."""

    locker: str
    epoch: str
    event: bytes


class Recorded(Record, frozen=True, kw_only=True):
    """The backend committed this entry in its ledger: the exact bytes, base64."""

    locker: str
    epoch: str
    event: bytes


class Gap(Record, frozen=True, kw_only=True):
    """The backend committed a row that says: entries `first` to `last` of this epoch are lost."""

    locker: str
    epoch: str
    first: int
    last: int


class Acked(Record, frozen=True, kw_only=True):
    """The backend said on the wire that it has this epoch up to `seq` (its `Ack`)."""

    locker: str
    epoch: str
    seq: int
    verdict: Literal["ok", "closed", "refused"] = "ok"


class Head(Record, frozen=True, kw_only=True):
    """Somebody looked how far a store or the ledger reaches: after each start, and at the end.

    `hash`: SHA-256 of the bytes of entry `seq`, hex; empty if not looked at. A store lost or
    damaged shows its new epoch here.
    """

    of: Literal["store", "ledger"]
    locker: str
    epoch: str
    seq: int
    hash: str = ""


class Restored(Record, frozen=True, kw_only=True):
    """A part was given an old copy of what it stores: `backend` or `edge:ID`.

    `to`: the moment of the copy in true seconds; none: everything is gone.
    """

    part: str
    to: float | None = None


class Sent(Record, frozen=True, kw_only=True):
    """The backend signed this message of rights; repeats may be left out."""

    locker: str
    rights: Rights


class Commanded(Record, frozen=True, kw_only=True):
    """A command was signed; `stolen`: not by the backend, but with a key that lockers believe."""

    locker: str
    command: Command
    stolen: bool = False


class Challenged(Record, frozen=True, kw_only=True):
    """The locker gave out a challenge (birth, result), good for one boot and 60 s.

    `jti`, `outcome`: of a result, which command it answers and how.
    """

    locker: str
    boot_id: str
    challenge: str
    jti: str = ""
    outcome: str = ""


class Badged(Record, frozen=True, kw_only=True):
    """The backend signed a badge. `sites`: the lockers that its `site` means, if it names one."""

    badge: Badge
    sites: tuple[str, ...] = ()


class Coil(Record, frozen=True, kw_only=True):
    """A lock's coil was energised or let go."""

    locker: str
    compartment: int
    on: bool


class Door(Record, frozen=True, kw_only=True):
    """A door opened or shut."""

    locker: str
    compartment: int
    open: bool


class Laid(Record, frozen=True, kw_only=True):
    """Something was put into a compartment: `item` is a parcel's label, or any name."""

    locker: str
    compartment: int
    item: str


class Taken(Record, frozen=True, kw_only=True):
    """Something was taken out; `by` as `who` in `Asked`."""

    locker: str
    compartment: int
    item: str
    by: str


class Part(Record, frozen=True, kw_only=True):
    """`edge:ID`, `broker`, `backend` or `database` runs, does not, or stands still (SIGSTOP)."""

    part: str
    state: Literal["up", "down", "stopped"]


class Contact(Record, frozen=True, kw_only=True):
    """Whether messages pass between a locker and the backend at all."""

    locker: str
    up: bool


class Clock(Record, frozen=True, kw_only=True):
    """How far a part's wall clock is off, in seconds, from here on; and whether it is believed."""

    part: str
    offset_s: float
    trusted: bool


class Fault(Record, frozen=True, kw_only=True):
    """A fault of the world. `where`: `LOCKER`, `LOCKER/7`, or a part as in `Part`.

    `state`: `begun` and `over` for what lasts, `once` for what is over at once. `compartments`:
    those which it keeps from being served while it lasts (of a silent bank, its doors), so that
    the judge excuses them and no `serving` may speak of them. Of the kinds the judge knows
    `relay_welded` (of a compartment: its coil stays on), `stray…` (its coil moves by itself) and
    `service_key` (layer plant: somebody turned it on, until it is over); else any name will do.
    """

    layer: Layer
    kind: str
    where: str
    state: Literal["once", "begun", "over"] = "once"
    compartments: tuple[int, ...] = ()


class Delivered(Record, frozen=True, kw_only=True):
    """A carrier got an event: from the feed, or by a webhook that verified and was answered 2xx.

    `via` feed: read in order, one line per event that is new to that reader.
    """

    carrier: str
    position: int
    event_id: str
    parcel_id: str
    type: str
    via: Literal["feed", "webhook"] = "feed"


class Calm(Record, frozen=True, kw_only=True):
    """No fault from here on; everything must have settled `settle_s` after."""

    settle_s: float = 3600.0


class End(Record, frozen=True, kw_only=True):
    """The last line."""


AnyRecord = (
    Locker
    | Asked
    | Answered
    | Journalled
    | Recorded
    | Gap
    | Acked
    | Head
    | Restored
    | Sent
    | Commanded
    | Challenged
    | Badged
    | Coil
    | Door
    | Laid
    | Taken
    | Part
    | Contact
    | Clock
    | Fault
    | Delivered
    | Calm
    | End
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


class BrokenLine(ValueError):
    """A line that is no record; says its number, from 1."""


def read(lines: Iterable[bytes | str]) -> Iterator[AnyRecord]:
    """Yield the records of a history; raise `BrokenLine`.

    >>> next(read(['{"what":"contact","at":1.5,"locker":"a","up":true}']))
    Contact(at=1.5, locker='a', up=True)
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BrokenLine(f"line {number}: {error}") from None


def line(record: AnyRecord) -> bytes:
    """Return the line of a record, with its end."""
    return _encoder.encode(record) + b"\n"


def write(records: Iterable[AnyRecord], to: BinaryIO) -> int:
    """Write records, a line each; return how many."""
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007
        to.write(line(record))
    return count
