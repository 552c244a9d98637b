"""How the lockers of the scenes are built: as usual, on pins, unseen, with a cold door or a key."""

from msgspec.structs import replace

from fellesskap_edge.chilled import ProbeTable
from fellesskap_edge.config import LockerConfig, ServiceKeyTable
from tests.simulation.layout import DOORS_A_BANK, bank

PROBE = "28-00000a"


def as_usual(config: LockerConfig) -> LockerConfig:
    """Return one board of 24 doors."""
    return config


def on_pins(config: LockerConfig) -> LockerConfig:
    """Return eight doors on the computer's own pins."""
    compartments = config.compartments[:DOORS_A_BANK]
    return replace(config, banks=(bank("a", "gpio", 0),), compartments=compartments)


def unseen(config: LockerConfig) -> LockerConfig:
    """Return eight doors on relays without inputs: nobody sees them open or shut."""
    compartments = config.compartments[:DOORS_A_BANK]
    return replace(config, banks=(bank("a", "waveshare", 1),), compartments=compartments)


def chilled(config: LockerConfig) -> LockerConfig:
    """Let the first door be a cold one, with a probe behind it."""
    first, *others = config.compartments
    cold = replace(first, features=("chilled",))
    return replace(config, compartments=(cold, *others), probes=(ProbeTable(PROBE, (1,)),))


def with_key(config: LockerConfig) -> LockerConfig:
    """Let the board's last channel be the technician's key."""
    *compartments, last = config.compartments
    key = ServiceKeyTable(last.bank, last.channel)
    return replace(config, compartments=tuple(compartments), service_key=key)
