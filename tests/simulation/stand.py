"""The test stand with people before it and a backend behind it."""

from fellesskap_edge import inbox as rim
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Answer, TellCourier
from fellesskap_firmware_sim.plant import Act, Person
from fellesskap_protocol.topics import Kind
from tests.simulation.stand_faults import BreakableBench
from tests.simulation.stand_parts import LOOK_S, SETTLES_S


class Stand(BreakableBench):
    """What couriers, residents and the backend do at the stand."""

    # People and the backend ----------------------------------------------------------------------

    def scan(self, label: str) -> TellCourier | None:
        """Hold a label before the scanner; return what is shown last."""
        self.shown.clear()
        self.hardware.scan(label, self.now_s)
        self.run(len(label) * 10 / 9600 + 0.05)
        return self.shown[-1] if self.shown else None

    def type_code(self, code: str) -> Answer | None:
        """Type a code at the kiosk; None if nobody is there."""
        self.answers.clear()
        self.give(rim.CodeTyped(code, "kiosk"))
        return self.answers[0] if self.answers else None

    def press(self, key: Key, value: str = "") -> Answer | None:
        """Press a key of the kiosk."""
        self.answers.clear()
        self.give(rim.KeyPressed(key, value, "kiosk"))
        return self.answers[0] if self.answers else None

    def person(self, act: Act, number: int, *, open_s: float = 3.0, wait_s: float = 4.0) -> bool:
        """Let somebody stand by a door until they shut it; return whether it opened."""
        somebody = Person(act, number, open_s)
        opened, until = self._opened(number), self.now_s + wait_s
        self.plant.person(somebody, self.now_s)
        while self._opened(number) == opened and self.now_s < until:
            self.run(LOOK_S)
        self.plant.leave(somebody)
        if self._opened(number) == opened:
            return False
        self.run(open_s + SETTLES_S)
        return True

    def _opened(self, number: int) -> int:
        """How often a door was opened."""
        facts = self.plant.facts
        return sum(one.name == "door_opened" and one.compartment == number for one in facts)

    def connect(self) -> None:
        """Let the broker take the connection."""
        if self.drive is not None and not self.connected:
            self.connected = True
            self.give(rim.LinkUp())

    def disconnect(self) -> None:
        """Cut the network."""
        if self.connected:
            self.connected = False
            self.give(rim.LinkDown())

    def deliver(self, kind: Kind, payload: bytes, *, retained: bool = False) -> None:
        """Let a message arrive, if there is a connection."""
        if self.connected:
            self.give(rim.LinkMessage(kind, payload, retained))
