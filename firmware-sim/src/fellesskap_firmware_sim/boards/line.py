"""One serial line: the host at one end, boards that share two wires at the other. Sans-I/O.

Every board hears the host and each other. Where two speak at once, all hear is broken bytes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

from fellesskap_firmware_sim.boards.board import Board

BROKEN = 0x00


class SerialLine:
    """The boards on one port; every method takes `now` in monotonic seconds."""

    def __init__(self, boards: Sequence[Board]) -> None:
        self.boards = boards
        self._for_host: list[tuple[float, int]] = []
        """Bytes with the end of their last bit, the first first."""
        self._host_until = float("-inf")

    @property
    def wake_at(self) -> float:
        """When the next byte is due or a coil changes."""
        due = min([board.wake_at for board in self.boards])
        return min(due, self._for_host[0][0]) if self._for_host else due

    def write(self, data: bytes, now: float) -> None:
        """Let the host send bytes, each taking its time."""
        self.advance(now)
        byte_s = self.boards[0].byte_s
        echoes = any(board.faults.echo for board in self.boards)
        for byte in data:
            begins = max(now, self._host_until)
            self._host_until = begins + byte_s
            broken = self._speaks(begins, self._host_until)
            for board in self.boards:
                board.overhear(BROKEN if broken else byte, self._host_until)
            if echoes:
                self._for_host.append((self._host_until, BROKEN if broken else byte))
        self._for_host.sort(key=itemgetter(0))

    def read(self, now: float) -> bytes:
        """Take what came to the host by now."""
        self.advance(now)
        if not self._for_host:
            return b""
        by_now = bisect_right(self._for_host, now, key=itemgetter(0))
        came, self._for_host = self._for_host[:by_now], self._for_host[by_now:]
        return bytes([byte for _, byte in came])

    def advance(self, now: float) -> None:
        """Let the boards go on, and carry what they said to the host and to each other."""
        said = [
            (at, place, byte)
            for place, board in enumerate(self.boards)
            for at, byte in board.spoken(now)
        ]
        if not said:
            return
        alone = len({place for _, place, _ in said}) == 1
        for at, place, byte in sorted(said):
            met = not alone and self._meets(at, place, said)
            begins = at - self.boards[place].byte_s
            heard = BROKEN if met or self._speaks(begins, at, but=place) else byte
            self._for_host.append((at, heard))
            for other, board in enumerate(self.boards):
                if other != place:
                    board.overhear(heard, at)
        self._for_host.sort(key=itemgetter(0))

    def _meets(self, at: float, place: int, said: list[tuple[float, int, int]]) -> bool:
        """Say whether a byte of another board came at the same time as one."""
        byte_s = self.boards[place].byte_s
        return any(other != place and abs(other_at - at) < byte_s for other_at, other, _ in said)

    def _speaks(self, begins: float, ends: float, *, but: int | None = None) -> bool:
        """Say whether any board, or any other than one, still sends between two moments."""
        for place, board in enumerate(self.boards):
            if place != but and board.speaks(begins, ends):
                return True
        return False
