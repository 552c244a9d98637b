"""Are cold compartments watched? From outside: what probes said against what the journal says.

A figure tells nothing that no probe said; a compartment that was outside its limits for too long is
alarmed and not offered; none is that was never outside. Whose food went warm is told so.
"""

from fellesskap_edge.chilled import LIMITS_C
from fellesskap_protocol.events import AnyEvent, Fault, ServiceChanged, Temperature
from tests.edge.epoch_judge import EpochJudge
from tests.edge.walk_config import ALARM_S, COLD

LOWEST_C, HIGHEST_C = LIMITS_C["chilled"]
FIGURE_S = 900.0
READ_S = 30.0
HELD_S = 60.0
"""A probe that fell silent is taken to say for so long what it said last."""
ROUNDED_C = 0.07
"""A probe says sixteenths of a degree."""


class ColdJudge(EpochJudge):
    """What it holds against a locker with cold compartments."""

    def judge_cold(self, event: AnyEvent) -> None:
        """Take in an event that may be about temperatures."""
        if self._unoffered is not None and event.mono_ms != self._unoffered[1]:
            raise AssertionError(f"chilled: {self._unoffered[0]} is warm and offered")
        match event:
            case Temperature():
                self._figure(event)
            case Fault(part=part, what=what) if part.startswith("temperature "):
                self._told(int(part.split()[1]), what, event)
            case ServiceChanged(compartment=number, to="suspect"):
                if self._unoffered is not None and self._unoffered[0] == number:
                    self._unoffered = None
            case _:
                pass

    def _figure(self, event: Temperature) -> None:
        span_s = (event.to - event.from_).total_seconds()
        assert 0 <= span_s <= FIGURE_S + 0.01, "chilled: a figure is of a quarter of an hour"
        since_s = self.at_s(event) - FIGURE_S - READ_S - HELD_S - self._stalled_s
        said = [c for at_s, c in self.stand.heard_c if at_s >= since_s and c is not None]
        assert said, "chilled: a figure, and no probe said anything"
        assert event.min_c >= min(said) - ROUNDED_C, "chilled: colder than any probe said"
        assert event.max_c <= max(said) + ROUNDED_C, "chilled: warmer than any probe said"
        assert event.min_c <= event.mean_c <= event.max_c

    @property
    def _stalled_s(self) -> float:
        return sum(ran - begun for begun, ran in self.stand.stalls)

    def _told(self, number: int, what: str, event: Fault) -> None:
        crossed = what.startswith(("above", "below")) and "for less than" not in what
        if not crossed and not what.startswith("not known"):
            self.alarmed.discard(number)
            return
        if number not in self.alarmed and self.service[number] == "in":
            self._unoffered = (number, event.mono_ms)
        self.alarmed.add(number)  # told again of a parcel put in where an operator let it serve on
        if crossed:
            assert any(self._outside(c) for _, c in self.stand.heard_c), "chilled: it never was"
            if number in self.lies_in:
                self.warm.add(number)

    def _outside(self, c: float | None) -> bool:
        return c is not None and not LOWEST_C <= c <= HIGHEST_C  # type: ignore[operator]

    def cold_is_watched(self) -> None:
        """What was outside its limits for too long while somebody looked is alarmed."""
        self.warm &= set(self.lies_in)
        began_s = self.stand.lives[-1][0]
        since_s: float | None = None
        for at_s, c in self.stand.heard_c:
            if at_s < began_s or not self._outside(c):
                since_s = None
            elif since_s is None:
                since_s = at_s
        late_s = ALARM_S + READ_S + 1.0
        stalled = any(ran > (since_s or 0.0) for _, ran in self.stand.stalls)
        if since_s is not None and not stalled and self.stand.now_s - since_s > late_s:
            assert set(COLD) <= self.alarmed, "chilled: it is warm, and nobody says so"
