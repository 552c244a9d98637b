"""What breaks between the computer of a locker and its boards."""

import random

from fellesskap_firmware_sim.boards.board import Board
from tests.judge import history
from tests.simulation.cabinet import Cabinet
from tests.simulation.world import Going, World

HOUR_S = 3600.0
NOTICES_S = 3.0
SILENT = ("silent", "unplugged", "pins gone")


def board(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """A bank falls silent, garbles, is slow, resets, or its plug is pulled."""
    bank = rng.choice(cabinet.config.banks)
    length_s = rng.uniform(5, 900)
    kind = rng.choice(("silent", "unplugged", "garbled", "noisy", "reset", "slow"))
    if bank.family == "gpio":
        kind = "pins gone"
    over = world.chronicle.lasting("board", kind, cabinet.locker_id)
    if kind in ("pins gone", "silent"):
        cabinet.silence(bank.name, silent=True)
    else:
        _begin(cabinet, cabinet.hardware.boards[bank.name], kind, bank.port, rng=rng)
    # A locker that asks seldom may vouch for its doors until it asks again.
    notices_s = 0.0 if kind == "unplugged" else cabinet.config.locker.idle_poll_s + NOTICES_S
    yield min(length_s, notices_s)
    if length_s > notices_s and kind in SILENT:
        of_bank = (one for one in cabinet.config.compartments if one.bank == bank.name)
        where, numbers = cabinet.locker_id, tuple(one.number for one in of_bank)
        note = world.chronicle.note
        fault = {"layer": "board", "kind": f"{kind} {bank.name}", "where": where}
        note(history.Fault, state="begun", compartments=numbers, **fault)
        yield length_s - notices_s
        note(history.Fault, state="over", compartments=numbers, **fault)
    if kind in ("pins gone", "silent"):
        cabinet.silence(bank.name, silent=False)
    else:
        _mend(cabinet, cabinet.hardware.boards[bank.name])
        cabinet.plug(bank.port)
    yield 30.0
    over()


def _mend(cabinet: Cabinet, one: Board) -> None:
    faults = one.faults
    faults.corrupt_replies = faults.flipped_bits = faults.garbage_bytes = 0
    faults.split_s, faults.reply_delay_s, faults.late_every = 0.0, 0.008, 0


def _begin(cabinet: Cabinet, one: Board, kind: str, port: str, *, rng: random.Random) -> None:
    match kind:
        case "unplugged":
            cabinet.unplug(port)
        case "garbled":
            one.faults.corrupt_replies = rng.randrange(1, 12)
            one.faults.flipped_bits = rng.randrange(4)
        case "noisy":
            one.faults.garbage_bytes = rng.randrange(1, 4)
        case "reset":
            one.faults.reset_s = rng.uniform(0.1, 2.0)
        case _:
            one.faults.reply_delay_s = rng.uniform(0.03, 0.2)
            one.faults.split_s = 0.02


def late(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """A line is slow, and now and then a board is only heard when the other has been asked."""
    ports = [bank.port for bank in cabinet.config.banks]
    names = [bank.name for bank in cabinet.config.banks if ports.count(bank.port) > 1]
    over = world.chronicle.lasting("board", "late", cabinet.locker_id)
    for name in names:
        faults = cabinet.hardware.boards[name].faults
        faults.reply_delay_s = rng.uniform(0.15, 0.28)
        faults.late_every, faults.late_s = rng.randrange(2, 4), rng.uniform(0.42, 0.66)
    yield rng.uniform(0.5, 4) * HOUR_S
    for name in names:
        _mend(cabinet, cabinet.hardware.boards[name])
    yield 30.0
    over()
