"""`locker.toml`: any bytes are a config that can be used, or `InvalidConfig` with its lines.

The seeds are the files that are shipped, without comments, and what TOML knows beyond them.
"""

import re
import tomllib
from pathlib import Path
from random import Random

from fellesskap_edge import chilled, config_check, config_pins, config_rules, toml_lines
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.locks import FAMILIES
from tests.fuzz.harness import Fuzz

SHIPPED = Path(__file__).parents[2] / "deploy" / "edge"
INPUT_BYTES_MAX = 6 * 1024
"""Of an input: a file of thousands of keys takes its time by its length."""
DOORS = 2
FILE, MISSING = Path("/nowhere/locker.toml"), SHIPPED / "missing.toml"
_COMMENT = re.compile(r" *#.*")


def _short(path: Path) -> str:
    """Return a file without its comments, and with its first doors only."""
    lines = (_COMMENT.sub("", line) for line in path.read_text().splitlines())
    tables = re.split(r"\n(?=\[)", "\n".join(line for line in lines if line))
    doors = [one for one in tables if one.startswith("[[compartment]]")]
    return "\n".join(one for one in tables if one not in doors[DOORS:]) + "\n"


COLD = """
[service_key]
bank = "a"
channel = 24
[climate]
devices = "w1"
alarm_after_s = 900
[[probe]]
device = "28-0316a2794cff"
compartments = [1, 2]
max_c = 6
[[probe]]
device = "28-0316a2794c00"
compartments = [3]
min_c = -25.5
max_c = -18.0
"""
WORDY = '''
compartment = [ { number = 1, bank = "a", "channel" = 1, width_mm = 1_0, features = ["chilled"] },
  { number = 2, bank = """a""", channel = 0x2, features = [ 'frozen', # twice
  "power", ] } , ]
locker = { id = "oslo-1", name = """
Oslo "S" \\
  """" }
edge.state = \'\'\'
state\'\'\'
"scanner" . family = 'ssi'
scanner.port = "tty"
[limits]
remote_open_interval_s = nan
lock_cooldown_s = inf
[[bank]]
name = "a"
family = "8a"
opened = 1979-05-27 07:32:00Z
[bank.more."é"]
deep = [[[1, 2.5], [true]], {}]
'''
EMPTY = "locker = 1\nbank = []\ncompartment = []\n[scanner]\nbaud = 9\n"
_PINS = """[locker]
id = "oslo-1"
[scanner]
family = "line"
port = "tty"
[[bank]]
name = "a"
family = "gpio"
supply = "psu-1"
lock_pins = [17, 27]
door_pins = [5, 6]
[[compartment]]
number = 1
bank = "a"
channel = 1
width_mm = 440
height_mm = 110
depth_mm = 600
floor_mm = 400
top_mm = 510
max_g = 20000
features = ["chilled"]
[[probe]]
device = "28-1"
compartments = [1]
max_c = 6
"""
_ON_PINS = 'family = "gpio"\nsupply = "psu-1"\nlock_pins = [17, 27]\ndoor_pins = [5, 6]'
_FED = 'family = "{family}"\nport = "x"\naddress = 1\nsupply = "psu-1"\npower_pin = {pin}'
POWERED = (("waveshare", 4), ("waveshare", 99), ("waveshare_d", 2), ("8a", 4), ("gpio", 4))
CHANGES = (
    *(("lock_pins = [17, 27]", f"lock_pins = {pins}") for pins in ("[]", "[2, 3]", "[5, 99]")),
    *(("door_pins = [5, 6]", f"door_pins = {pins}") for pins in ("[]", "[2]", "[2, 3]", "[6, 6]")),
    ("door_pins = [5, 6]", "door_pins = [2, 3]\nclosed_level = 1\nactive_high = false"),
    ("lock_pins = [17, 27]", "lock_pins = [2, 3]\nactive_high = false"),
    ('supply = "psu-1"', 'supply = "psu-1"\npulse_ms = 5\nport = "x"\naddress = 1'),
    ('supply = "psu-1"', 'supply = "psu-1"\npulse_ms = 400\nretry_pulse_ms = 300'),
    *((_ON_PINS, _FED.format(family=family, pin=pin)) for family, pin in POWERED),
    ("[[bank]]", '[[bank]]\nname = "b"\nfamily = "gpio"\nsupply = "psu-1"\n[[bank]]'),
    *(("[1]\nmax_c = 6", f"{doors}") for doors in ("[1]", "[]", "[2]\nmin_c = 1", "[2]", "[1, 1]")),
    *(("max_c = 6", limit) for limit in ("max_c = 500", "min_c = 5\nmax_c = 6", "min_c = 5")),
    ("[1]\nmax_c = 6", '[1]\n[[probe]]\ndevice = "28-1"\ncompartments = [1]'),
    ('"28-1"', '"27/1"'),
    ('["chilled"]\n[[probe]]', '["chilled", "frozen"]\n[[probe]]'),
    ('["chilled"]', '["power"]'),
    ('["chilled"]', '["chilled"]\noccupancy_sensor = true'),
    ("max_c = 6", "[climate]\nalarm_after_s = nan"),
    ('[[probe]]\ndevice = "28-1"\ncompartments = [1]\nmax_c = 6', ""),
)
"""What the rules of pins and of probes are about, each in a file that is right but for it."""
_WARMER = _PINS.replace('["chilled"]\n[[probe]]', '["chilled", "frozen"]\n[[probe]]')
_RULED = (*(_PINS.replace(old, new) for old, new in CHANGES), _WARMER.replace("max_c = 6\n", ""))
_TEXTS = [*map(_short, sorted(SHIPPED.glob("*.toml"))), WORDY, EMPTY]
SEEDS = (
    *(text.encode() for text in (*_TEXTS, *(text + COLD for text in _TEXTS[:2]), *_RULED)),
    b"",
    b"\xff",
    b"[limits]\nlock_cooldown_s = " + b"[" * 3000,
    b"[limits]\nlock_cooldown_s = " + b"9" * 5000,
    b"[kiosk]\nport = 0x" + b"f" * 5000,
    b"[limits]\nlock_cooldown_s = 0x" + b"f" * 400,
    b"[[bank]]\nfamily" + b".a" * 500 + b" = 1",
)
_NAMES = re.compile(r"^(\w+) =", re.MULTILINE)
_KEYS = sorted({key for text in (*_TEXTS, COLD) for key in _NAMES.findall(text)})
KEYS = (*_KEYS, "occupancy_sensor", "site", "setup", "chanel", '"a b"', "'x'", "a.b", "number . x")
TABLES = ("locker", "edge", "kiosk", "limits", "scanner", "climate", "service_key", "x", "a.b")
ARRAYS = ("bank", "compartment", "probe", "size", "bank.x", "bank")
VALUES = (
    *("0", "1", "2", "3", "17", "25", "-1", "300", "1000", "9600", "99999", "0x7f", "1e400", "6.5"),
    *("nan", "inf", "-inf", "true", "false", '""', "[]", "{}", "[0]", "[1, 1]", "[2, 3]", "[99]"),
    *('"a"', '"p"', '"psu-1"', '"gpio"', '"oslo-1"', '"Oslo/1"', '"/dev/serial/by-id/usb-rs485"'),
    *('["chilled"]', '["frozen"]', '["chilled", "frozen"]', '"low_first"', '"28-1"', '"27-1"'),
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00.9+23:59", "[[1], {a = 1}]", "{ id = 1 }"),
    *('"""a\n"b""""', "'''\n'c''''", '"\\u00e9"', '[ # c\n"x", # d\n]', '"\\', "0x" + "f" * 400),
    *(f'"{name}"' for name in FAMILIES),
)
_VALUE = re.compile(r"(?<== ).*")


