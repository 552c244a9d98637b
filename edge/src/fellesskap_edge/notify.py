"""Words to systemd over its datagram socket: ready, well, stopping; silence where it is not there.

Source: sd_notify(3), sd_watchdog_enabled(3). A thin adapter: `watchdog` decides, `daemon` calls.
"""

import os
import socket
from collections.abc import Mapping

USEC = 1_000_000
SEND_S_MAX = 0.5
"""A supervisor that does not read its mail for so long loses a word; the doors go on."""


class Systemd:
    """Whoever supervises this process, by the environment that it gave; maybe nobody."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "") if mine else ""
        self.feed_s = int(usec) / USEC / 3 if usec.isdigit() and int(usec) else float("inf")
        """How often the watchdog wants to hear from us: a third of its patience."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(SEND_S_MAX)

    def say(self, *words: str) -> None:
        """Send assignments, as in `READY=1`; nobody there, or too busy to listen, is no error."""
        if self._address:
            try:
                self._socket.sendto("\n".join(words).encode(), self._address)
            except OSError:
                return

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
