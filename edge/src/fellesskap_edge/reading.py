"""What is presented at the locker: scans and typed codes, as MACs, to the controller.

Steps the scanner's machine, says outward what it wants written, and gives labels, codes and badges
to `control`. It decides nothing, and keeps nothing that was presented. Called by `drive`.
"""

import logging
from collections.abc import Callable
from typing import Literal

from fellesskap_edge import inbox as rim
from fellesskap_edge import scanner
from fellesskap_edge import state as ctl
from fellesskap_edge.clock import Instant
from fellesskap_edge.parts import Parts
from fellesskap_edge.scanners.framing import Unreadable
from fellesskap_edge.wire import Wire
from fellesskap_protocol.barcodes import UnreadableLabel, candidates
from fellesskap_protocol.codes import CODE_DIGITS, QR_PREFIX
from fellesskap_protocol.messages import MalformedMessage

log = logging.getLogger(__name__)
AT_SCANNER = "scanner"
"""The ticket of a resident who shows a QR code to the scanner."""


class Reader:
    """Scanner and keypad of one locker; `fault` says that a part is not well, or `ok`.

    `badges_unsure`: what was used may be forgotten, so no badge is taken before the backend spoke.
    """

    def __init__(
        self,
        parts: Parts,
        wire: Wire,
        control: Callable[[ctl.Event], None],
        fault: Callable[[str, str], None],
        *,
        badges_unsure: bool,
    ) -> None:
        table = parts.config.scanner
        self.scanner = scanner.scanner(table.family, setup=table.setup)
        self._port = table.port
        self._new_id, self._perform = parts.new_id, parts.perform
        self._wire, self._control, self._fault = wire, control, fault
        self._badges_unsure = badges_unsure

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        return self.scanner.wake_at

    def take(
        self, event: rim.PortUp | rim.PortDown | rim.PortBytes | rim.CodeTyped, now: Instant
    ) -> None:
        """Take in what came from the scanner's line or the keypad."""
        match event:
            case rim.PortUp():
                self._step(scanner.PortUp(), now)
            case rim.PortDown():
                self._fault("scanner", "gone")
                self._step(scanner.PortDown(), now)
            case rim.PortBytes(_, data):
                self._step(scanner.Received(data), now)
            case rim.CodeTyped(value, ticket):
                self._code(value, ticket)

    def tick(self, now: Instant) -> None:
        """Let the scanner's deadlines pass that are due."""
        if self.scanner.wake_at <= now.mono_s:
            self._step(scanner.Tick(), now)

    def _step(self, event: scanner.Event, now: Instant) -> None:
        self.scanner, effects = scanner.step(self.scanner, event, now.mono_s)
        for effect in effects:
            match effect:
                case scanner.Scan():
                    self._scanned(effect, now)
                case Unreadable():
                    self._perform(ctl.TellCourier("unknown"))
                case scanner.Write(data):
                    self._perform(rim.WritePort(self._port, data))
                case scanner.Silent() | scanner.Stuck() | scanner.Answers():
                    self._fault("scanner", scanner.FAULTS[type(effect)])

    def _scanned(self, scan: scanner.Scan, now: Instant) -> None:
        try:
            found = candidates(scan.label)
        except UnreadableLabel:
            found = ()
        if not found:  # a postcode, a name, nothing: no parcel is known by it, so nobody guesses
            self._perform(ctl.TellCourier("unknown"))
        elif found[0].kind == "qr":
            self._code(found[0].value, AT_SCANNER)
        elif found[0].kind == "token":
            self._badge(found[0].value, now)
        else:
            keys = tuple(one.key for one in found)
            macs = tuple(self._wire.mac("label", key) for key in keys)
            self._control(ctl.LabelScanned(macs, self._new_id(), repeated=scan.repeated, keys=keys))

    def _badge(self, token: str, now: Instant) -> None:
        """Verify a courier's badge; whether it holds here and now is the controller's to say."""
        try:
            badge = self._wire.badge(token)
        except MalformedMessage as error:
            log.warning("a badge was refused: %s", error)
            self._control(ctl.BadgeForged())
            return
        timely = self._wire.heard or (now.trusted and not self._badges_unsure)
        self._control(ctl.BadgeShown(badge, self._new_id(), timely=timely))

    def _code(self, value: str, ticket: str) -> None:
        kind: Literal["code", "long_code", "qr"]
        kind = "long_code" if len(value) > CODE_DIGITS else "code"
        if value.startswith(QR_PREFIX):
            kind = "qr"
        mac = self._wire.mac(kind, value)
        self._control(ctl.CodeEntered(kind, mac, self._new_id(), ticket))
