"""Every family on a real line: the edge's ports and drive at one end, the board at the other.

Doors open by a parcel's label, whose right came signed; what the edge saw is what its journal says,
what really happened is what the plant says.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.scanners import FAMILIES as SCANNERS
from fellesskap_protocol.events import (
    Deposited,
    DoorClosed,
    DoorOpened,
    Fault,
    Forced,
    Presented,
    Pulsed,
)
from tests.firmware_sim.bench import Bench, Json, until
from tests.firmware_sim.edge_at_bench import EdgeAtBench

pytestmark = pytest.mark.slow  # real time

SENSED = [name for name in FAMILIES if name != "waveshare"]
POLARITIES = [(name, bit) for name in SENSED for bit in (0, 1)]
OPEN_S = 1.0
"""Seen open even if one answer is lost: a WKLY board may say unasked that a door moved."""
Bank = tuple[str, str, int, str]
"""Family, line, address, and what else stands in its table."""
Site = tuple[Bench, EdgeAtBench]
Build = Callable[..., Site]


def locker_toml(banks: tuple[Bank, ...], scanner: str) -> str:
    """Write a locker with one door a bank: door 1 on channel 2 of the first, and so on."""
    parts = [
        '[locker]\nid = "bench-1"\n',
        f'[scanner]\nfamily = "{scanner}"\nport = "scanner"\n',
    ]
    for number, (family, line, address, more) in enumerate(banks, start=1):
        parts.append(
            f'[[bank]]\nname = "{line}-{address}"\nfamily = "{family}"\nport = "{line}"\n'
            f'address = {address}\nsupply = "psu-{number}"\n{more}\n'
            f'[[compartment]]\nnumber = {number}\nbank = "{line}-{address}"\n'
            f"channel = {number + 1}\nwidth_mm = 450\nheight_mm = 110\ndepth_mm = 580\n"
            f"floor_mm = {200 + 120 * number}\ntop_mm = {310 + 120 * number}\nmax_g = 25000\n"
        )
    return "\n".join(parts)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Make a locker that runs, of any banks and scanner."""
    running: list[Bench | EdgeAtBench] = []

    def make(*banks: Bank, scanner: str = "grow") -> Site:
        bench = Bench(tmp_path, locker_toml(banks, scanner))
        running.append(bench)
        edge = EdgeAtBench(tmp_path)
        running.append(edge)
        names = {bank.name for bank in edge.config.banks}
        edge.until("every board answers", lambda: edge.drive.controller.answering == names)
        return bench, edge

    yield make
    for one in reversed(running):
        one.close()


def deposit(site: Site, number: int) -> int:
    """Let a courier scan the label of a parcel and put it in; return behind which door."""
    bench, edge = site
    label = f"ORDER-{number}"
    edge.expect(number, label)
    bench.ask("person", act="put_in", open_s=OPEN_S)
    bench.ask("scan", text=f"]C0{label}")
    put_in = edge.until("deposited", lambda: edge.recorded(Deposited)[number - 1 :])
    return put_in[0].compartment


def seen(edge: EdgeAtBench) -> list[tuple[int, bool]]:
    """Which doors the edge saw open (True) and shut, in order."""
    return [
        (event.compartment, isinstance(event, DoorOpened))
        for event in edge.backend.events
        if isinstance(event, DoorOpened | DoorClosed)
    ]


def pulsed(bench: Bench) -> list[int]:
    """Which locks had a pulse, in order, by the plant's own record."""
    return [pulse["compartment"] for pulse in bench.ask("pulses")["pulses"]]


def doors(bench: Bench) -> dict[int, Json]:
    """How each door stands, and what lies behind it."""
    return {door["compartment"]: door for door in bench.ask("doors")["doors"]}


def told(edge: EdgeAtBench) -> list[tuple[str, str]]:
    """What was presented, and what became of it."""
    return [(one.kind, one.outcome) for one in edge.recorded(Presented)]


@pytest.mark.parametrize(("family", "closed_bit"), POLARITIES)
def test_doors_of_two_boards_on_one_line_are_opened_and_seen(
    build: Build, family: str, closed_bit: int
) -> None:
    polarity = f"closed_bit = {closed_bit}"
    site = build((family, "lock-bus", 1, polarity), (family, "lock-bus", 2, polarity))
    bench, edge = site
    assert {bank.closed_bit for bank in edge.config.banks} == {closed_bit}
    readings = {number: door.reading for number, door in edge.drive.controller.doors.items()}
    assert readings == {1: "shut", 2: "shut"}
    first, second = deposit(site, 1), deposit(site, 2)
    assert {first, second} == {1, 2}
    assert seen(edge) == [(first, True), (first, False), (second, True), (second, False)]
    assert pulsed(bench) == [first, second]
    assert all(door["full"] and not door["open"] for door in doors(bench).values())
    assert not edge.recorded(Forced)


def test_a_board_without_inputs_opens_its_door_and_nobody_claims_to_have_seen_it(
    build: Build,
) -> None:
    bench, edge = build(("waveshare", "lock-bus", 1, ""))
    facts = bench.watch()
    edge.expect(1, "ORDER-1")
    bench.ask("scan", text="]C0ORDER-1")
    edge.until("the pulse written down", lambda: edge.recorded(Pulsed))
    assert until(facts, "door_opened")["compartment"] == 1
    assert seen(edge) == []
    assert edge.drive.controller.doors[1].reading == "unknown"


def test_banks_of_four_families_on_two_lines_serve_in_one_locker(build: Build) -> None:
    site = build(
        ("8a", "lock-bus", 1, ""),
        ("waveshare_d", "lock-bus", 2, "closed_bit = 0"),
        ("wkly", "lock-bus", 3, ""),
        ("kerong", "lock-bus-2", 0, ""),
    )
    bench, _ = site
    opened = [deposit(site, number) for number in (1, 2, 3, 4)]
    assert sorted(opened) == [1, 2, 3, 4]
    assert pulsed(bench) == opened


@pytest.mark.parametrize("family", SCANNERS)
def test_a_scanner_is_pulled_out_and_put_in_and_its_labels_open_doors(
    build: Build, family: str
) -> None:
    site = build(("8a", "lock-bus", 1, ""), scanner=family)
    bench, edge = site
    answers = None if family == "line" else True

    def faults() -> list[str]:
        return [one.what for one in edge.recorded(Fault) if one.part == "scanner"]

    edge.until("the scanner is well", lambda: faults() == ["ok"])
    assert edge.drive.reader.scanner.answering is answers
    bench.ask("scan", text="]C0ORDER-99")
    edge.until("a label of nobody", lambda: told(edge) == [("label", "refused")])
    bench.ask("unplug", line="scanner")
    edge.until("the scanner is gone", lambda: faults() == ["ok", "gone"])
    assert edge.drive.reader.scanner.answering is False
    bench.ask("plug", line="scanner")
    edge.until("the scanner is back", lambda: faults() == ["ok", "gone", "ok"])
    assert edge.drive.reader.scanner.answering is answers
    assert deposit(site, 1) == 1
    assert told(edge) == [("label", "refused"), ("label", "authorised")]
