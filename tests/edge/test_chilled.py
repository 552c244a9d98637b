"""The probe tables of `locker.toml`: no cold door without a probe, no probe without limits."""

from pathlib import Path

import pytest

from fellesskap_edge.chilled import SYSFS, ProbeTable
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.config_check import InvalidConfig, load
from tests.edge.test_config import GOOD

COLD = GOOD.replace('bank = "a"', 'features = ["chilled"]\nbank = "a"', 1).replace(
    'bank = "b"', 'features = ["frozen"]\nbank = "b"', 1
)
PROBES = """
[[probe]]
device = "28-00000a"
compartments = [1]
[[probe]]
device = "28-00000b"
compartments = [2]
"""


def loaded(folder: Path, text: str) -> LockerConfig:
    path = folder / "locker.toml"
    path.write_text(text)
    return load(path)


def test_limits_are_those_of_the_features_or_the_probes_own(tmp_path: Path) -> None:
    config = loaded(tmp_path, COLD + PROBES)
    chilled, frozen = config.probes
    assert chilled.limits(config.features) == (0.0, 6.0)
    assert frozen.limits(config.features) == (None, -18.0)
    assert ProbeTable("28-a", (1,), min_c=2.0).limits(config.features) == (2.0, None)
    assert config.climate.devices == SYSFS
    assert config.climate.alarm_after_s == 900


def test_folder_of_the_probes_is_relative_to_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, COLD + PROBES + '[climate]\ndevices = "w1"\n')
    assert config.climate.devices == str(tmp_path / "w1")


def test_locker_without_cold_doors_needs_no_probe(tmp_path: Path) -> None:
    assert loaded(tmp_path, GOOD).probes == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("compartments = [1]", "compartments = []", "names no door"),
        ("compartments = [1]", "compartments = []", "1: is chilled and has no"),
        ("compartments = [2]", "compartments = [3]", "no compartment 3"),
        ("compartments = [2]", "compartments = [3]", "2: is frozen and has no"),
        ("compartments = [1]", "compartments = [1, 2]", "2 has two probes"),
        ("compartments = [1]", "compartments = [1, 2]", "both chilled and frozen"),
        ("28-00000b", "28-00000a", "'28-00000a': stands twice"),
        ("28-00000b", "10-00000b", "name of a folder 28-"),
        ("28-00000b", "28-0/../b", "name of a folder 28-"),
        ('["chilled"]', '["power"]', "neither chilled nor frozen"),
        ("compartments = [1]", "compartments = [1]\nmin_c = 3\nmax_c = 4", "2 degrees above"),
        ("compartments = [1]", "compartments = [1]\nmin_c = -60", "-55 to 125"),
        ("compartments = [1]", "compartments = [1]\nmax_c = nan", "-55 to 125"),
        ("compartments = [1]", "compartments = [1]\nmax = 4", "unknown key `max`"),
        ("[[probe]]", "[climate]\nalarm_after_s = -1\n[[probe]]", "alarm_after_s"),
        ("[[probe]]", "[climate]\nalarm_after_s = nan\n[[probe]]", "alarm_after_s"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = COLD + PROBES
    assert old in text
    with pytest.raises(InvalidConfig, match=told):
        loaded(tmp_path, text.replace(old, new, 1))
