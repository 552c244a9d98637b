"""`locker.toml`: what is wrong is refused at the start, with the place and the remedy."""

import re
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fellesskap_edge import toml_lines
from fellesskap_edge.config import Limits
from fellesskap_edge.config_check import InvalidConfig, load
from tests.golden import assert_golden

HERE = Path(__file__).parent

GOOD = """
[locker]
id = "oslo-1"
[[bank]]
name = "a"
family = "8a"
port = "lock-bus"
address = 1
supply = "psu-1"
[[bank]]
name = "b"
family = "8a"
port = "lock-bus"
address = 2
supply = "psu-2"
[scanner]
family = "grow"
port = "scanner"
[[compartment]]
number = 1
bank = "a"
channel = 1
width_mm = 450
height_mm = 110
depth_mm = 580
floor_mm = 400
top_mm = 510
max_g = 25000
[[compartment]]
number = 2
bank = "b"
channel = 1
width_mm = 450
height_mm = 110
depth_mm = 580
floor_mm = 520
top_mm = 630
max_g = 25000
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "locker.toml"
    path.write_text(text)
    return path


def test_good_file_is_read_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD))
    assert config.locker.id == "oslo-1"
    assert [bank.port for bank in config.banks] == [str(tmp_path / "lock-bus")] * 2
    assert config.edge.state == str(tmp_path / "state")
    assert not config.limits.raised


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "oslo-1"', 'id = "Oslo 1"', r"\[locker\]"),
        ('id = "oslo-1"', 'id = "oslo-1"\ncolour = "red"', "colour"),
        ('name = "b"', 'name = "a"', "'a' stands twice"),
        ("address = 2", "address = 1", "another DIP"),
        ("address = 2", "address = 33", "not 1 to 32"),
        ("address = 2", "address = 2\nbaud = 19200", "differ in baud"),
        ("address = 2", "address = 2\nbaud = 0", "baud 0"),
        ("address = 2", "address = 2\nbaud = 9601", "baud 9601 is none of 4800, 9600"),
        ("address = 2", "address = 2\nclosed_bit = 2", "closed_bit"),
        ("address = 2", "address = 2\nitem_bit = 0", "item_bit means nothing to family '8a'"),
        ("number = 2", "number = 2\noccupancy_sensor = true", "tell of no occupancy sensors"),
        ("address = 2", "address = 2\npulse_ms = 500", "times its pulses itself"),
        ("address = 2", "address = 2\nretry_pulse_ms = 500", "retry_pulse_ms 500: a board of"),
        ("address = 2", "address = 2\nchannels = 25", "channels 25 is not 1 to 24"),
        ('"8a"\nport = "lock-bus"\naddress = 2', '"r421"\nport = "lock-bus"\naddress = 2', "r421"),
        *(
            ('"8a"\nport = "lock-bus"\naddress = 2',
             f'"{family}"\nport = "lock-bus"\naddress = {address}\n{more}', told)
            for family, address, more, told in [
                ("kerong", 2, "", "differ in baud"),
                ("kerong", 16, "", "address 16 is not 0 to 15"),
                ("kerong", 2, "baud = 9600\npulse_ms = 305", "not 100 to 1000 in steps of 10"),
                ("kerong", 2, "baud = 9600\npulse_ms = 60000", "not 100 to 1000"),
                ("kerong", 2, "baud = 9600\nretry_pulse_ms = 1010", "retry_pulse_ms 1010 is not"),
                ("kerong", 2, "baud = 9600\nretry_pulse_ms = 200", "shorter than pulse_ms 300"),
                ("waveshare", 2, "retry_pulse_ms = 350", "retry_pulse_ms 350 is not 100 to"),
                ("kerong", 2, 'baud = 9600\nstatus_order = "low_first"', "status_order means"),
                ("waveshare", 0, "", "address 0 is not 1 to 247"),
                ("waveshare", 2, "closed_bit = 0", "closed_bit means nothing"),
                ("waveshare", 2, "pulse_ms = 350", "not 100 to 1000 in steps of 100"),
                ("waveshare", 2, "channels = 33", "channels 33 is not 1 to 32"),
                ("waveshare_d", 2, "channels = 9", "channels 9 is not 1 to 8"),
                ("wkly", 32, "", "address 32 is not 0 to 31"),
                ("wkly", 2, "pulse_ms = 300", "times its pulses itself"),
            ]
        ),
        ('port = "lock-bus"\naddress = 2\nsupply = "psu-2"',
         'port = "other"\naddress = 2\nsupply = "psu-1"', "several lines"),
        ('port = "scanner"', 'port = "lock-bus"', r"\[scanner\]"),
        ("number = 2", "number = 1", "number 1 stands twice"),
        ("number = 2", "number = 0", "greater than 0"),
        ('bank = "b"', 'bank = "a"', "wired to two"),
        ('bank = "b"', 'bank = "z"', "no bank 'z'"),
        ("channel = 1", "channel = 25", "not 1 to 24"),
        ("width_mm = 450", "width_mm = -450", "greater than 0"),
        ("top_mm = 510", "top_mm = 400", "not above"),
        ("[scanner]", "[limits]\nremote_open_interval_s = 0.4\n[scanner]", "at least 0.5"),
        ('id = "oslo-1"', 'id = "oslo-1"\nidle_poll_s = 4.9', "idle_poll_s is 5 to 600"),
        ('id = "oslo-1"', 'id = "oslo-1"\nidle_poll_s = 601', "idle_poll_s is 5 to 600"),
        ("[scanner]", "[limits]\nremote_open_interval_s = nan\n[scanner]", "at least 0.5"),
        ("[scanner]", "[limits]\nremote_open_interval_s = inf\n[scanner]", "at most"),
        ("[scanner]", "[limits]\nremote_opens_per_10_min = -1\n[scanner]", "not negative"),
        ("[scanner]", "[kiosk]\nport = 70000\n[scanner]", r"\[kiosk\]"),
        ("[locker]", "[locker", ":2: not TOML"),
        ('port = "scanner"', 'port = "scanner"\nbaud = 299', "baud 299"),
        ('name = "b"', 'nane = "b"', "is `name` meant"),
        ("address = 2", 'address = "2"', "`address`: Expected `int`"),
        ('family = "grow"', 'family = "groww"', "it can be 'grow'"),
        ("[locker]", "[[locker]]", "locker"),
        (GOOD[: GOOD.index("[scanner]")], 'bank = 7\n[locker]\nid = "oslo-1"\n', "bank"),
        (GOOD[GOOD.index("[[compartment]]") :], "", "`compartment`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(InvalidConfig, match=told) as refusal:
        load(path)
    assert str(path) in str(refusal.value)


BAD = """[locker]
id = "Oslo 1"
nane = "Sentralen"
[edge]
state = 7
[scanner]
family = "grow"
[[bank]]
name = "a"
family = "9a"
port = "lock-bus"
address = 1
supply = "psu-1"
[[bank]]
name = "b"
family = "8a"
port = "lock-bus"
address = 40
supply = "psu-1"
[[compartment]]
number = 7
bank = "z"
channel = "one"
width_mm = 450
height_mm = 0
depth_mm = 580
floor_mm = 400
top_mm = 390
max_g = 25000
[[compartment]]
number = 8
bank = "b"
channel = 25
width_mm = 450
height_mm = 0
depth_mm = 580
floor_mm = 400
top_mm = 390
max_g = 25000
[[compartment]]
bank = "a"
channel = 2
"""


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    with pytest.raises(InvalidConfig) as refusal:
        load(path)
    told = "\n".join(one.replace(f"{tmp_path}/", "") for one in refusal.value.problems) + "\n"
    assert_golden(HERE / "golden" / "config_mistakes.txt", told)


def texts(seed: str) -> st.SearchStrategy[str]:
    """The seed with a few stretches dropped, doubled or replaced."""
    pieces = st.sampled_from(
        ("", "[", "]]", '"', "\n", "= ", "{", "[[bank]]", "nan", "0", "'", "#")
    )
    cuts = st.tuples(st.integers(0, len(seed)), st.integers(0, 12), pieces, st.booleans())

    def changed(edits: list[tuple[int, int, str, bool]]) -> str:
        text = seed
        for start, length, piece, doubled in edits:
            kept = text[start : start + length] * 2 if doubled else piece
            text = text[:start] + kept + text[start + length :]
        return text

    return st.lists(cuts, max_size=4).map(changed)


def paths(value: object, at: toml_lines.Path = ()) -> set[toml_lines.Path]:
    """Every place in what tomllib returned."""
    inner: dict[str | int, object] = {}
    if isinstance(value, dict):
        inner = dict(value)
    elif isinstance(value, list):
        inner = dict(enumerate(value))
    return {at} | {path for key, one in inner.items() for path in paths(one, (*at, key))}


@given(texts(GOOD))
def test_whatever_the_file_says_it_is_read_or_refused_with_lines(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text)
        try:
            assert load(path).compartments
        except InvalidConfig as error:
            for problem in error.problems:
                line = int(problem.removeprefix(f"{path}:").split(":")[0])
                assert 1 <= line <= text.count("\n") + 1


EVERY_SYNTAX = '''a.b.c = 1
"q.\\t" . 'y' = [1, [2, # three
 3], {z = 1, "k" = { r = 2 }}, ] # four
s = """
x = 1 "" \\""" [t]
"""""
when = 1979-05-27 07:32:00
"" = '' # empty
[[t]]
x = +inf
[t.sub]
[[t.deep]]
[[t.deep]]
z = {}
[[ t ]]
[ t . sub ]
y = """one""" # two
[u.v]
w = "]"
'''


@given(texts(EVERY_SYNTAX))
@example(EVERY_SYNTAX)
def test_lines_are_known_of_whatever_tomllib_reads(text: str) -> None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = toml_lines.lines_of(text)
    assert found.keys() == paths(raw) - {()}
    for path, line in found.items():
        key = next((key for key in reversed(path) if isinstance(key, str)), "")
        if re.fullmatch(r"[a-z]+", key) and not isinstance(path[-1], int):
            assert key in text.splitlines()[line - 1], path


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="too deeply"):
        load(written(tmp_path, "a = " + "[" * 10_000))


@pytest.mark.parametrize(
    ("family", "more", "kept"),
    [
        ("8a", "", (9600, 24, 300, 1)),
        ("kerong", "baud = 9600", (9600, 16, 300, 1)),
        ("kerong", "baud = 9600\npulse_ms = 550\nclosed_bit = 0", (9600, 16, 550, 0)),
        ("waveshare", "channels = 16\npulse_ms = 1000", (9600, 16, 1000, 1)),
        ("waveshare_d", "", (9600, 8, 300, 1)),
        ("wkly", "channels = 24", (9600, 24, 1000, 0)),
        ("wkly", "closed_bit = 1", (9600, 12, 1000, 1)),
    ],
)
def test_what_is_left_out_is_as_the_family_has_it(
    tmp_path: Path, family: str, more: str, kept: tuple[int, int, int, int]
) -> None:
    bank = load(written(tmp_path, GOOD.replace('"8a"', f'"{family}"\n{more}', 1))).banks[0]
    assert (bank.baud, bank.channels, bank.pulse_ms, bank.closed_bit) == kept
    assert bank.gap_s == pytest.approx(bank.pulse_ms / 1000 + 0.5)


@pytest.mark.parametrize(
    ("family", "more", "retry_ms"),
    [
        ("8a", "", 300),
        ("wkly", "", 1000),
        ("kerong", "baud = 9600", 500),
        ("waveshare", "pulse_ms = 900", 1000),
        ("waveshare_d", "pulse_ms = 700\nretry_pulse_ms = 700", 700),
    ],
)
def test_another_try_is_longer_where_the_board_can_be_told_and_never_beyond_the_cap(
    tmp_path: Path, family: str, more: str, retry_ms: int
) -> None:
    bank = load(written(tmp_path, GOOD.replace('"8a"', f'"{family}"\n{more}', 1))).banks[0]
    assert bank.retry_pulse_ms == bank.retrying.pulse_ms == retry_ms
    assert bank.retrying.gap_s == pytest.approx(retry_ms / 1000 + 0.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[kiosk]\nport = " + "9" * 5000, "toml: an integer of thousands of digits"),
        ("[kiosk]\nport = 0x" + "f" * 4000, "toml:2: kiosk.port is beyond 64 bits"),
        ("[limits]\nlock_cooldown_s = " + "9" * 400, "toml:2: limits.lock_cooldown_s is beyond"),
        ("[[bank]]\nlock_pins = [1,\n1" + "0" * 19 + "]", "toml:3: bank.0.lock_pins.1 is beyond"),
        ("[[bank]]\nfamily" + ".a" * 1500 + " = 1", "toml: nested too deeply"),
        ("a = 1\n# \u2028\nb = [", "toml:3: not TOML"),
    ],
)
def test_what_toml_can_hold_and_no_locker_needs_is_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "locker.toml"
    path.write_text(text)
    with pytest.raises(InvalidConfig) as refusal:
        load(path)
    assert told in refusal.value.problems[0]


def test_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="No such file"):
        load(tmp_path / "locker.toml")
    (tmp_path / "locker.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfig, match=r"locker\.toml"):
        load(tmp_path / "locker.toml")


def test_digest_changes_with_the_geometry_and_only_with_it(tmp_path: Path) -> None:
    digest = load(written(tmp_path, GOOD)).digest
    assert load(written(tmp_path, GOOD.replace("address = 2", "address = 3"))).digest == digest
    assert load(written(tmp_path, GOOD.replace("top_mm = 510", "top_mm = 511"))).digest != digest


@pytest.mark.parametrize(
    ("limits", "raised"),
    [
        (Limits(), False),
        (Limits(remote_open_interval_s=20), False),
        (Limits(remote_open_interval_s=9), True),
        (Limits(remote_opens_per_10_min=7), True),
    ],
)
def test_a_raised_limit_shows(limits: Limits, raised: bool) -> None:
    assert limits.raised == raised
