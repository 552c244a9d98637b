"""A Honeywell barcode scanner on a serial line, byte for byte.

`SYN T CR` pulls the trigger, `SYN U CR` releases it. A menu command is `SYN M CR`, tags with their
values between `;`, and `.` (for good) or `!` (until the power goes); every tag is said again with
ACK, ENQ (no such tag) or NAK (no such value) before its punctuation. `?` asks for a value. Source:
serial commands of the Voyager 1250g and N36xx user guides.
"""

import re

from fellesskap_firmware_sim.scanner import LineScanner

SYN, ENQ, ACK, NAK = b"\x16", b"\x05", b"\x06", b"\x15"
MENU, TRIGGER, RELEASE = SYN + b"M\r", SYN + b"T\r", SYN + b"U\r"
HEADER_BYTES = 3
COMMAND_BYTES_MAX = 256
PRESENTATION = "3"
FACTORY = {"TRGMOD": "0", "SUFFIX": "", "PREFIX": ""}
PROVISIONED = {"TRGMOD": PRESENTATION, "SUFFIX": "CR", "PREFIX": "5C81"}
_TAG = re.compile(r"(TRGMOD)([0-3?])|(VSUFCR)|(PRECA2)|(PREBK2)99((?:[0-9A-F]{2})+)")


class HoneywellScanner(LineScanner):
    """One scanner; `provisioned`: a technician has saved prefix, suffix and presentation mode."""

    def __init__(self, *, baud: int = 115_200, provisioned: bool = True) -> None:
        super().__init__(baud=baud)
        self._saved = PROVISIONED if provisioned else FACTORY
        self.power_on()

    def power_on(self) -> None:
        """Come up with what was saved."""
        super().power_on()
        self.settings = dict(self._saved)
        self._heard = b""
        self._label: bytes | None = None
        self._pulled = False
        self._settle()

    def present(self, label: bytes, now: float) -> None:
        """Hold a label before it; in manual mode it is read when the trigger is pulled."""
        self._label = label
        if self._pulled or self.settings["TRGMOD"] == PRESENTATION:
            self._read_label(now)

    def _obey(self, data: bytes, now: float) -> None:
        self._heard = (self._heard + data)[-COMMAND_BYTES_MAX:]
        while (start := self._heard.find(SYN)) >= 0:
            self._heard = self._heard[start:]
            head = self._heard[:HEADER_BYTES]
            if len(head) < HEADER_BYTES:
                return
            if head == MENU:
                end = re.search(rb"[.!]", self._heard)
                if end is None:
                    return
                command, self._heard = (
                    self._heard[HEADER_BYTES : end.end()],
                    self._heard[end.end() :],
                )
                self._menu(command.decode("latin-1"), now)
                continue
            self._heard = self._heard[1:]
            if head in (TRIGGER, RELEASE):
                self._pulled = head == TRIGGER
                if self._pulled and self._label is not None:
                    self._read_label(now)
        self._heard = b""

    def _menu(self, command: str, now: float) -> None:
        storage = command[-1]
        tags = command[:-1].upper().split(";")
        for place, tag in enumerate(tags, start=1):
            said, status = self._set(tag)
            punctuation = storage if place == len(tags) else ";"
            self._send(said.encode("latin-1") + status + punctuation.encode(), now)
        self._settle()
        if storage == ".":
            self._saved = dict(self.settings)

    def _set(self, tag: str) -> tuple[str, bytes]:
        found = _TAG.fullmatch(tag)
        if found is None:
            return tag, NAK if tag.startswith(("TRGMOD", "PREBK2")) else ENQ
        if found[1] and found[2] == "?":
            return "TRGMOD" + self.settings["TRGMOD"], ACK
        if found[1]:
            self.settings["TRGMOD"] = found[2]
        elif found[3]:
            self.settings["SUFFIX"] = "CR"
        elif found[4]:
            self.settings["PREFIX"] = ""
        else:
            self.settings["PREFIX"] += found[6]
        return tag, ACK

    def _settle(self) -> None:
        self.aim = "5C81" in self.settings["PREFIX"]
        self.suffix = b"\r" if self.settings["SUFFIX"] else b""

    def _read_label(self, now: float) -> None:
        label, self._label, self._pulled = self._label, None, False
        assert label is not None
        self._read(label, now)
