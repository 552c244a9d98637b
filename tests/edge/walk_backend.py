"""The walk of the real drive: rights, acknowledgements and commands of the backend."""

from datetime import timedelta
from typing import Any, Literal, get_args

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from fellesskap_protocol.events import Presented, Service
from fellesskap_protocol.messages import Command, Right
from fellesskap_protocol.signing import seal
from tests.edge.walk_config import DOORS, KEY
from tests.edge.walk_locker import NAMES
from tests.edge.walk_people import LONG_S, NUMBERS, OFFSETS, Fate, PeopleWalk
from tests.simulation.office import STRANGER

DOORS_OF_KEY = [number for number, (bank, *_) in DOORS.items() if bank == KEY.bank]
SEEN_S = 5.5
"""A key that is turned is read within this."""
MANY_TIMES_MAX = 2
"""Seven doors one after the other are a minute and more; a key is turned, and turned back."""


class BackendWalk(PeopleWalk):
    """What the backend sends, and whoever wants to be taken for it."""

    # The backend ---------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(NAMES),
        fate=st.sampled_from(get_args(Fate)),
        used_at_once=st.booleans(),
    )
    def the_backend_wishes_otherwise(self, name: str, fate: Fate, used_at_once: bool) -> None:
        if fate == "forgotten":
            self._wish(remove=(name,))
        else:
            if fate == "new code":
                self.at.turned[name] += 1
            known = self.office.wish.get(name)
            right = self.at.right(name)
            if fate in ("soft", "new code") and known is not None:
                right = msgspec.structs.replace(
                    right, hold=known.hold, deposit_by=known.deposit_by, revoked=known.revoked
                )
            moment = self.stand.wall + timedelta(seconds={"expires": 60}.get(fate, -5))
            self._wish(
                msgspec.structs.replace(
                    right,
                    revoked=fate == "revoked" or right.revoked,
                    hold="soft" if fate == "soft" else right.hold,
                    deposit_by=moment if fate in ("expires", "expired") else right.deposit_by,
                )
            )
        if used_at_once:
            self.a_courier_scans_and_deposits(name, LONG_S, puts_in=True)
            self.somebody_presents_a_code(name, "long_code", old=False)

    @rule(size=st.sampled_from(["S", "L"]), granted=st.integers(0, 3))
    def the_allowance_changes(self, size: str, granted: int) -> None:
        self._wish(self.at.allowance(size, granted))

    @rule(
        carrier=st.sampled_from(["red", "blue"]),
        auth=st.sampled_from(["badge", "label"]),
        revoked=st.sampled_from([(), ("stolen",)]),
    )
    def a_carrier_asks_for_badges(
        self, carrier: str, auth: Literal["badge", "label"], revoked: tuple[str, ...]
    ) -> None:
        self._wish(
            Right(
                id=f"carrier-{carrier}",
                kind="carrier",
                carrier_id=carrier,
                deposit_auth=auth,
                revoked_badges=revoked,
            )
        )

    @precondition(lambda self: any(o.right_id is None for o in self.outsider.lies_in.values()))
    @rule()
    def unannounced_parcels_may_be_collected(self) -> None:
        for lying in list(self.outsider.lies_in.values()):
            if lying.right_id is None:
                name = f"of-{lying.parcel_id}"
                code = self.at.codes(name)[-1]
                self._wish(self.office.right(name, "collect", code, parcel_id=lying.parcel_id))
                outcome, number = self.at.type_code(code)
                if outcome == "opens" and number is not None:
                    self.at.at_door("take_out", number)

    @rule(
        how=st.sampled_from(
            [
                "whole",
                "reversed parts",
                "doubled",
                "first part only",
                "stale",
                "from empty",
                "another epoch",
                "forged",
            ]
        ),
        parts=st.integers(1, 3),
        back=st.integers(0, 3),
    )
    def rights_travel(self, how: str, parts: int, back: int) -> None:
        """Late, doubled, in parts, out of order, from empty, and what is no right at all."""
        newest = len(self.office.wishes) - 1
        to = max(1, newest - back) if how == "stale" else newest
        from_ = 0 if how == "from empty" else min(self.outsider.revision, to)
        if how == "stale":
            from_ = max(0, to - 1)
        if from_ == to:
            self._wish(self.at.allowance("S", 2 + newest % 2))
            return
        head = {"epoch": "00" * 16} if how == "another epoch" else {}
        messages = self.office.change(from_, to, self.stand.wall, parts=parts, **head)
        if how == "forged":
            messages = [one[:-8] + b"AAAAAAAA" for one in messages]
        if how == "reversed parts":
            messages.reverse()
        if how == "doubled":
            messages *= 2
        for one in messages[:1] if how == "first part only" else messages:
            self.at.carry("rights", one)

    @precondition(lambda self: self.at.carried)
    @rule(turn=st.integers(0, 20))
    def an_old_message_comes_again(self, turn: int) -> None:
        kind, payload = self.at.carried[turn % len(self.at.carried)]
        if kind != "commands":
            self.at.carry(kind, payload)

    @rule(attentive=st.sampled_from([True, True, False]))
    def the_backend_is_attentive_or_not(self, attentive: bool) -> None:
        self.at.attentive = attentive

    @rule(up=st.sampled_from([True, True, False]))
    def the_network_comes_and_goes(self, up: bool) -> None:
        if up:
            self.stand.connect()
        else:
            self.stand.disconnect()
        self.stand.run(0.2)

    # Commands ------------------------------------------------------------------------------------

    def _command(
        self, jti: str, number: int | None, how: str = "fresh", actor_class: str = "operator"
    ) -> None:
        """Sign a command, or what looks like one, and let it come."""
        stand, office = self.stand, self.office
        if not stand.connected:
            stand.connect()
            stand.run(0.2)
        fields: dict[str, Any] = {"actor_class": actor_class}
        if how == "stale":
            fields["challenge"] = next(iter(office.challenges), "ff" * 16)
        if how == "made up":
            fields["challenge"] = "ff" * 16
        if how == "expired":
            fields["exp"] = int(stand.wall.timestamp()) - 5
        if how == "another locker":
            fields["aud"] = "walk-2"
        if how == "ahead":
            fields["iat"] = int((stand.wall + timedelta(minutes=11)).timestamp())
            fields["exp"] = int((stand.wall + timedelta(minutes=12)).timestamp())
        command = office.command("open_door", jti, stand.wall, number, **fields)
        token = seal(command, STRANGER) if how == "forged" else self.office.sign(command)
        self._deliver(command, token, how)

    def _deliver(self, command: Command, token: bytes, how: str) -> None:
        ours = how not in ("another locker", "forged", "retained")
        self.outsider.shown.command = (command, ours)
        self.at.arrive("commands", token, retained=how == "retained")
        self._commands.append((command, token, how))
        self.stand.run(0.05)

    @rule(
        number=st.sampled_from([None, 9, *sorted(DOORS), *sorted(DOORS)]),
        how=st.sampled_from(
            [
                "fresh",
                "fresh",
                "fresh",
                "ahead",
                "stale",
                "made up",
                "expired",
                "another locker",
                "forged",
                "retained",
            ]
        ),
        then=st.sampled_from(["nothing", "doubled", "replayed"]),
        used=st.booleans(),
    )
    def a_command_comes(self, number: int | None, how: str, then: str, used: bool) -> None:
        self._command(self._jti(), number, how)
        if used and number in DOORS:
            self.stand.person("nothing", number)
        if then == "replayed":
            self.the_daemon_is_killed(0.0)
            self.stand.connect()
            self.stand.run(11.0)
        if then != "nothing" and self._commands:
            self._deliver(*self._commands[-1])

    @rule(number=NUMBERS, restart=st.booleans())
    def a_command_is_signed_again(self, number: int, restart: bool) -> None:
        """The bridge does that for a stale challenge: the same jti opens once."""
        jti = self._jti()
        self._command(jti, number)
        self.stand.person("nothing", number)
        if restart:
            self.the_daemon_is_killed(0.0)
        self.stand.run(11.0)
        self._command(jti, number)

    @precondition(lambda self: self.outsider.lies_in)
    @rule(turn=st.integers(0, 4))
    def an_operator_opens_what_a_recipient_has_just_left(self, turn: int) -> None:
        """Another use of the door ends the five minutes."""
        before = dict(self.outsider.lies_in)
        self.a_recipient_comes(turn, short=False)
        self.come_to_rest()
        for number in before.keys() - self.outsider.lies_in.keys():
            self._command(self._jti(), number)
            self.stand.person("nothing", number)
            self.come_to_rest()
            self.somebody_presents_a_code(before[number].right_id or "", "long_code", old=False)

    def _jti(self) -> str:
        self._jtis += 1
        return f"jti-{self._jtis}"

    @precondition(lambda self: self._many_times < MANY_TIMES_MAX)
    @rule(
        gap_s=st.sampled_from([1.0, 9.0, 11.0]),
        killed=st.sampled_from([False, False, True]),
        clock=st.sampled_from(sorted(OFFSETS)),
    )
    def an_operator_opens_many(self, gap_s: float, killed: bool, clock: str) -> None:
        """I6, whatever happens to the clock or the daemon on the way."""
        self._many_times += 1
        for turn in range(7):
            number = turn % len(DOORS) + 1
            self._command(self._jti(), number)
            self.stand.person("nothing", number, open_s=1.0, wait_s=1.0)
            self.stand.run(gap_s - 1.0)
            if turn == 5:
                self.stand.set_clock(OFFSETS[clock])
                if killed:
                    self.the_daemon_is_killed(0.0)

    @precondition(lambda self: self._many_times < MANY_TIMES_MAX)
    @rule(
        turned=st.sampled_from([True, True, False]),
        seen_s=st.sampled_from([0.2, 6.0, 6.0, 18.0]),
        gap_s=st.sampled_from([1.0, 1.0, 11.0]),
        killed=st.sampled_from([False, False, True]),
    )
    def two_operators_open_many(
        self, turned: bool, seen_s: float, gap_s: float, killed: bool
    ) -> None:
        """Only with the key turned inside the cabinet is that not limited."""
        self._many_times += 1
        self.stand.turn_key(on=turned)
        self.stand.run(seen_s)
        healthy, begun = self.at.is_healthy(DOORS_OF_KEY[0]), len(self.outsider.events)
        for turn in range(7):
            number = DOORS_OF_KEY[turn % len(DOORS_OF_KEY)]
            self._command(self._jti(), number, actor_class="two_operators")
            self.stand.person("nothing", number, open_s=1.0, wait_s=1.0)
            self.stand.run(gap_s - 1.0)
            if killed and turn == 4:
                self.the_daemon_is_killed(0.0)
        if healthy and turned and seen_s > SEEN_S and not killed:
            self.outsider.looked()
            refused = [one for one in self.outsider.events[begun:] if isinstance(one, Presented)]
            assert all(one.reason != "limit" for one in refused), "the key lifts the limit"

    @rule(number=NUMBERS, service=st.sampled_from(["in", "in", "in", "suspect", "out"]))
    def an_operator_changes_the_service(self, number: int, service: Service) -> None:
        self.stand.connect()
        self.stand.run(0.2)
        command = self.office.command(
            "set_service", self._jti(), self.stand.wall, number, service=service
        )
        self._deliver(command, self.office.sign(command), "fresh")

    @rule()
    def an_operator_puts_everything_into_service(self) -> None:
        for number in DOORS:
            if self.outsider.service[number] != "in":
                self.an_operator_changes_the_service(number, "in")
