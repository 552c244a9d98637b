"""Lock boards, one file a family: bytes in, bytes out, coils on a plant."""

from fellesskap_firmware_sim.boards.board import Board
from fellesskap_firmware_sim.boards.board_8a import Board8A
from fellesskap_firmware_sim.boards.kerong import Kerong
from fellesskap_firmware_sim.boards.waveshare import Waveshare, WaveshareD
from fellesskap_firmware_sim.boards.wkly import Wkly

BOARDS: dict[str, type[Board]] = {
    "8a": Board8A,
    "kerong": Kerong,
    "waveshare": Waveshare,
    "waveshare_d": WaveshareD,
    "wkly": Wkly,
}
"""By the family's name in `locker.toml`."""
