"""`fellesskap-firmware-sim`: talk to a simulated device, run a simulated locker, play with one."""

import argparse
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from fellesskap_edge.config_check import InvalidConfig, load
from fellesskap_edge.locks import FAMILIES
from fellesskap_firmware_sim.badges import MAY, NoSecrets, sign, signer
from fellesskap_firmware_sim.boards import BOARDS
from fellesskap_firmware_sim.live import ACTS, Live
from fellesskap_firmware_sim.plant import Plant
from fellesskap_firmware_sim.scanners import SCANNERS
from fellesskap_protocol.messages import Badge

ANSWER_S = 15.0
EXCHANGE_BAUD = 9600


def exchange(family: str, words: list[str], address: int | None) -> int:
    """Feed bytes to one board or scanner in virtual time and print what it answers, in hex."""
    try:
        data = bytes.fromhex("".join(words))
    except ValueError:
        print(f"not bytes in hex: {' '.join(words)}", file=sys.stderr)
        return 2
    if family in SCANNERS:
        scanner = SCANNERS[family](EXCHANGE_BAUD)
        scanner.receive(data, 0.0)
        return answer(scanner.transmit(ANSWER_S), "scanner")
    if address is None:
        address = FAMILIES[family].addresses[0]
    channels = range(1, BOARDS[family].FACTORY_SIZE + 1)
    plant = Plant(channels)
    board = BOARDS[family](plant, {n: n for n in channels}, address=address)
    board.receive(data, 0.0)
    reply = board.transmit(ANSWER_S)
    for pulse in plant.pulses:
        print(f"pulse: channel {pulse.compartment}", file=sys.stderr)
    for channel in sorted(board.on):
        print(f"relay on: channel {channel}", file=sys.stderr)
    if plant.pulses and not reply:
        return 0  # KERONG pulses without a word
    return answer(reply, "board")


def answer(reply: bytes, what: str) -> int:
    """Print what was answered."""
    if not reply:
        print(f"silence: not a valid frame for this {what}", file=sys.stderr)
        return 1
    print(reply.hex(" ").upper())
    return 0


def ask(folder: Path, request: dict[str, Any]) -> int:
    """Send one request to a running simulated locker and print its answer."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(folder / "control.sock"))
        except OSError as error:
            print(f"no simulated locker runs in {folder}: {error.strerror}", file=sys.stderr)
            return 1
        with line.makefile("rwb") as stream:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            answer = json.loads(stream.readline())
    print(json.dumps(answer))
    return 1 if "error" in answer else 0


def live(folder: Path, config: Path) -> int:
    """Run the hardware of one locker until SIGTERM."""
    try:
        running = Live(folder, load(config))
    except InvalidConfig as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps({"ready": True, "control": str(folder / "control.sock")}), flush=True)
    running.run()
    return 0


def badge(asked: dict[str, Any]) -> int:
    """Sign a courier's badge and print what its QR code says."""
    try:
        installation, key = signer(asked["secrets"])
    except NoSecrets as error:
        print(error, file=sys.stderr)
        return 2
    now_s = int(time.time())
    made = Badge(
        iat=now_s,
        iss=installation,
        aud=installation,
        jti=str(uuid4()),
        carriers=tuple(asked["carrier"]),
        lockers=tuple(asked["locker"]),
        site=asked["site"],
        may=tuple(asked["may"] or MAY),
        exp=now_s + int(asked["hours"] * 3600),
    )
    print(sign(made, key))
    return 0


def edge(folder: Path, *words: str) -> int:
    """Run a command of `fellesskap-edge`, its pins wired to the simulated locker in `folder`."""
    from gpiozero import Device  # noqa: PLC0415 (only this command needs them)

    from fellesskap_edge.__main__ import main as edge_main  # noqa: PLC0415
    from fellesskap_firmware_sim.mock_pins import joined  # noqa: PLC0415

    try:
        Device.pin_factory = joined(folder)
    except OSError as error:
        print(f"no simulated locker runs in {folder}: {error.strerror}", file=sys.stderr)
        return 1
    sys.argv = ["fellesskap-edge", *words]
    return edge_main()


def parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    top = argparse.ArgumentParser(prog="fellesskap-firmware-sim", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    one = commands.add_parser("exchange", help="feed bytes to a device, print its replies")
    one.add_argument("family", choices=[*BOARDS, *SCANNERS])
    one.add_argument("hex", nargs="+", help="as in: 80 01 00 33 B2")
    one.add_argument("--address", type=int, default=None, help="the board's; the lowest by itself")
    run = commands.add_parser("live", help="run the hardware of a locker.toml in real time")
    run.add_argument("--dir", type=Path, required=True, help="for ports and control socket")
    run.add_argument("--config", type=Path, required=True)
    daemon = commands.add_parser("edge", help="run the real daemon, its pins wired to `live`")
    daemon.add_argument("--dir", type=Path, required=True, help="where `live` runs")
    daemon.add_argument("--config", type=Path, required=True)
    tool = commands.add_parser("commission", help="commission what is wired to `live`")
    tool.add_argument("--dir", type=Path, required=True, help="where `live` runs")
    tool.add_argument("--config", type=Path, required=True, help="the draft")
    tool.add_argument("--out", type=Path, required=True)
    scan = commands.add_parser("scan", help="hold a label before the scanner")
    scan.add_argument("dir", type=Path)
    scan.add_argument("text", help="with its AIM identifier, as in ]C100370712345678901238")
    person = commands.add_parser("person", help="let somebody wait for the next door")
    person.add_argument("dir", type=Path)
    person.add_argument("act", choices=ACTS)
    person.add_argument("--compartment", type=int, default=None)
    person.add_argument("--open-s", type=float, default=2.2, help="how long the door stands open")
    badge = commands.add_parser("badge", help="sign a courier's badge; prints its QR code's text")
    badge.add_argument("--secrets", type=Path, required=True, help="the backend's secrets.json")
    badge.add_argument("--carrier", action="append", required=True, help="a carrier's id")
    badge.add_argument("--locker", action="append", default=[], help="a locker's id")
    badge.add_argument("--site", help="instead of single lockers")
    badge.add_argument("--may", action="append", choices=MAY, help="both, if not said")
    badge.add_argument("--hours", type=float, default=1.0, help="at most 24")
    for name, what in (("pulses", "the record of pulses"), ("doors", "every door's truth")):
        commands.add_parser(name, help=f"print {what}").add_argument("dir", type=Path)
    return top


def main() -> int:
    """Run one command; the exit status says how it went."""
    arguments = vars(parser().parse_args())
    command = arguments.pop("command")
    if command == "exchange":
        return exchange(arguments["family"], arguments["hex"], arguments["address"])
    if command == "live":
        return live(arguments["dir"].resolve(), arguments["config"])
    if command == "badge":
        return badge(arguments)
    if command == "edge":
        return edge(arguments["dir"].resolve(), "run", "--config", str(arguments["config"]))
    if command == "commission":
        files = ("--config", str(arguments["config"]), "--out", str(arguments["out"]))
        return edge(arguments["dir"].resolve(), "commission", *files)
    folder = arguments.pop("dir")
    return ask(folder, {"do": command, **arguments})


if __name__ == "__main__":
    sys.exit(main())
