"""The real kiosk on a free port, fed by hand with what the controller would say."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from fellesskap_edge.config import CompartmentTable, KioskTable, LockerConfig
from fellesskap_edge.inbox import CodeTyped, KeyPressed
from fellesskap_edge.kiosk.app import Kiosk
from fellesskap_edge.spoken import Told
from fellesskap_edge.standing import Standing
from fellesskap_edge.state import Answer, TellAtDoor, TellCourier
from tests.edge.little_locker import CONFIG

NOBODY = Standing()
FLOORS_MM = (100, 340, 480, 620, 860, 1100, 1340, 1580)
DOORS = tuple(
    CompartmentTable(
        number=number,
        bank="a",
        channel=number,
        width_mm=440,
        height_mm=120,
        depth_mm=600,
        floor_mm=FLOORS_MM[(number - 1) % 8],
        top_mm=FLOORS_MM[(number - 1) % 8] + 120,
        max_g=20_000,
    )
    for number in range(1, 25)
)
"""Three columns of eight, numbered upwards and then to the right."""


class Stage:
    """Somebody at the kiosk, and a controller that says what a test wants."""

    def __init__(self) -> None:
        config = structs.replace(CONFIG, compartments=DOORS, kiosk=KioskTable(port=0))
        self.kiosk = Kiosk(_named(config), self._take)
        self.given: list[CodeTyped | KeyPressed] = []
        self._answers: deque[tuple[Told, int | None, tuple[str, ...], Standing | None]] = deque()
        self.standing = NOBODY
        self.silent = False
        self.turn = 0
        self.stand(NOBODY)

    def _take(self, event: CodeTyped | KeyPressed) -> None:
        self.given.append(event)
        if self.silent:
            return
        outcome, compartment, options, standing = self._answers.popleft()
        self.kiosk.answer(Answer(event.ticket, outcome, compartment, options))
        self.stand(standing or self.standing)

    def will_say(
        self,
        outcome: Told,
        compartment: int | None = None,
        options: tuple[str, ...] = (),
        then: Standing | None = None,
    ) -> None:
        """Answer the next code or key so; `then` is how things stand after it."""
        self._answers.append((outcome, compartment, options, then))

    def stand(self, standing: Standing, *, in_service: bool = True) -> None:
        """Let things stand like this."""
        self.standing = standing
        self.kiosk.set_status(
            {"locker": "little-1", "in_service": in_service, "standing": standing}
        )

    def scanned(
        self, said: Answer | TellCourier | TellAtDoor, then: Standing | None = None
    ) -> None:
        """Tell what became of a scan or a door."""
        self.say(said)
        self.stand(then or self.standing)

    def say(self, said: Answer | TellCourier | TellAtDoor) -> None:
        """Have something to tell with the next status."""
        self.turn += 1
        self.kiosk.show(said)

    def keys(self) -> list[str]:
        """The keys that were pressed, in order."""
        return [event.key for event in self.given if isinstance(event, KeyPressed)]

    def codes(self) -> list[str]:
        """The codes that were typed, in order."""
        return [event.value for event in self.given if isinstance(event, CodeTyped)]


def _named(config: LockerConfig) -> LockerConfig:
    return structs.replace(config, locker=structs.replace(config.locker, name="Fornebu S"))


@contextmanager
def stage() -> Iterator[Stage]:
    """Serve a stage for the length of a `with`."""
    set_up = Stage()
    set_up.kiosk.start()
    try:
        yield set_up
    finally:
        set_up.kiosk.stop()
