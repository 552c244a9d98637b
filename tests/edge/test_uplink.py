"""The uplink: what is owed is sent until it is acknowledged; what comes is applied once."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge import uplink
from fellesskap_edge.facts import Position
from fellesskap_edge.state import Keep, RightsArrived
from fellesskap_edge.uplink import (
    EVENTS,
    AckCame,
    CommandCame,
    Connected,
    Disconnected,
    Draw,
    EpochBegan,
    GiveCommand,
    HeardFresh,
    Journalled,
    Phase,
    RightsCame,
    SendBatch,
    SendBirth,
    StartEpoch,
    Tick,
    Uplink,
    step,
)
from fellesskap_protocol.messages import BATCH_EVENTS_MAX, Ack, Command, Right, Rights
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden"
HEAD: dict[str, Any] = {"iat": 1_800_000_000, "iss": "inst", "aud": "oslo-1"}
DRAW = Draw("c" * 32, 0.5)


def ack(seq: int, **fields: Any) -> Ack:
    answer: dict[str, Any] = {
        **HEAD,
        "epoch": "e1",
        "boot_id": "b1",
        "session": 1,
        "challenge": None,
        "acked_seq": seq,
        "verdict": "ok",
        "protocol": 1,
    }
    return Ack(**{**answer, **fields})


def rights(from_: int, to: int, part: int = 1, parts: int = 1, **fields: Any) -> Rights:
    change: dict[str, Any] = {
        **HEAD,
        "epoch": "e1",
        "generation": 1,
        "from_": from_,
        "to": to,
        "part": part,
        "parts": parts,
        "put": (Right(id=f"r{to}-{part}", kind="claim"),),
        "remove": (),
    }
    return Rights(**{**change, **fields})


def command(challenge: str) -> Command:
    return Command(
        **HEAD,
        jti="j1",
        kind="open_door",
        compartment=1,
        actor_class="operator",
        reason_code="test",
        exp=HEAD["iat"] + 30,
        challenge=challenge,
    )


def fresh(head_seq: int = 3) -> Uplink:
    return Uplink(boot_id="b1", epoch="e1", head_seq=head_seq, position=Position(1, 4))


def walked(*events: uplink.Event, now: float = 0.0) -> Uplink:
    state = fresh()
    for event in events:
        state, _ = step(state, event, now, DRAW)
    return state


GREETED = AckCame(ack(3, challenge=DRAW.challenge))
PHASES = {
    Phase.OFFLINE: walked(),
    Phase.GREETING: walked(Connected()),
    Phase.RESTING: walked(Connected(), GREETED),
    Phase.FILLING: walked(Connected(), GREETED, Journalled(4, Position(1, 4))),
    Phase.IN_FLIGHT: replace(
        walked(Connected(), GREETED, Journalled(4, Position(1, 4))),
        phase=Phase.IN_FLIGHT,
        tries=1,
        wake_at=1.0,
        in_flight=1,
    ),
}
SAMPLES: dict[str, uplink.Event] = {
    "Connected": Connected(),
    "Disconnected": Disconnected(),
    "Journalled(5)": Journalled(5, Position(1, 4)),
    "EpochBegan(e2)": EpochBegan("e2", 2),
    "AckCame(echo, 3)": GREETED,
    "AckCame(all)": AckCame(ack(4)),
    "AckCame(lower)": AckCame(ack(1)),
    "AckCame(above the head)": AckCame(ack(99)),
    "AckCame(refused)": AckCame(ack(3, verdict="refused")),
    "AckCame(other session)": AckCame(ack(3, session=9)),
    "RightsCame(next)": RightsCame(rights(4, 5)),
    "RightsCame(from empty)": RightsCame(rights(0, 9)),
    "RightsCame(stale)": RightsCame(rights(2, 4)),
    "RightsCame(part 1 of 2)": RightsCame(rights(4, 5, 1, 2)),
    "RightsCame(other epoch)": RightsCame(rights(4, 5, epoch="e9")),
    "CommandCame(fresh)": CommandCame(command(DRAW.challenge)),
    "CommandCame(stale)": CommandCame(command("0" * 32)),
    "Tick": Tick(),
}


def told(effect: object) -> str:
    match effect:
        case RightsArrived():
            return f"Rights({effect.generation}, {effect.revision})"
        case GiveCommand():
            return f"Command(fresh={effect.fresh})"
        case Keep():
            return f"Keep({json.dumps([effect.fact.acked_seq, effect.fact.session])})"  # type: ignore[union-attr]
        case SendBirth():
            return "SendBirth"
        case HeardFresh():
            return "HeardFresh"
        case _:
            return repr(effect)


def test_every_phase_meets_every_event() -> None:
    assert set(PHASES) == set(Phase)
    assert {type(event) for event in SAMPLES.values()} == set(EVENTS)
    rows = []
    for phase, before in PHASES.items():
        assert before.phase is phase
        for name, event in SAMPLES.items():
            after, effects = step(before, event, 2.0, Draw("d" * 32, 0.5))
            said = ", ".join(told(effect) for effect in effects) or "nothing"
            owes = " (owes its position)" if after.owes_position else ""
            rows.append(
                f"{phase:<9} | {name:<24} | {after.phase}, acked {after.acked_seq}{owes} | {said}"
            )
    assert_golden(GOLDEN / "uplink.txt", "\n".join(rows) + "\n")


def test_parts_in_any_order_are_given_once() -> None:
    state = PHASES[Phase.RESTING]
    given = []
    for part in (2, 1, 2, 3, 1, 3):
        state, effects = step(state, RightsCame(rights(4, 7, part, 3)), 0.0, DRAW)
        given += [effect for effect in effects if isinstance(effect, RightsArrived)]
        if given:
            state, _ = step(state, Journalled(5, Position(1, 7)), 0.0, DRAW)
    assert len(given) == 1
    assert [right.id for right in given[0].put] == ["r7-1", "r7-2", "r7-3"]


@pytest.mark.parametrize(
    ("owed", "wait_s"), [(1, 0.050), (BATCH_EVENTS_MAX - 1, 0.050), (BATCH_EVENTS_MAX, 0.0)]
)
def test_a_batch_waits_for_more_only_until_it_is_full(owed: int, wait_s: float) -> None:
    head = 3 + owed
    state, _ = step(fresh(head), Connected(), 0.0, DRAW)
    state, effects = step(state, GREETED, 7.0, DRAW)
    assert state.wake_at == 7.0 + wait_s
    state, effects = step(state, Tick(), state.wake_at, DRAW)
    assert effects == (SendBatch(4, owed),)


def test_a_challenge_dies_after_sixty_seconds_and_with_it_the_command() -> None:
    state, _ = step(fresh(), Connected(), 0.0, DRAW)
    for now, good in ((59.9, True), (60.1, False)):
        _, effects = step(state, CommandCame(command(DRAW.challenge)), now, Draw("n" * 32, 0))
        assert [effect.fresh for effect in effects if isinstance(effect, GiveCommand)] == [good]


def test_challenges_live_for_a_minute_each_and_the_newest_is_handed_out() -> None:
    state, _ = step(fresh(), Connected(), 100.0, Draw("a" * 32, 0.5))
    asked = [  # when, with which, whether it is good, which one is handed out
        (110.0, "a", True, "a"),
        (130.0, "a", True, "a"),
        (130.1, "a", True, "b"),
        (140.0, "b", True, "b"),
        (160.0, "a", True, "b"),
        (160.0, "a", True, "b"),
        (160.1, "a", False, "b"),
        (162.0, "b", True, "d"),
        (170.0, "x", False, "d"),
    ]
    for now, shown, good, handed in asked:
        new = "b" if now < 150.0 else "d"
        event = CommandCame(command(shown * 32))
        state, effects = step(state, event, now, Draw(new * 32, 0.5))
        assert [(one.fresh, one.challenge) for one in effects if isinstance(one, GiveCommand)] == [
            (good, handed * 32)
        ], now


@pytest.mark.parametrize("challenge", [None, "0" * 32])
def test_a_greeting_is_answered_by_its_own_challenge_alone(challenge: str | None) -> None:
    greeting = PHASES[Phase.GREETING]
    assert step(greeting, AckCame(ack(3, challenge=challenge)), 0.0, DRAW) == (greeting, ())


@pytest.mark.parametrize(("jitter", "wait_s"), [(0.0, 0.75), (1.0, 1.25)])
def test_waits_differ_by_a_quarter_so_that_lockers_do_not_speak_at_once(
    jitter: float, wait_s: float
) -> None:
    state, _ = step(fresh(), Connected(), 0.0, Draw("c" * 32, jitter))
    assert state.wake_at == wait_s


def test_the_birth_says_the_first_version_of_the_protocol() -> None:
    assert uplink.PROTOCOL == 1


def taken(change: Rights) -> tuple[RightsArrived | None, Uplink]:
    """Let a change come to a locker that rests at revision 4 of generation 1."""
    state, effects = step(PHASES[Phase.RESTING], RightsCame(change), 0.0, DRAW)
    return next((one for one in effects if isinstance(one, RightsArrived)), None), state


@pytest.mark.parametrize(
    ("change", "from_empty"),
    [
        (rights(4, 5), False),
        (rights(4, 9), False),
        (rights(0, 5), True),
        (rights(0, 1, generation=2), True),
    ],
)
def test_a_change_that_begins_where_we_stand_or_from_empty_is_given(
    change: Rights, from_empty: bool
) -> None:
    found, state = taken(change)
    assert found is not None
    assert (found.generation, found.revision) == (change.generation, change.to)
    assert found.from_empty is from_empty
    assert not state.owes_position


@pytest.mark.parametrize(
    "change",
    [
        rights(3, 5),
        rights(5, 6),
        rights(4, 4),
        rights(0, 4),
        rights(4, 5, generation=2),
        rights(4, 9, generation=0),
        rights(4, 5, 0, 1),
        rights(4, 5, 2, 1),
        rights(4, 5, 1, 1025),
    ],
)
def test_any_other_change_is_not_given_and_where_we_stand_is_said(change: Rights) -> None:
    found, state = taken(change)
    assert found is None
    assert state.staged is None
    assert (state.owes_position, state.phase) == (True, Phase.FILLING)


def test_as_many_parts_as_are_allowed_are_staged() -> None:
    found, state = taken(rights(4, 5, 1024, 1024))
    assert found is None
    assert state.staged is not None
    assert not state.owes_position


def test_a_batch_that_is_not_answered_is_sent_slower_and_slower_until_it_is() -> None:
    state, now, waits = PHASES[Phase.FILLING], 1.0, []
    for _ in range(8):
        state, effects = step(state, Tick(), now, DRAW)
        assert effects == (SendBatch(4, 1),)
        waits.append(state.wake_at - now)
        now = state.wake_at
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    state, _ = step(state, AckCame(ack(4)), now, DRAW)
    state, _ = step(state, Journalled(5, Position(1, 4)), now, DRAW)
    state, _ = step(state, Tick(), state.wake_at, DRAW)
    assert state.wake_at == now + 0.050 + 1.0


def test_a_new_epoch_is_greeted_as_patiently_as_a_new_connection() -> None:
    tired = replace(PHASES[Phase.GREETING], tries=5)
    for event in (EpochBegan("e2", 2), Connected()):
        state, _ = step(tired, event, 7.0, DRAW)
        assert (state.phase, state.wake_at) == (Phase.GREETING, 8.0)


def test_resending_slows_down_to_a_minute() -> None:
    state, now, waits = PHASES[Phase.GREETING], 0.0, []
    for _ in range(10):
        waits.append(state.wake_at - now)
        now = state.wake_at
        state, effects = step(state, Tick(), now, DRAW)
        assert isinstance(effects[0], SendBirth)
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(waits) == 60.0


Walk = st.lists(
    st.tuples(
        st.sampled_from(["connect", "drop", "write", "tick", "ack", "old ack", "lose", "foreign"]),
        st.integers(0, 6),
    ),
    max_size=60,
)


@given(Walk)
def test_whatever_the_transport_does_all_events_arrive_in_order(
    walk: list[tuple[str, int]],
) -> None:
    """A backend that records in order, and a pipe that loses, doubles and delays."""
    state, now, recorded = fresh(0), 0.0, 0
    sent: list[SendBirth | SendBatch] = []
    acks: list[Ack] = []

    def take(event: uplink.Event) -> None:
        nonlocal state
        state, effects = step(state, event, now, DRAW)
        assert not any(isinstance(effect, StartEpoch) for effect in effects)
        sent.extend(one for one in effects if isinstance(one, SendBirth | SendBatch))
        assert all(
            one.first_seq == state.acked_seq + 1 for one in effects if isinstance(one, SendBatch)
        )

    def deliver() -> None:
        nonlocal recorded
        message = sent[-1]
        if isinstance(message, SendBatch) and message.first_seq <= recorded + 1:
            recorded = max(recorded, message.first_seq + message.limit - 1)
        challenge = message.challenge if isinstance(message, SendBirth) else None
        acks.append(ack(recorded, session=state.session, challenge=challenge))
        take(AckCame(acks[-1]))

    for act, number in walk:
        now += number / 2
        match act:
            case "connect":
                take(Connected())
            case "drop":
                take(Disconnected())
            case "write":
                take(Journalled(state.head_seq + number, state.position))
            case "tick":
                take(Tick())
            case "ack" if sent:
                deliver()
            case "old ack" if acks:
                take(AckCame(acks[number % len(acks)]))
            case "foreign":
                take(AckCame(ack(99, epoch="another")))
    take(Connected())
    for _ in range(50):
        if state.phase is Phase.RESTING and recorded == state.head_seq:
            break
        now = max(now, min(state.wake_at, now + 120))
        take(Tick())
        if sent:
            deliver()
    assert recorded == state.head_seq
    assert state.phase is Phase.RESTING


def test_an_acknowledgement_of_an_earlier_sending_sends_nothing() -> None:
    """Else each repeat on a slow line is answered by another, and they multiply."""
    state, effects = step(PHASES[Phase.IN_FLIGHT], AckCame(ack(3)), 0.5, DRAW)
    assert (state.phase, state.wake_at, effects) == (Phase.IN_FLIGHT, 1.0, ())
    state, effects = step(state, Tick(), 1.0, DRAW)
    assert effects == (SendBatch(4, 1),)


def test_a_position_that_was_acknowledged_lets_the_next_events_go() -> None:
    position = replace(PHASES[Phase.IN_FLIGHT], in_flight=0)
    state, _ = step(position, AckCame(ack(3)), 0.5, DRAW)
    assert state.phase is Phase.FILLING
