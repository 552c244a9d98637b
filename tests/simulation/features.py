"""What is special in some worlds: every so many seeds one thing more is so, or happens."""


def shares_lines(seed: int) -> bool:
    """Two boards of every locker share a line."""
    return seed % 4 == 3


def is_hasty(seed: int) -> bool:
    """Carriers want parcels collected within hours, so that many are overdue."""
    return seed % 16 == 6


def is_crowded(seed: int) -> bool:
    """Lockers are small and residents slow: what is taken out is given away at once."""
    return seed % 7 == 5


def gives_away(seed: int) -> bool:
    """Lockers take in what is soft or unannounced; in half of the crowded ones there is no room."""
    return not is_crowded(seed) or seed % 2 == 1


def wants_badges(seed: int) -> bool:
    """A carrier wants a badge at its deposits; badges are revoked, parcels have second codes."""
    return seed % 6 == 4


def has_sprees(seed: int) -> bool:
    """Somebody opens doors from afar, one after the other, as whoever stole a key would."""
    return seed % 6 == 4


def mixes_up_keys(seed: int) -> bool:
    """Carriers ask again under keys of hours before, and by mistake for something else."""
    return seed % 15 == 5


def restores_twice(seed: int) -> bool:
    """A backup is put back, and hours later the same one once more."""
    return seed % 15 == 9


def switches_power(seed: int) -> bool:
    """Every locker can cut the power of a bank, and relays weld."""
    return seed % 15 == 6
