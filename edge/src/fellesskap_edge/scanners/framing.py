"""What a scanner's bytes hold, and the framer of those that send lines of text. Pure.

A label ends with CR or LF, or after 100 ms of silence; once a scanner was heard to end its labels,
one that only falls silent, for 500 ms, is half a label. The scanner's own replies are taken out
exactly: the last two bytes of Grow's read as the text "31".

After bytes that no label has, nothing is believed until 100 ms of silence: in a burst of noise some
bytes look like labels, and unknown labels are counted against the kiosk.
"""

import re
from dataclasses import dataclass

from fellesskap_protocol.barcodes import CLEAN, LABEL_BYTES_MAX
from fellesskap_protocol.changed import replace

IDLE_S = 0.100
"""40 to 50 ms are seen in the trade; a loaded machine stalls that long in the middle of a label."""
HALF_S = 0.500
"""Of a scanner that ends its labels half a label is told no sooner: its rest may still come."""
REPLY_BYTES_MAX = 32
"""No reply of a family is longer; so much may be the beginning of one."""


@dataclass(frozen=True, slots=True)
class Label:
    """One whole label, clean, without its ending."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Half a label, or noise: somebody may wait for an answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The scanner answered something: it lives."""


@dataclass(frozen=True, slots=True)
class Say:
    """What the scanner must be told at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Garbled:
    """No scanner says this that is set up as it should be."""


Item = Label | Unreadable | Answered | Say | Garbled


@dataclass(frozen=True)
class Lines:
    """Text in lines; `replies` is what of it is the scanner's own protocol.

    Its group `lost` is in a reply that shows that the scanner forgot its settings.
    """

    replies: re.Pattern[bytes] | None = None
    heard: bytes = b""
    noisy: bool = False
    ended: bool = False
    """Whether this scanner was heard to end a label."""
    wake_at: float = float("inf")

    def receive(self, data: bytes, now: float) -> tuple["Lines", tuple[Item, ...]]:
        """Take bytes in; return what they complete."""
        found: list[Item] = []
        heard = self._without_replies(self.heard + data, found)
        *complete, rest = heard.replace(b"\n", b"\r").split(b"\r")
        after: Lines = self
        for line in complete:
            after = after._ended(line, found)
        if len(rest) > LABEL_BYTES_MAX + REPLY_BYTES_MAX:
            # No label is that long. What is kept may be the beginning of a reply.
            after, rest = after._noise(found), rest[-REPLY_BYTES_MAX:]
        waits = HALF_S if after.ended and not after.noisy else IDLE_S
        wake_at = now + waits if rest or after.noisy else float("inf")
        return replace(after, heard=rest, wake_at=wake_at), tuple(found)

    def silence(self) -> tuple["Lines", tuple[Item, ...]]:
        """End a label that has no ending, or a burst of noise."""
        # An ending shows that a reply, which may lack its last byte, is over.
        found: list[Item] = []
        heard = self._without_replies(self.heard + b"\r", found)
        line = heard.removesuffix(b"\r")
        after = self
        if line and self.ended and not self.noisy:
            found += [Unreadable(), Garbled()]
        elif line:
            after = replace(self._ended(line, found), ended=False)
        return replace(after, heard=b"", noisy=False, wake_at=float("inf")), tuple(found)

    def _without_replies(self, heard: bytes, found: list[Item]) -> bytes:
        def note(reply: re.Match[bytes]) -> bytes:
            found.append(Answered())
            if reply.lastgroup == "lost":
                found.append(Garbled())
            return b""

        return self.replies.sub(note, heard) if self.replies else heard

    def _ended(self, line: bytes, found: list[Item]) -> "Lines":
        if self.noisy or not line:
            return self
        if len(line) > LABEL_BYTES_MAX or not CLEAN.fullmatch(line):
            return self._noise(found)
        found.append(Label(line))
        return replace(self, ended=True)

    def _noise(self, found: list[Item]) -> "Lines":
        """Of noise the beginning is still told, so that a person hears of it."""
        if not self.noisy:
            found.append(Unreadable())
        return replace(self, noisy=True)
