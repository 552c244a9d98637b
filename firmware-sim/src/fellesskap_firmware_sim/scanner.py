"""Barcode scanners on a serial line, byte for byte: what they have in common, and a bare line.

A scanner reads a label that is held before it and sends it at the pace of its line. Settings that
were not saved are lost with its power. Every scanner is strict: what is no command of its family is
not answered. Knobs for what goes wrong stand in `ScannerFaults`.
"""

from dataclasses import dataclass
from itertools import takewhile

BITS_PER_BYTE = 10
STUCK_EVERY_S = 0.8
FOREVER = float("inf")


@dataclass
class ScannerFaults:
    """What is wrong with the scanner or its line."""

    silent: bool = False
    """Dead, or its line cut: it hears and says nothing."""
    deaf: bool = False
    """It sends labels but does not hear: the line towards it is cut."""
    stuck: bool = False
    """It reads the newest label again and again, whether that is there or not."""
    half_codes: int = 0
    """So many of the next labels are cut in the middle and not ended."""
    doubles: int = 0
    """So many of the next labels are sent twice."""
    acks_before_labels: int = 0
    """So many of the next labels come right behind the bytes of an acknowledgement."""


class LineScanner:
    """A scanner that only sends lines: `aim` as printed or not, `suffix` behind every label."""

    unasked_ack = b""

    def __init__(self, *, baud: int = 9600, aim: bool = True, suffix: bytes = b"\r") -> None:
        self.aim = aim
        self.suffix = suffix
        self.faults = ScannerFaults()
        self._byte_s = BITS_PER_BYTE / baud
        self._sending: list[tuple[float, int]] = []
        self._newest = b""
        self._out_at = FOREVER
        self._again_at = FOREVER

    @property
    def wake_at(self) -> float:
        """When the next byte is due, or something happens by itself."""
        due = self._sending[0][0] if self._sending else FOREVER
        return min(due, self._again_at if self.faults.stuck else FOREVER)

    def power_on(self) -> None:
        """Come up anew: what was not saved is forgotten, what was not sent is lost."""
        self._sending = []

    def present(self, label: bytes, now: float) -> None:
        """Hold a label before it: AIM identifier (`]C1`) and data as printed."""
        self._read(label, now)

    def noise(self, data: bytes, now: float) -> None:
        """Let any bytes come out of it, as interference or a broken code does."""
        self._send(data, now)

    def receive(self, data: bytes, now: float) -> None:
        """Hear commands of the host."""
        if not (self.faults.deaf or self.faults.silent):
            self._obey(data, now)

    def transmit(self, now: float) -> bytes:
        """Return the bytes whose last bit is on the line by now."""
        if self.faults.stuck and self._again_at <= now:
            self._read(self._newest, now)
        sent = bytes(byte for _, byte in takewhile(lambda one: one[0] <= now, self._sending))
        self._sending = self._sending[len(sent) :]
        return b"" if self.faults.silent else sent

    def label_out(self, now: float) -> bool:
        """Say once that the last byte of a label is on the line."""
        out = self._out_at <= now
        self._out_at = FOREVER if out else self._out_at
        return out

    def _obey(self, data: bytes, now: float) -> None:
        """A bare line takes no commands."""

    def _read(self, label: bytes, now: float) -> None:
        self._newest = label
        if not self.aim and label.startswith(b"]"):
            label = label[3:]
        if self.faults.acks_before_labels:
            self.faults.acks_before_labels -= 1
            self._send(self.unasked_ack, now)
        if self.faults.half_codes:
            self.faults.half_codes -= 1
            self._send_half(label, now)
        else:
            self._send_label(label, now)
            if self.faults.doubles:
                self.faults.doubles -= 1
                self._send_label(label, now)
        self._out_at = self._sending[-1][0] if self._sending else now
        self._again_at = self._out_at + STUCK_EVERY_S

    def _send_label(self, label: bytes, now: float) -> None:
        self._send(label + self.suffix, now)

    def _send_half(self, label: bytes, now: float) -> None:
        self._send(label[: len(label) // 2], now)

    def _send(self, data: bytes, now: float) -> None:
        begins = max(now, self._sending[-1][0]) if self._sending else now
        for place, byte in enumerate(data, start=1):
            self._sending.append((begins + place * self._byte_s, byte))
