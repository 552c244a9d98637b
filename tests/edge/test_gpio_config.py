"""Banks on pins in `locker.toml`: what would open doors at power-on, or never, is refused."""

from pathlib import Path

import pytest

from fellesskap_edge.config_check import InvalidConfig, load

GOOD = """
[locker]
id = "oslo-1"
[[bank]]
name = "p"
family = "gpio"
supply = "psu-1"
lock_pins = [17, 27]
door_pins = [5, 6]
[[bank]]
name = "a"
family = "8a"
port = "lock-bus"
address = 1
supply = "psu-2"
[scanner]
family = "grow"
port = "scanner"
""" + "".join(
    f"""
[[compartment]]
number = {number}
bank = "{bank}"
channel = {channel}
width_mm = 450
height_mm = 110
depth_mm = 580
floor_mm = {400 + 120 * number}
top_mm = {510 + 120 * number}
max_g = 25000
"""
    for number, bank, channel in ((1, "p", 1), (2, "p", 2), (3, "a", 3))
)


def written(folder: Path, text: str) -> Path:
    path = folder / "locker.toml"
    path.write_text(text)
    return path


def test_pins_beside_a_board_are_read(tmp_path: Path) -> None:
    pins, board = load(written(tmp_path, GOOD)).banks
    assert (pins.lock_pins, pins.door_pins) == ((17, 27), (5, 6))
    assert (pins.port, pins.active_high, pins.closed_level, pins.pulse_ms) == ("", True, 0, 300)
    assert board.port == str(tmp_path / "lock-bus")


@pytest.mark.parametrize(
    "more",
    [
        "active_high = false\nclosed_level = 1\npulse_ms = 1000",
        "active_high = false",
    ],
)
def test_both_polarities_are_read(tmp_path: Path, more: str) -> None:
    load(written(tmp_path, GOOD.replace("door_pins = [5, 6]", f"door_pins = [5, 6]\n{more}")))


@pytest.mark.parametrize("door_pins", ["", "door_pins = []"])
def test_door_pins_may_be_left_out(tmp_path: Path, door_pins: str) -> None:
    load(written(tmp_path, GOOD.replace("door_pins = [5, 6]", door_pins)))


def test_the_pulled_up_pins_may_carry_what_a_pull_up_does_not_harm(tmp_path: Path) -> None:
    text = GOOD.replace("[17, 27]", "[2, 27]").replace("[5, 6]", "[3, 6]\nactive_high = false")
    load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lock_pins = [17, 27]", "", "lock_pins is missing"),
        ("[5, 6]", "[5]", "one pin for each of lock_pins"),
        ("[5, 6]", "[5, 28]", "GPIO 28 is not 0 to 27"),
        ("[5, 6]", "[5, -1]", "GPIO -1 is not 0 to 27"),
        ("[5, 6]", "[5, 17]", "GPIO 17 is used twice"),
        ("[5, 6]", "[5, 5]", "GPIO 5 is used twice"),
        ("[17, 27]", "[2, 27]", "GPIO 2 is pulled up by the board: an active-high lock"),
        ("[5, 6]", "[5, 3]\nclosed_level = 1", "GPIO 3 is pulled up by the board: closed_level"),
        ("[5, 6]", "[5, 6]\nclosed_level = 2", "closed_level"),
        ("[5, 6]", "[5, 6]\npulse_ms = 1001", "pulse_ms 1001 is not 50 to 1000"),
        ("[5, 6]", "[5, 6]\npulse_ms = 0", "pulse_ms 0"),
        ("[5, 6]", "[5, 6]\nretry_pulse_ms = 1001", "retry_pulse_ms 1001 is not 50 to 1000"),
        ("[5, 6]", "[5, 6]\nretry_pulse_ms = 299", "shorter than pulse_ms 300"),
        ("[5, 6]", '[5, 6]\nport = "x"', "'p': port says nothing for family 'gpio'"),
        ("[5, 6]", "[5, 6]\naddress = 1", "'p': address says nothing"),
        ("[5, 6]", "[5, 6]\nbaud = 19200", "'p': baud says nothing"),
        ("address = 1", "address = 1\nlock_pins = [4]", "'a': lock_pins says nothing"),
        ("address = 1", "address = 1\npulse_ms = 400", "'a': pulse_ms 400: a board of family"),
        ('port = "lock-bus"\n', "", "'a': port is missing"),
        ("address = 1", "", "address is missing"),
        ('name = "a"', 'name = "p"', "name 'p' stands twice"),
        ('supply = "psu-2"', 'supply = "psu-1"', "one bank of pins"),
        ("channel = 2", "channel = 3", "2: channel 3 is not 1 to 2"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidConfig, match=told):
        load(written(tmp_path, GOOD.replace(old, new, 1)))


RELAYS = """[[bank]]
name = "r"
family = "waveshare_d"
port = "relay-bus"
address = 1
supply = "psu-3"
power_pin = 22
[scanner]"""


def test_a_bank_of_relays_may_have_its_power_by_a_pin(tmp_path: Path) -> None:
    text = GOOD.replace("[scanner]", RELAYS)
    bank = load(written(tmp_path, text)).banks[2]
    assert (bank.power_pin, bank.power_active_high) == (22, True)
    low = text.replace("power_pin = 22", "power_pin = 2\npower_active_high = false")
    assert not load(written(tmp_path, low)).banks[2].power_active_high


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("power_pin = 22", "power_pin = 17", "'r': GPIO 17 is used twice"),
        ("power_pin = 22", "power_pin = 28", "GPIO 28 is not 0 to 27"),
        ("power_pin = 22", "power_pin = 2", "locks have power before the daemon"),
        ("power_pin = 22", "power_active_high = false", "says nothing without power_pin"),
        ('"waveshare_d"', '"kerong"', "do not tell of their relays"),
        ("lock_pins = [17, 27]", "lock_pins = [17, 27]\npower_pin = 4", "'p': power_pin says"),
    ],
)
def test_what_is_wrong_with_a_power_pin_is_named(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    text = GOOD.replace("[scanner]", RELAYS)
    assert old in text
    with pytest.raises(InvalidConfig, match=told):
        load(written(tmp_path, text.replace(old, new, 1)))


def test_a_pin_of_another_bank_is_used_twice_too(tmp_path: Path) -> None:
    second = '[[bank]]\nname = "q"\nfamily = "gpio"\nsupply = "psu-3"\nlock_pins = [5]\n[scanner]'
    with pytest.raises(InvalidConfig, match="GPIO 5 is used twice"):
        load(written(tmp_path, GOOD.replace("[scanner]", second)))
