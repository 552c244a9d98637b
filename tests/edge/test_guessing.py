"""A year of guessing at the keypad, with forty live codes: the throttle's promise, counted.

Guesses run through the real controller in virtual time, the plug is pulled every night, and the
people whose codes they are come as they always do. A guess that is compared (not asked for all
twelve digits) hits one of forty codes among 10^8, or 10^12; a hit itself is too rare to wait for,
so the chance is reckoned from what was compared.
"""

from collections.abc import Callable

import msgspec
import pytest

from fellesskap_edge.config import LockerConfig
from fellesskap_edge.state import Answer, CodeEntered
from fellesskap_protocol.messages import Right
from tests.conftest import TIER
from tests.edge.little_locker import CONFIG, LittleLocker, right

LIVE = 40
CHANCE_MAX = 0.003
DAYS = 365
DAYS_WITHOUT_REST = DAYS if TIER == "full" else 30
"""Half a million guesses and more: `make test` makes a month of them and reckons the year."""
DAY_S, HOUR_S = 86_400.0, 3600.0


def forty_doors() -> LockerConfig:
    one = CONFIG.compartments[0]
    doors = tuple(
        msgspec.structs.replace(one, number=number, channel=(number - 1) % 24 + 1, bank=bank)
        for number in range(1, LIVE + 1)
        for bank in ("a" if number <= 24 else "b",)
    )
    return msgspec.structs.replace(CONFIG, compartments=doors)


def live(number: int) -> Right:
    return msgspec.structs.replace(right(f"r{number}", "collect"), compartment=number)


class Year:
    """One locker, one attacker, forty recipients."""

    def __init__(self) -> None:
        self.locker = LittleLocker(forty_doors())
        self.locker.say_shut()
        self.locker.put(*(live(number) for number in range(1, LIVE + 1)))
        self.short = self.long = self.turn = 0

    def guess(self, kind: str) -> str:
        """Try a code that nobody has; count it if it was compared."""
        self.turn += 1
        told = self._type(f"{kind}-guess{self.turn}")
        if told == "refused" and kind == "code":
            self.short += 1
        elif told == "refused":
            self.long += 1
        return told

    def recipient(self, number: int) -> None:
        """Type the eight digits, all twelve if asked, and find the door open."""
        told = self._type(f"code-r{number}")
        if told == "long_code_needed":
            told = self._type(f"long-r{number}")
        assert told == "opens", "whoever has a code gets in"
        self.locker.door(number, "open", "shut")
        self.locker.put(remove=(f"r{number}",))
        self.locker.put(live(number))

    def _type(self, mac: str) -> str:
        kinds = {"code": "code", "long": "long_code"}
        kind = kinds[mac.split("-", maxsplit=1)[0]]
        event = CodeEntered(kind, mac, self.locker.new_id(), "t")  # type: ignore[arg-type]
        effects = self.locker.give(event)
        (answer,) = [one for one in effects if isinstance(one, Answer)]
        return answer.outcome

    @property
    def chance(self) -> float:
        """The chance that one of the guesses was right."""
        missed: float = (1 - LIVE / 10**8) ** self.short * (1 - LIVE / 10**12) ** self.long
        return 1 - missed


def whenever_it_can(year: Year) -> None:
    """Eight digits as long as they are taken, then wait for as long as it takes."""
    asked_s = 0.0
    while asked_s < DAY_S:
        told = year.guess("code")
        pause_s = 5.0 if told == "refused" else 15.0 * 60
        year.locker.mono_s += pause_s
        asked_s += pause_s


def all_digits_in_between(year: Year) -> None:
    """Never idle: twelve digits, once a minute, whenever eight are not taken."""
    for _ in range(24 * 60):
        if year.guess("code") == "long_code_needed":
            year.guess("long")
        year.locker.mono_s += 60.0


def by_turns(year: Year) -> None:
    """A burst of twenty in the morning, quiet until the next."""
    for _ in range(40):
        if year.guess("code") == "long_code_needed":
            year.locker.mono_s += 900.0
    year.locker.mono_s += 12 * HOUR_S


@pytest.mark.slow
@pytest.mark.parametrize(
    ("a_day", "days"),
    [(whenever_it_can, DAYS), (by_turns, DAYS), (all_digits_in_between, DAYS_WITHOUT_REST)],
)
def test_a_year_of_guessing_hits_with_at_most_three_in_a_thousand(
    a_day: Callable[[Year], None], days: int
) -> None:
    year = Year()
    for day in range(days):
        a_day(year)
        year.recipient(day % LIVE + 1)
        # Pulling the plug does not help: the counters are in the store.
        year.locker.restart()
        year.locker.say_shut()
    year.short, year.long = year.short * DAYS // days, year.long * DAYS // days
    assert year.short + year.long > 4000, "an attacker who hardly tries shows nothing"
    assert year.chance <= CHANCE_MAX, f"{year.short} short, {year.long} long: {year.chance:.4%}"
