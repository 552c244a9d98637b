"""What is owed to a locker: the table of states and events, and walks over a lossy wire."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fellesskap_backend import downlink as d
from fellesskap_backend.downlink import Downlink, Hold, Order, Position, Stage
from fellesskap_protocol.messages import CommandOutcome
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "golden"
NOW = 10_000.0
EXP = NOW + 30
ONE, TWO = Position(1, 1), Position(1, 2)

KNOWN = Downlink(
    epoch="e",
    wanted=ONE,
    reported=ONE,
    heard_at=NOW - 10,
    session=1,
    challenge="old",
    challenge_at=NOW - 90,
)
OWING = replace(KNOWN, wanted=TWO, tries=1, sent_at=NOW - 1, rights_at=NOW + 1)
STATES = {
    "never heard": Downlink(wanted=ONE),
    "quiet": KNOWN,
    "owing, in flight": OWING,
    "owing, time to resend": replace(OWING, rights_at=NOW),
    "owing another generation": replace(OWING, wanted=Position(2, 2), rights_at=NOW),
    "away": replace(OWING, heard_at=NOW - d.CONTACT_S - 1, rights_at=NOW),
    "owing, unanswered twice": replace(OWING, tries=2, rights_at=NOW),
    "ahead": replace(KNOWN, reported=TWO),
    "ahead, command asked": replace(KNOWN, reported=TWO, orders=(Order("j", EXP),)),
    "rights held": replace(OWING, hold=Hold.RIGHTS, rights_at=NOW, orders=(Order("j", EXP),)),
    "behind": replace(OWING, hold=Hold.SIGNATURES, rights_at=NOW, orders=(Order("j", EXP),)),
    "quarantined": replace(OWING, hold=Hold.EVERYTHING, rights_at=NOW, orders=(Order("j", EXP),)),
    "quarantined, command sent": replace(
        OWING, hold=Hold.EVERYTHING, orders=(Order("j", EXP, Stage.SENT),)
    ),
    "command asked, challenge asked for": replace(KNOWN, orders=(Order("j", EXP),), ask_at=NOW + 1),
    "command asked, no answer": replace(KNOWN, orders=(Order("j", EXP),), ask_at=NOW),
    "command sent": replace(KNOWN, orders=(Order("j", EXP, Stage.SENT),)),
    "command sent again": replace(KNOWN, orders=(Order("j", EXP, Stage.SENT_AGAIN),)),
    "command out of time": replace(KNOWN, orders=(Order("j", NOW, Stage.SENT),)),
}
EVENTS: dict[str, d.Event] = {
    "born anew": d.Born("e", ONE, 2, "new"),
    "born again": d.Born("e", ONE, 1, "new"),
    "born in a new epoch": d.Born("f", Position(), 2, "new"),
    "reported the same": d.Reported("e", ONE),
    "reported the same again": d.Reported("e", ONE, repeated=True),
    "reported what is wished": d.Reported("e", TWO),
    "reported less": d.Reported("e", Position(1, 0)),
    "resulted done": d.Resulted("j", "done", "new"),
    "resulted refused": d.Resulted("j", "refused", "new"),
    "resulted stale": d.Resulted("j", "stale_challenge", "new"),
    "resulted duplicate": d.Resulted("j", "duplicate", "new"),
    "resulted for another": d.Resulted("k", "done", "new"),
    "presence on": d.PresenceSaid(online=True),
    "presence off": d.PresenceSaid(online=False),
    "wished more": d.Wished(Position(1, 3)),
    "wished the same": d.Wished(TWO),
    "wished the same, held": d.Wished(TWO, Hold.RIGHTS),
    "wished more, quarantined": d.Wished(Position(1, 3), Hold.EVERYTHING),
    "ordered": d.Ordered("k", EXP),
    "ordered, known": d.Ordered("j", EXP),
    "ordered, sent before": d.Ordered("k", EXP, Stage.SENT),
    "ordered too late": d.Ordered("k", NOW),
    "settled": d.Settled("j"),
    "tick": d.Tick(),
}


def _words(state: Downlink) -> str:
    orders = ", ".join(f"{one.jti} {one.stage}" for one in state.orders) or "no command"
    wake = "never" if state.wake_at == d.NEVER else f"in {state.wake_at - NOW:g} s"
    place = f"{state.reported.generation}.{state.reported.revision}"
    wish = f"{state.wanted.generation}.{state.wanted.revision}"
    hold = "" if state.hold is Hold.NOTHING else f", {state.hold} held"
    return f"{d.phase(state, NOW)} {place} of {wish}{hold}; {orders}; wakes {wake}"


def _rows() -> Iterator[str]:
    for name, state in STATES.items():
        yield f"## {name}"
        for event, happening in EVENTS.items():
            after, effects = d.step(state, happening, NOW)
            said = " ".join(_effect(effect) for effect in effects) or "nothing"
            yield f"{event:24} -> {_words(after)} | {said}"
        yield ""


def _effect(effect: d.Effect) -> str:
    fields = ", ".join(f"{name}={getattr(effect, name)}" for name in effect.__slots__)
    return f"{type(effect).__name__}({fields})"


def test_every_event_in_every_state_is_reviewed() -> None:
    assert {type(event) for event in EVENTS.values()} == set(d.EVENTS)
    assert_golden(GOLDEN / "downlink.txt", "\n".join(_rows()))


def test_a_tick_before_wake_at_does_nothing() -> None:
    for state in STATES.values():
        settled, _ = d.step(state, d.Tick(), NOW)
        if settled.wake_at > NOW + 0.001:
            assert d.step(settled, d.Tick(), NOW + 0.0005) == (settled, ())


def test_rights_are_sent_again_after_two_seconds_doubling_to_sixty() -> None:
    state, effects = d.step(replace(KNOWN, online=True), d.Wished(TWO), NOW)
    assert effects == (d.SendRights(1),)
    waits = []
    now = NOW
    for _ in range(7):
        waits.append(state.wake_at - now)
        now = state.wake_at
        state, effects = d.step(state, d.Tick(), now)
        assert effects[-1] == d.SendRights(1)
    assert waits == [2, 4, 8, 16, 32, 60, 60]


def test_a_wish_that_grows_while_a_change_is_in_flight_waits_for_the_answer() -> None:
    state, effects = d.step(KNOWN, d.Wished(TWO), NOW)
    assert effects == (d.SendRights(1),)
    state, effects = d.step(state, d.Wished(Position(1, 3)), NOW + 0.01)
    assert effects == ()
    assert state.wake_at == NOW + d.IN_FLIGHT_S
    state, effects = d.step(state, d.Reported("e", TWO), NOW + 0.02)
    assert effects == (d.SendRights(2),)


def test_a_wish_that_grows_right_after_the_answer_goes_out_at_once() -> None:
    state, _ = d.step(KNOWN, d.Wished(TWO), NOW)
    state, _ = d.step(state, d.Reported("e", TWO), NOW + 0.01)
    _, effects = d.step(state, d.Wished(Position(1, 3)), NOW + 0.02)
    assert effects == (d.SendRights(2),)


def test_nothing_is_sent_when_contact_has_run_out() -> None:
    state, _ = d.step(KNOWN, d.Wished(TWO), NOW)
    late = NOW + d.CONTACT_S + 1
    state, effects = d.step(state, d.Tick(), late)
    assert effects == ()
    assert state.wake_at == d.NEVER
    _, effects = d.step(state, d.PresenceSaid(online=True), late)
    assert effects == (d.SendRights(1),)


def test_keys_go_out_where_the_locker_seems_not_to_take_our_signature() -> None:
    state, _ = d.step(replace(KNOWN, online=True), d.Wished(TWO), NOW)
    sent = []
    for _ in range(3):
        state, effects = d.step(state, d.Tick(), state.wake_at)
        sent.append(effects)
    assert sent == [(d.SendRights(1),), *[(d.SendKeys(), d.SendRights(1))] * 2]


class _Edge:
    """As much of a locker as answers rights and commands, over a wire that loses."""

    def __init__(self) -> None:
        self.epoch, self.position, self.session = "epoch-0", Position(), 1
        self.challenge = 0
        self.consumed: set[str] = set()

    def takes(self, generation: int, from_: int, to: int) -> None:
        begins = from_ == 0 or (generation, from_) == (
            self.position.generation,
            self.position.revision,
        )
        if begins and Position(generation, to) > self.position:
            self.position = Position(generation, to)


class _Walk:
    """A downlink, its locker and the wire between; asserts what must always hold."""

    def __init__(self) -> None:
        self.now = NOW
        self.state, self.edge = Downlink(), _Edge()
        self.signed: dict[str, int] = {}
        self.exp: dict[str, float] = {}

    def give(self, event: d.Event, *, lost: bool = False) -> None:
        self.state, effects = d.step(self.state, event, self.now)
        for effect in effects:
            self._check(effect)
            if not lost:
                self._deliver(effect)

    def _check(self, effect: d.Effect) -> None:
        if not isinstance(effect, d.Expire):
            assert self.state.reported <= self.state.wanted, "an old database signs nothing"
            assert self.state.hold is not Hold.SIGNATURES
        if isinstance(effect, d.SendCommand | d.AskChallenge):
            assert self.state.hold is not Hold.EVERYTHING
        match effect:
            case d.SendRights(from_):
                assert self.state.hold is Hold.NOTHING
                assert from_ in (0, self.state.reported.revision)
                if from_:
                    assert self.state.reported.generation == self.state.wanted.generation
                assert self.state.reported < self.state.wanted
                assert self.state.epoch is not None
            case d.SendCommand(jti, _, again):
                assert self.now < self.exp[jti]
                self.signed[jti] = self.signed.get(jti, 0) + 1
                assert self.signed[jti] == 1 + again
                assert self.signed[jti] <= 2
            case d.AskChallenge():
                assert any(one.exp > self.now for one in self.state.orders)
            case d.Expire(jti):
                assert self.now >= self.exp[jti]
            case d.SendKeys():
                pass

    def _deliver(self, effect: d.Effect) -> None:
        match effect:
            case d.SendRights(from_):
                wanted = self.state.wanted
                self.edge.takes(wanted.generation, from_, wanted.revision)
            case d.SendCommand(jti, challenge, _):
                fresh = challenge == str(self.edge.challenge)
                if fresh:
                    self.edge.consumed.add(jti)
                outcome: CommandOutcome = "done" if fresh else "stale_challenge"
                self.give(d.Resulted(jti, outcome, str(self.edge.challenge)))
            case d.AskChallenge():
                self.give(d.Resulted("show", "done", str(self.edge.challenge)))
            case d.SendKeys() | d.Expire():
                pass

    def wish(self, name: str, number: int, *, lost: bool) -> None:
        wanted, hold = self.state.wanted, self.state.hold
        newest = max(wanted, self.state.reported)
        wish = {
            "wish": d.Wished(Position(wanted.generation, wanted.revision + 1), hold),
            "restored": d.Wished(Position(newest.generation + 1, wanted.revision), Hold.RIGHTS),
            "older database": d.Wished(Position(wanted.generation, number % 3), hold),
            "hold": d.Wished(wanted, list(Hold)[number % len(Hold)]),
        }
        self.give(wish[name], lost=lost)

    def act(self, name: str, number: int, *, lost: bool) -> None:
        edge = self.edge
        match name:
            case "wish" | "restored" | "older database" | "hold":
                self.wish(name, number, lost=lost)
            case "birth":
                edge.session += number % 2
                birth = d.Born(edge.epoch, edge.position, edge.session, str(edge.challenge))
                self.give(birth, lost=lost)
            case "epoch":
                edge.epoch, edge.position = f"epoch-{number}", Position()
            case "batch":
                self.give(d.Reported(edge.epoch, edge.position), lost=lost)
            case "old batch":
                self.give(d.Reported(edge.epoch, Position(1, number % 5)), lost=lost)
            case "reboot":
                edge.challenge += 1
            case "order":
                jti = f"j{number % 6}"
                self.exp.setdefault(jti, self.now + 30)
                if jti not in self.signed or any(one.jti == jti for one in self.state.orders):
                    self.give(d.Ordered(jti, self.exp[jti]), lost=lost)
            case "presence":
                self.give(d.PresenceSaid(online=bool(number % 2)), lost=lost)
            case "settled":
                self.give(d.Settled(f"j{number % 6}"), lost=lost)
            case "time":
                self.now += number * 0.7
                self.give(d.Tick(), lost=lost)


ACTS = (
    *("wish", "birth", "epoch", "batch", "old batch", "reboot", "order"),
    *("presence", "settled", "time", "time", "restored", "older database", "hold"),
)


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 40), st.booleans()), max_size=60))
def test_walks_over_a_lossy_wire_keep_the_rules_and_end_quiet(
    acts: list[tuple[str, int, bool]],
) -> None:
    walk = _Walk()
    for name, number, lost in acts:
        walk.act(name, number, lost=lost)
    # From now on nothing is lost or held: the locker connects, and time passes.
    walk.act("birth", 1, lost=False)
    if d.phase(walk.state, walk.now) is d.Phase.AHEAD:
        walk.act("restored", 0, lost=False)
    walk.act("hold", list(Hold).index(Hold.NOTHING), lost=False)
    for _ in range(20):
        if walk.state.wake_at < d.NEVER:
            walk.now = max(walk.now, walk.state.wake_at)
        walk.act("time", 0, lost=False)
        walk.act("batch", 0, lost=False)
    assert walk.state.wanted == walk.state.reported == walk.edge.position
    assert walk.state.orders == ()
    assert walk.state.wake_at == d.NEVER


def test_a_locker_that_was_heard_twenty_minutes_ago_is_in_contact_and_later_away() -> None:
    for silent_s, expected in ((20 * 60.0, d.Phase.OWING), (20 * 60.0 + 0.1, d.Phase.AWAY)):
        assert d.phase(replace(OWING, heard_at=NOW - silent_s), NOW) is expected


def test_a_challenge_is_signed_with_for_a_minute_and_then_asked_for_anew() -> None:
    asked = replace(KNOWN, orders=(Order("j", EXP),))
    for old_s, expected in ((59.9, d.SendCommand("j", "old")), (60.0, d.AskChallenge())):
        _, effects = d.step(replace(asked, challenge_at=NOW - old_s), d.Tick(), NOW)
        assert effects == (expected,)


def test_keys_go_out_when_a_challenge_was_asked_for_and_did_not_come() -> None:
    for late_s, expected in ((3.9, (d.SendKeys(), d.AskChallenge())), (4.0, (d.AskChallenge(),))):
        waiting = replace(KNOWN, orders=(Order("j", EXP),), ask_at=NOW - late_s)
        state, effects = d.step(waiting, d.Tick(), NOW)
        assert effects == expected
        assert state.ask_at == NOW + 2.0


def test_a_hundred_commands_are_in_hand_and_no_more() -> None:
    orders = tuple(Order(f"j{turn}", EXP, Stage.SENT) for turn in range(99))
    state, _ = d.step(replace(KNOWN, orders=orders), d.Ordered("k", EXP, Stage.SENT), NOW)
    assert len(state.orders) == 100
    assert d.step(state, d.Ordered("one more", EXP), NOW) == (state, ())


def test_a_bridge_that_just_began_takes_the_first_birth_as_new_and_resends_as_ever() -> None:
    begun = Downlink(epoch="e", wanted=TWO, reported=ONE, online=True)
    _, effects = d.step(begun, d.Born("e", ONE, 1, "new"), NOW)
    assert effects == (d.SendRights(1),)
    waits, now = [], NOW
    for _ in range(3):
        begun, effects = d.step(begun, d.Tick(), now)
        waits.append((begun.wake_at - now, len(effects)))
        now = begun.wake_at
    assert waits == [(2.0, 1), (4.0, 1), (8.0, 2)], "the keys go out with the third"
