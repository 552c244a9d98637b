"""Talk to a simulated board in hex."""

from fellesskap_firmware_sim.boards import BOARDS
from fellesskap_firmware_sim.boards.board import Board
from fellesskap_firmware_sim.plant import Plant


def board(family: str, address: int = 1) -> Board:
    """A board from the factory, all its channels wired to doors of the same number."""
    channels = range(1, BOARDS[family].FACTORY_SIZE + 1)
    plant = Plant(channels, {n: str(n) for n in channels})
    return BOARDS[family](plant, {n: n for n in channels}, address=address)


def exchange(one: Board, request: str, now: float = 0.0, wait_s: float = 0.25) -> str:
    """Send bytes, wait, and return what was said."""
    one.receive(bytes.fromhex(request), now)
    one.advance(now + 0.05)
    return one.transmit(now + wait_s).hex(" ").upper()


def pulsed(one: Board, until: float = 1000.0) -> list[tuple[int, float]]:
    """The channels pulsed by then, each with how long."""
    one.advance(until)
    return [(p.compartment, round(p.ended - p.started, 3)) for p in one.plant.pulses]
