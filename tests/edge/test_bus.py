"""One line: one request in flight, silence between frames, and nothing but its own reply believed.

`golden/bus_<family>.txt` shows every phase with every event: review each line when it changes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fellesskap_edge import bus as b
from fellesskap_edge.banks import What
from fellesskap_edge.bus import Ask, BankLine, Bus, Effect, Event, Phase
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.locks.driver import DoorReading, silence_s
from fellesskap_edge.power import Power, SetPower
from tests.edge.line_frames import FRAMES, driver, retry_driver
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden"
NOW = 100.0
SILENCE_S = silence_s(9600)
GAP_S = 0.8
SHUT_STATUS = bytes.fromhex(FRAMES["8a"].shut)
ONE_OPEN_STATUS = bytes.fromhex(FRAMES["8a"].one_open)
ACK = bytes.fromhex(FRAMES["8a"].ack_1)
UNLOCK_1 = b.Unlock("a", 1, "t1")
ALL_SHUT: Mapping[int, DoorReading] = dict.fromkeys(range(1, 25), "shut")


def new_bus(family: str = "8a") -> Bus:
    pulses = (driver(family), retry_driver(family))
    one = BankLine(driver(family), "p", pulses=pulses)
    return Bus({"a": one, "b": BankLine(driver(family, 2), "q")}, FAMILIES[family].baud)


def known(family: str = "8a") -> Bus:
    """A bus whose bank `a` answers, is ready and has shut doors, nothing due for a while."""
    new = new_bus(family)
    one, two = new.banks["a"], new.banks["b"]
    shut = one.driver.doors(bytes.fromhex(FRAMES[family].shut))
    assert shut is not None
    started = len(one.driver.start())
    one = replace(one, poll_at=NOW + 3, answering=True, present=True, started=started, doors=shut)
    return replace(new, banks={"a": one, "b": replace(two, poll_at=NOW + 4, answering=False)})


def with_a(bus: Bus, **fields: object) -> Bus:
    """The same with a bank `a` of which something else is known."""
    one = replace(bus.banks["a"], **fields)  # type: ignore[arg-type]
    return replace(bus, banks={**bus.banks, "a": one})


def asking(bus: Bus, what: What, until: float = NOW + 0.25) -> Bus:
    """The same with a question to bank `a` in flight."""
    sent = bus.banks["a"].request(what)
    return replace(bus, phase=b.PHASE_OF[what], asked=Ask("a", what), sent=sent, until=until)


def phases(family: str) -> dict[str, Bus]:
    """Every phase that the line can be in with boards of a family."""
    bus, frames = known(family), FRAMES[family]
    unlock = bytes.fromhex(frames.unlock_1)
    found = {
        "down": bus,
        "idle": replace(bus, phase=Phase.IDLE),
        "silent": replace(bus, phase=Phase.SILENT, until=NOW + 0.003, silent_since=NOW - 0.002),
        "unlocking": replace(
            bus, phase=Phase.UNLOCKING, asked=UNLOCK_1, sent=unlock, until=NOW + 0.7
        ),
        "polling": asking(bus, What.STATUS),
    }
    for turn, _ in enumerate(frames.start):
        begun = with_a(bus, started=turn)
        found[f"ordering({turn + 1})"] = asking(begun, What.START)
    if frames.off:
        found["checking"] = asking(bus, What.COILS)
        stuck = {"stuck": frozenset({1}), "switched_off": True}
        for power in (Power.OFF, Power.ON, Power.CUT):
            found[f"power {power}"] = asking(with_a(bus, power=power), What.COILS)
            found[f"stuck, {power}"] = asking(with_a(bus, power=power, **stuck), What.COILS)
        found["ordering(off)"] = asking(with_a(bus, off_wanted=True), What.OFF)
    if bus.banks["a"].driver.proof():
        found["proving"] = asking(bus, What.PROOF)
    return found


def events(family: str) -> dict[str, tuple[Event, float]]:
    """Every event, and every reply of the family, good and bad."""
    frames = FRAMES[family]
    status = bytes.fromhex(frames.one_open)
    replies = {
        "status": frames.one_open,
        "status of another board": frames.other_board,
        "status, bad checksum": (status[:-1] + bytes((status[-1] ^ 0x55,))).hex(),
        "half a status": status[:4].hex(),
        "unlock reply": frames.ack_1,
        "reply to another channel": frames.ack_2,
        "said unasked": frames.stirred,
        "something lies there": frames.item_1,
        "a relay is on": frames.coil_1_on,
        "no relay is on": frames.coils_off,
        "all off": frames.off,
        "noise": "ff 00 8a",
    }
    replies |= {f"start {turn}": reply for turn, (_, reply) in enumerate(frames.start, start=1)}
    heard = {f"Received({name})": bytes.fromhex(reply) for name, reply in replies.items() if reply}
    return {
        "PortUp": (b.PortUp(), NOW),
        "PortDown": (b.PortDown(), NOW),
        **{name: (b.Received(data), NOW) for name, data in heard.items()},
        "Unlock": (b.Unlock("a", 2, "t2"), NOW),
        "Unlock(again)": (b.Unlock("a", 2, "t2", again=True), NOW),
        "Watch(fast)": (b.Watch("a", fast=True), NOW),
        "Watch(slow)": (b.Watch("a", fast=False), NOW),
        "PowerAllowed": (b.PowerAllowed("a"), NOW),
        "PowerFailed": (b.PowerFailed("a"), NOW),
        "Tick(early)": (b.Tick(), NOW),
        "Tick(due)": (b.Tick(), NOW + 10),
    }


def told(effect: Effect) -> str:
    match effect:
        case b.Write(data):
            return f"Write({data.hex(' ')})"
        case b.Sensed(bank, doors):
            by_reading = Counter(doors.values())
            counts = ", ".join(f"{count} {reading}" for reading, count in by_reading.items())
            return f"Sensed({bank}: {counts})"
        case b.Occupied(bank, items):
            return f"Occupied({bank}: {sum(items.values())} of {len(items)})"
        case SetPower(bank, on, stuck):
            return f"SetPower({bank}, {'on' if on else f'cut: {stuck}'})"
        case b.Garbled(bank, over):
            return f"Garbled({bank}{', over' if over else ''})"
        case b.Acknowledged(ticket) | b.Unacknowledged(ticket):
            return f"{type(effect).__name__}({ticket})"
        case b.Contact(bank, answering):
            return f"Contact({bank}, {'answers' if answering else 'silent'})"
        case b.Stuck(bank, what, over) | b.Unready(bank, what, over):
            return f"{type(effect).__name__}({bank}, {what}{', over' if over else ''})"


def cell(before: Bus, event: Event, at: float) -> str:
    after, effects = b.step(before, event, at)
    if after == before and not effects:
        return "-"
    waiting = f" ({len(after.unlocks)} waiting)" if after.unlocks else ""
    wakes = f" @{after.wake_at - at:+.3f}" if after.wake_at < float("inf") else ""
    return f"{after.phase}{wakes}{waiting}  {' '.join(map(told, effects))}".rstrip()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_phase_with_every_event_is_as_reviewed(family: str) -> None:
    before, happens = phases(family), events(family)
    has_orders = {Phase.ORDERING} if FRAMES[family].start else set()
    has_coils = {Phase.CHECKING} if FRAMES[family].off else set()
    plain = set(Phase) - {Phase.ORDERING, Phase.CHECKING}
    assert {bus.phase for bus in before.values()} == plain | has_orders | has_coils
    assert {type(event) for event, _ in happens.values()} == set(b.EVENTS)
    lines = ["phase + event -> phase @seconds to its deadline, effects; `-`: nothing changes", ""]
    for phase, bus in before.items():
        for name, (event, at) in happens.items():
            lines.append(f"{phase:13} + {name:34} -> {cell(bus, event, at)}")
        lines.append("")
    assert_golden(GOLDEN / f"bus_{family}.txt", "\n".join(lines))


class Line:
    """A bus that is stepped, with everything that it said."""

    def __init__(self, bus: Bus | None = None, now: float = 0.0) -> None:
        self.bus = bus or new_bus()
        self.now = now
        self.said: list[Effect] = []
        self.at: list[tuple[float, bytes]] = []

    def give(self, event: Event, after_s: float = 0.0) -> tuple[Effect, ...]:
        self.now += after_s
        self.bus, effects = b.step(self.bus, event, self.now)
        self.said += effects
        self.at += [(self.now, effect.data) for effect in effects if isinstance(effect, b.Write)]
        return effects

    def wait_until(self, now: float) -> None:
        """Tick at every deadline until then."""
        while self.bus.wake_at <= now:
            self.now = max(self.now, self.bus.wake_at)
            self.give(b.Tick())
        self.now = max(self.now, now)

    def told(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.said if isinstance(effect, kind)]


def idle_line() -> Line:
    return Line(replace(known(), phase=Phase.IDLE), NOW)


def test_an_unlock_goes_before_every_waiting_poll() -> None:
    line = Line()
    line.give(b.PortUp())
    line.give(b.Unlock("b", 3, "t"))
    line.give(b.Received(SHUT_STATUS), 0.02)
    line.give(b.Tick(), SILENCE_S * 1.1)
    frames = [data.hex() for _, data in line.at]
    assert frames == ["80010033b2", "8a0203119a"]


def test_silence_is_kept_between_a_reply_and_the_next_request() -> None:
    line = Line()
    line.give(b.PortUp())
    line.give(b.Received(SHUT_STATUS), 0.02)
    assert line.give(b.Tick(), SILENCE_S * 0.9) == ()
    assert line.give(b.Tick(), SILENCE_S * 0.2) == (b.Write(bytes.fromhex("80 02 00 33 B1")),)


def test_a_reply_that_comes_in_pieces_is_one_reply() -> None:
    line = Line()
    line.give(b.PortUp())
    for byte in SHUT_STATUS[:-1]:
        assert line.give(b.Received(bytes((byte,))), 0.03) == ()
    assert line.give(b.Received(SHUT_STATUS[-1:]), 0.03) == (
        b.Contact("a", answering=True),
        b.Sensed("a", ALL_SHUT),
    )


@pytest.mark.parametrize("heard", [ACK[:-1] + b"\x00", ACK[:3], bytes.fromhex("8A 02 01 11 98")])
def test_what_is_no_reply_to_an_unlock_acknowledges_nothing(heard: bytes) -> None:
    line = idle_line()
    line.give(UNLOCK_1)
    assert line.give(b.Received(heard), 0.02) == ()
    assert line.give(b.Tick(), b.UNLOCK_REPLY_S_MAX) == (b.Unacknowledged("t1"),)


def test_a_board_that_answers_after_its_pulse_is_waited_for() -> None:
    line = idle_line()
    line.give(UNLOCK_1)
    assert line.give(b.Tick(), 0.300 + 0.030) == ()
    assert line.give(b.Received(ACK)) == (b.Acknowledged("t1"),)


def test_a_late_reply_never_answers_the_next_request() -> None:
    line = idle_line()
    line.give(UNLOCK_1)
    assert line.give(b.Tick(), b.UNLOCK_REPLY_S_MAX) == (b.Unacknowledged("t1"),)
    assert line.give(b.Received(ACK[:2]), 0.05) == ()
    assert line.give(b.Received(ACK[2:]), 0.01) == ()
    line.wait_until(line.now + 0.2)
    line.give(b.Unlock("a", 2, "t2"), GAP_S)
    assert line.bus.asked == b.Unlock("a", 2, "t2")
    assert line.give(b.Received(ACK), 0.01) == ()
    assert line.give(b.Received(bytes.fromhex("8A 01 02 11 98"))) == (b.Acknowledged("t2"),)


def test_bytes_that_come_unasked_delay_the_next_request() -> None:
    line = idle_line()
    line.give(b.Received(b"\x82\x01"))
    assert line.give(UNLOCK_1, 0.001) == ()
    assert line.give(b.Tick(), SILENCE_S) == (b.Write(ACK),)


def test_a_line_that_is_never_silent_is_noticed() -> None:
    line = Line()
    line.give(b.PortUp())
    line.give(UNLOCK_1)
    noise = b"\xaa\x55\x00"
    for _ in range(5_000):
        line.give(b.Received(noise), 0.004)
        line.give(b.Tick())
    assert b.Contact("a", answering=False) in line.said
    assert b.Contact("b", answering=False) in line.said
    assert b.Unacknowledged("t1") in line.said
    assert not line.told(b.Sensed)


def test_one_megabyte_of_noise_does_nothing_and_the_next_reply_counts() -> None:
    # No three bytes of it look like the head of a status reply.
    noise = bytes(range(0x81, 0x100)) * 8192
    line = Line()
    line.give(b.PortUp())
    for start in range(0, len(noise), 4096):
        assert line.give(b.Received(noise[start : start + 4096])) == ()
    assert len(line.bus.heard) <= b.HEARD_BYTES_MAX
    assert line.give(b.Received(SHUT_STATUS)) == (
        b.Contact("a", answering=True),
        b.Sensed("a", ALL_SHUT),
    )


def test_a_bank_that_misses_three_polls_is_silent_and_its_doors_unknown() -> None:
    line = Line()
    line.give(b.PortUp())
    line.give(b.Received(SHUT_STATUS), 0.02)
    line.said.clear()
    line.wait_until(30.0)
    silent = [b.Contact("b", answering=False), b.Contact("a", answering=False)]
    assert line.told(b.Contact) == silent
    (lost,) = line.told(b.Sensed)
    assert lost == b.Sensed("a", dict.fromkeys(range(1, 25), "unknown"))


def test_a_door_opens_at_one_reading_and_shuts_at_two() -> None:
    line = Line(asking(known(), What.STATUS), NOW)
    poll = line.bus
    assert line.give(b.Received(ONE_OPEN_STATUS)) == (b.Sensed("a", {1: "open"}),)
    line.bus = replace(poll, banks=line.bus.banks)
    assert line.give(b.Received(SHUT_STATUS)) == ()
    line.bus = replace(poll, banks=line.bus.banks)
    assert line.give(b.Received(SHUT_STATUS)) == (b.Sensed("a", {1: "shut"}),)


def test_a_door_that_was_read_shut_once_is_soon_looked_at_again() -> None:
    line = Line(asking(known(), What.STATUS), NOW)
    line.give(b.Received(ONE_OPEN_STATUS))
    line.wait_until(NOW + 3.0)
    line.give(b.Received(SHUT_STATUS))
    assert line.told(b.Sensed) == [b.Sensed("a", {1: "open"})]
    line.wait_until(NOW + 3.2)
    assert [data[1] for _, data in line.at] == [1, 1]
    line.give(b.Received(SHUT_STATUS))
    assert line.told(b.Sensed)[1:] == [b.Sensed("a", {1: "shut"})]


def test_a_bank_on_a_battery_is_asked_seldom_until_it_misses_a_poll() -> None:
    both = with_a(known(), idle_s=600.0, poll_at=NOW)
    bus = replace(both, banks={"a": both.banks["a"]}, phase=Phase.IDLE)
    asked, _ = b.step(bus, b.Tick(), NOW)
    assert asked.banks["a"].poll_at == NOW + 600
    missed, _ = b.step(asked, b.Tick(), asked.until)
    assert missed.banks["a"].poll_at == asked.until + b.POLL_S
    again = replace(missed, phase=Phase.IDLE)
    asked, _ = b.step(again, b.Tick(), again.banks["a"].poll_at)
    assert asked.banks["a"].poll_at == again.banks["a"].poll_at + b.POLL_S


def test_a_bank_is_polled_often_only_while_it_is_watched() -> None:
    line = idle_line()
    line.give(b.Watch("a", fast=True))
    line.wait_until(NOW + 0.2)
    assert [data[1] for _, data in line.at] == [1]
    line.give(b.Received(SHUT_STATUS))
    line.wait_until(NOW + 0.4)
    assert [data[1] for _, data in line.at] == [1, 1]
    line.give(b.Received(SHUT_STATUS))
    line.give(b.Watch("a", fast=False))
    line.give(b.Tick(), SILENCE_S)
    polls = len(line.at)
    line.wait_until(NOW + 0.5)
    line.give(b.Received(SHUT_STATUS))
    line.wait_until(NOW + 3.5)
    assert len(line.at) <= polls + 1


def test_two_locks_of_one_supply_are_0_8_s_apart_and_of_two_are_not() -> None:
    line = idle_line()
    line.give(b.Unlock("a", 1, "t1"))
    line.give(b.Unlock("a", 2, "t2"))
    line.give(b.Unlock("b", 3, "t3"))
    line.give(b.Received(ACK), 0.02)
    line.give(b.Tick(), SILENCE_S * 1.1)
    assert line.bus.asked == b.Unlock("b", 3, "t3")
    line.give(b.Received(bytes.fromhex("8A 02 03 11 9A")), 0.02)
    line.wait_until(NOW + 2)
    unlocks = [(at, data[2]) for at, data in line.at if data[0] == 0x8A]
    assert [channel for _, channel in unlocks] == [1, 3, 2]
    assert unlocks[2][0] >= NOW + GAP_S


def test_an_unlock_that_waited_too_long_is_never_sent() -> None:
    line = idle_line()
    for turn in range(1, 5):
        line.give(b.Unlock("a", turn, f"t{turn}"))
    line.wait_until(NOW + 10)
    sent = [(at, data[2]) for at, data in line.at if data[0] == 0x8A]
    assert [channel for _, channel in sent] == [1, 2, 3]
    assert all(at - NOW <= b.UNLOCK_WAIT_S_MAX for at, _ in sent)
    tickets = [effect.ticket for effect in line.said if isinstance(effect, b.Unacknowledged)]
    assert sorted(tickets) == ["t1", "t2", "t3", "t4"]


def test_a_port_that_goes_away_gives_every_unlock_back() -> None:
    line = idle_line()
    line.give(b.Unlock("a", 1, "t1"))
    line.give(b.Unlock("a", 2, "t2"))
    effects = line.give(b.PortDown())
    assert effects[:2] == (b.Unacknowledged("t1"), b.Unacknowledged("t2"))
    assert line.bus.wake_at == float("inf")
    assert line.give(b.Unlock("a", 3, "t3")) == (b.Unacknowledged("t3"),)
    assert line.give(b.PortUp(), 5.0) == (b.Write(bytes.fromhex("80 01 00 33 B2")),)


def test_a_lock_of_no_bank_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no bank 'z'"):
        b.step(replace(known(), phase=Phase.IDLE), b.Unlock("z", 1, "t"), NOW)
