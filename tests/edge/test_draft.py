"""The draft that commissioning begins with and the file that it ends with."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.config_check import InvalidConfig, load
from fellesskap_edge.tool.draft import Draft, load_draft, render
from fellesskap_edge.tool.wiring import Wiring, conclude
from fellesskap_edge.tool.words import Board, Door, Pins

HERE = Path(__file__).parent
BOARD = Board("a", "8a", "address 1 on lock-bus", 3, senses=True)
DRAFT = """[locker]
id = "oslo-1"
name = 'Bjørvika "S"'
[edge]
state = "state"
[scanner]
family = "grow"
port = "scanner"
[[bank]]
family = "8a"
port = "lock-bus"
supply = "psu-1"
closed_bit = 1
[[compartment]]
number = 7
width_mm = 450
height_mm = 110
depth_mm = 580
floor_mm = 400
top_mm = 510
max_g = 25000
features = ["power"]
[[size]]
class = "S"
width_mm = 440
height_mm = 110
depth_mm = 600
max_g = 20000
"""


def test_what_was_learnt_is_written_so_that_it_loads(tmp_path: Path) -> None:
    (tmp_path / "draft.toml").write_text(DRAFT)
    (tmp_path / "other").mkdir()
    draft = load_draft(tmp_path / "draft.toml")
    doors = (Door(7, ("a", 2), ("a", 2), 1), Door(9, ("a", 1), ("a", 1), 1, "S", 840))
    wiring = conclude((BOARD,), doors, draft.doors)
    board = {"name": "a", "family": "8a", "port": "lock-bus", "supply": "psu-1", "address": 4}
    for out in (tmp_path / "locker.toml", tmp_path / "other" / "locker.toml"):
        out.write_text(render(draft, {"a": board}, wiring, out))
        config = load(out)
        assert config.locker.name == 'Bjørvika "S"'
        assert config.banks[0].port == str(tmp_path / "lock-bus")
        assert config.edge.state == str(tmp_path / "state")
        assert (config.banks[0].address, config.banks[0].closed_bit) == (4, 0)
        seven, nine = config.compartments
        assert (seven.number, seven.channel, seven.features) == (7, 2, ("power",))
        assert (nine.number, nine.channel, nine.floor_mm, nine.top_mm) == (9, 1, 840, 950)


ON_PINS = """[[bank]]
name = "p"
family = "gpio"
supply = "psu-2"
lock_pins = [17]
[[compartment]]
number = 1
bank = "p"
channel = 1
width_mm = 450
height_mm = 110
depth_mm = 580
floor_mm = 100
top_mm = 210
max_g = 25000
"""


def test_the_example_of_a_draft_is_one() -> None:
    draft = load_draft(HERE.parents[1] / "deploy/edge/draft.example.toml")
    assert (set(draft.doors), set(draft.sizes)) == ({1}, {"S", "M"})
    assert [line.address for line in draft.lines] == [None]


def test_a_bank_on_pins_is_taken_over_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "draft.toml").write_text(DRAFT + ON_PINS)
    draft = load_draft(tmp_path / "draft.toml")
    assert set(draft.doors) == {7}
    wiring = conclude((BOARD,), (Door(7, ("a", 2), ("a", 2), 1),), draft.doors)
    board = {"name": "a", "family": "8a", "port": "lock-bus", "supply": "psu-1", "address": 4}
    out = tmp_path / "locker.toml"
    out.write_text(render(draft, {"a": board}, wiring, out))
    config = load(out)
    assert [(bank.name, bank.family) for bank in config.banks] == [("a", "8a"), ("p", "gpio")]
    told = [(one.number, one.bank, one.channel) for one in config.compartments]
    assert told == [(1, "p", 1), (7, "a", 2)]


def test_a_bank_on_pins_whose_doors_are_not_known_is_written_as_it_was_learnt(
    tmp_path: Path,
) -> None:
    bank = ON_PINS[: ON_PINS.index("[[comp")].replace("[17]", "[17, 27]\ndoor_pins = [5, 6]")
    (tmp_path / "draft.toml").write_text(DRAFT + bank)
    draft = load_draft(tmp_path / "draft.toml")
    [one] = draft.on_pins
    assert (one.bank.name, one.level, set(draft.doors)) == ("p", None, {7})
    pins = Pins(one.bank.lock_pins, one.bank.door_pins, (1, 1))
    board = Board("p", "gpio", "GPIO 17 27", 2, senses=True, pins=pins)
    door = Door(7, ("p", 2), ("p", 1), 2, shut_bit=0, level=0)
    raw = {"name": "p", "family": "gpio", "supply": "psu-2"}
    out = tmp_path / "locker.toml"
    out.write_text(render(draft, {"p": raw}, conclude((board,), (door,), draft.doors), out))
    [found] = load(out).banks
    assert (found.lock_pins, found.door_pins, found.closed_level) == ((27,), (5,), 0)
    assert found.active_high is False
    assert [(one.number, one.bank, one.channel) for one in load(out).compartments] == [(7, "p", 1)]


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=4))
def test_any_text_of_the_draft_is_taken_over(texts: dict[str, str]) -> None:
    draft = load_draft_of({"other": dict(texts)})
    text = render(draft, {}, Wiring({}, (), ()), Path("locker.toml"))
    assert tomllib.loads(text) == {"other": texts}


def load_draft_of(raw: dict[str, object]) -> Draft:
    return Draft(Path("draft.toml"), raw, (), {}, {})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('family = "8a"', 'family = "9a"', "draft.toml:10: [[bank]]"),
        ('port = "lock-bus"', 'port = "scanner"', "is the line of a [[bank]]"),
        ("max_g = 20000", "", "draft.toml:23: [[size]]"),
        ("number = 7", 'number = "7"', "draft.toml:15: [[compartment]]"),
        (
            DRAFT[DRAFT.index("[[bank]]") : DRAFT.index("[[comp")],
            "",
            "nothing to find: no [[bank]] but",
        ),
        ("[[size]]", "[size]", "[size]"),
        ('family = "8a"', 'family = "waveshare"\npower_pin = 23', "needs its address"),
    ],
)
def test_what_is_wrong_with_a_draft_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "draft.toml").write_text(DRAFT.replace(old, new, 1))
    with pytest.raises(InvalidConfig) as refusal:
        load_draft(tmp_path / "draft.toml")
    assert told in str(refusal.value)