def mutate(rng: Random, data: bytes) -> bytes:
    """Change a value, a key or a table; drop, double or move a line or a whole table."""
    if rng.random() < 0.1:
        return rng.choice(SEEDS)
    lines = data.decode(errors="replace").split("\n")
    at = rng.randrange(len(lines))
    match rng.randrange(9):
        case 0 | 1 | 2:
            value = rng.choice(VALUES)
            lines[at] = _VALUE.sub(lambda _: value, lines[at])
        case 3:
            lines.insert(at, f"{rng.choice(KEYS)} = {rng.choice(VALUES)}")
        case 4:
            lines[at] = rng.choice((f"[{rng.choice(TABLES)}]", f"[[{rng.choice(ARRAYS)}]]"))
        case 5:
            del lines[at]
        case 6:
            lines.insert(rng.randrange(len(lines)), lines[at])
        case _:
            tables = re.split(r"\n(?=\[)", "\n".join(lines))
            table = tables.pop(rng.randrange(len(tables)))
            for _ in range(rng.randrange(3)):
                tables.insert(rng.randrange(len(tables) + 1), table)
            lines = tables
    return "\n".join(lines).encode()


def one_input(data: bytes) -> None:
    """Read it; what is refused is refused with lines of the file, what is not can be used."""
    data = data[:INPUT_BYTES_MAX]
    refused: tuple[str, ...] = ()
    try:
        _used(_loaded(data), tomllib.loads(data.decode()))
    except config_check.InvalidConfig as error:
        refused = error.problems or ("",)
    last = data.removesuffix(b"\n").count(b"\n") + 1
    for problem in refused:
        found = re.match(r"[^:]+\.toml(?::(\d+))?: .", problem)
        assert found
        assert 1 <= int(found[1] or 1) <= last


def _loaded(data: bytes) -> LockerConfig:
    if not data:
        return config_check.load(MISSING)
    config = config_check.checked(config_check.parsed(FILE, data))
    return config_check.absolute(config, FILE.parent)


def _used(config: LockerConfig, raw: dict[str, object]) -> None:
    """Every door is wired to one channel of one bank, and no coil is on for too long."""
    wires = [(one.bank, one.channel) for one in config.compartments]
    assert len(set(wires)) == len(wires) > 0
    channels = {bank.name: bank.channels for bank in config.banks}
    assert len(channels) == len(config.banks)
    assert all(1 <= channel <= channels[bank] for bank, channel in wires)
    assert all(0 < bank.pulse_ms <= 1000 for bank in config.banks)
    assert len(config.digest) == 64
    for bank in config.banks:
        if bank.family != "gpio":
            made = FAMILIES[bank.family].make(bank)
            assert made.status()
            assert all(made.unlock(channel) for name, channel in wires if name == bank.name)
    assert set(raw) <= {"locker", "bank", "compartment", "scanner", "edge", "kiosk", "limits"} | {
        *("service_key", "climate", "probe")
    }


MODULES = (config_check, config_rules, config_pins, chilled, toml_lines)
FUZZ = Fuzz(one_input, SEEDS, MODULES, mutate)
