"""One serial line: the host at one end, boards that share two wires at the other. Sans-I/O.

Every board hears the host and each other. Where two speak at once, all hear is broken bytes.
"""

from collections.abc import Sequence

from fellesskap_firmware_sim.boards.board import Board

BROKEN = 0x00


class SerialLine:
    """The boards on one port; every method takes `now` in monotonic seconds."""

    def __init__(self, boards: Sequence[Board]) -> None:
        self.boards = boards
        self._for_host: list[tuple[float, int]] = []
        self._host_until = float("-inf")

    @property
    def wake_at(self) -> float:
        """When the next byte is due or a coil changes."""
        due = min(board.wake_at for board in self.boards)
        return min(due, *(at for at, _ in self._for_host)) if self._for_host else due

    def write(self, data: bytes, now: float) -> None:
        """Let the host send bytes, each taking its time."""
        self.advance(now)
        byte_s = self.boards[0].byte_s
        echoes = any(board.faults.echo for board in self.boards)
        for byte in data:
            begins = max(now, self._host_until)
            self._host_until = begins + byte_s
            broken = any(board.speaks(begins, self._host_until) for board in self.boards)
            for board in self.boards:
                board.overhear(BROKEN if broken else byte, self._host_until)
            if echoes:
                self._for_host.append((self._host_until, BROKEN if broken else byte))

    def read(self, now: float) -> bytes:
        """Take what came to the host by now."""
        self.advance(now)
        if not self._for_host:
            return b""
        came = sorted((one for one in self._for_host if one[0] <= now), key=lambda one: one[0])
        self._for_host = [one for one in self._for_host if one[0] > now]
        return bytes(byte for _, byte in came)

    def advance(self, now: float) -> None:
        """Let the boards go on, and carry what they said to the host and to each other."""
        said = [
            (at, place, byte)
            for place, board in enumerate(self.boards)
            for at, byte in board.spoken(now)
        ]
        for at, place, byte in sorted(said):
            heard = BROKEN if self._meets(at, place, said) else byte
            self._for_host.append((at, heard))
            for other, board in enumerate(self.boards):
                if other != place:
                    board.overhear(heard, at)

    def _meets(self, at: float, place: int, said: list[tuple[float, int, int]]) -> bool:
        """Say whether another board is on the line at the same time as a byte."""
        if len(self.boards) == 1:
            return False
        byte_s = self.boards[place].byte_s
        together = any(
            other != place and abs(other_at - at) < byte_s for other_at, other, _ in said
        )
        return together or any(
            board.speaks(at - byte_s, at)
            for other, board in enumerate(self.boards)
            if other != place
        )
