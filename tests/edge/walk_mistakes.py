"""Mistakes planted in the product, each with what the walk of the real drive must find of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fellesskap_edge import (
    choosing,
    climate,
    collecting,
    commanding,
    completing,
    controller,
    door,
    excursion,
    keys,
    power,
    removing,
    service,
    state,
)
from fellesskap_edge.drive import Drive
from fellesskap_edge.facts import BadgeUse, Consumed, Fact, FactKind, Place
from fellesskap_edge.power import Power
from fellesskap_edge.state import (
    BankContact,
    BankPower,
    CodeEntered,
    CommandArrived,
    Draft,
    KeyTurned,
)
from fellesskap_protocol.messages import Command

Patch = pytest.MonkeyPatch


def pulse_before_commit(patch: Patch) -> None:
    perform = Drive._perform

    def settle(drive: Drive) -> None:
        while drive._events or drive._changes or drive._effects:
            for _ in range(len(drive._effects)):
                perform(drive, drive._effects.popleft())
            drive._commit()

    patch.setattr(Drive, "_settle", settle)


def forgetting(*kinds: type[Fact]) -> Callable[[Patch], None]:
    """A restart that does not find what was consumed."""

    def plant(patch: Patch) -> None:
        restore = controller._restore_fact

        def forgetful(draft: Draft, kind: FactKind, key: str, fact: Fact) -> None:
            if not isinstance(fact, kinds):
                restore(draft, kind, key, fact)

        patch.setattr(controller, "_restore_fact", forgetful)

    names = " and ".join(kind.__name__ for kind in kinds)
    plant.__qualname__ = f"a_restart_forgets_{names}"
    return plant


def the_reopen_window_does_not_end(patch: Patch) -> None:
    patch.setattr(completing, "REOPEN_S", 1e9)


def another_use_does_not_end_the_reopen_window(patch: Patch) -> None:
    obey = controller.HANDLERS[CommandArrived]

    def keeping(draft: Draft, event: CommandArrived) -> None:
        before = dict(draft.c.reopenings)
        obey(draft, event)
        draft.c.reopenings.update(before)

    patch.setitem(controller.HANDLERS, CommandArrived, keeping)


def the_allowance_is_not_counted(patch: Patch) -> None:
    patch.setattr(completing, "_draw", lambda _draft, _operation: None)


def a_badge_removes_in_every_session(patch: Patch) -> None:
    take_out = removing.take_out

    def forgiving(draft: Draft, authorisation_id: str) -> Any:
        draft.c.badges.clear()
        return take_out(draft, authorisation_id)

    patch.setattr(keys, "take_out", forgiving)


def the_remote_limit_is_off(patch: Patch) -> None:
    patch.setattr(commanding, "_over_limit", lambda _draft, _command: False)


def a_restart_lifts_the_remote_limit(patch: Patch) -> None:
    restore = controller.restore

    def generous(*args: Any) -> Any:
        return replace(restore(*args), opened_remotely_at=())

    patch.setattr(controller, "restore", generous)


def a_used_up_right_opens(patch: Patch) -> None:
    def taken(draft: Draft, number: int, parcel_id: str) -> None:
        del parcel_id
        draft.c.places[number] = Place("empty", draft.c.places[number].service)

    patch.setattr(completing, "_taken_out", taken)


def a_full_door_is_given_away(patch: Patch) -> None:
    def anything(draft: Draft, number: int) -> bool:
        return draft.c.places[number].service == "in"

    patch.setattr(choosing, "may_hold", anything)
    patch.setattr(choosing, "usable", lambda _content, service: service == "in")


def eight_digits_are_never_right(patch: Patch) -> None:
    knows = collecting._knows

    def forgetful_of_digits(right: Any, event: CodeEntered) -> bool:
        return event.kind != "code" and bool(knows(right, event))

    patch.setattr(collecting, "_knows", forgetful_of_digits)


def a_low_request_gets_any_door(patch: Patch) -> None:
    demand_of = state.demand_of

    def tall(right: Any) -> Any:
        demand = demand_of(right)
        return type(demand)(demand.w_mm, demand.h_mm, demand.d_mm, demand.g)

    patch.setattr(choosing, "demand_of", tall)


def serving_is_not_cut_when_a_bank_is_lost(patch: Patch) -> None:
    def contact(draft: Draft, event: BankContact) -> None:
        change = draft.c.answering.union if event.answering else draft.c.answering.difference
        since = draft.c.serving_since
        begun = draft.now.mono_s if since is None else since
        draft.change(answering=change({event.bank}), serving_since=begun)

    patch.setitem(controller.HANDLERS, BankContact, contact)


def no_row_ends_when_a_bank_is_lost(patch: Patch) -> None:
    contact = controller.HANDLERS[BankContact]

    def forgetful(draft: Draft, event: BankContact) -> None:
        draft.change(serving_since=draft.c.serving_since and draft.now.mono_s)
        contact(draft, event)

    patch.setitem(controller.HANDLERS, BankContact, forgetful)


def a_lost_promise_is_not_told(patch: Patch) -> None:
    patch.setattr(service, "say_overcommitted", lambda _draft: None)


def a_fourth_pulse_is_fired(patch: Patch) -> None:
    patch.setattr(door, "PULSES_MAX", 4)
    patch.setattr(door, "OPEN_WAIT_S", 5.0)


def two_operators_need_no_key(patch: Patch) -> None:
    over_limit = commanding._over_limit

    def trusting(draft: Draft, command: Command) -> bool:
        return command.actor_class != "two_operators" and over_limit(draft, command)

    patch.setattr(commanding, "_over_limit", trusting)


def the_key_is_never_turned_back(patch: Patch) -> None:
    def turned(draft: Draft, event: KeyTurned) -> None:
        if event.on:
            service.key_turned(draft, event)

    patch.setitem(controller.HANDLERS, KeyTurned, turned)


def a_warm_compartment_is_offered(patch: Patch) -> None:
    patch.setattr(excursion, "change_service", lambda *_: None)


def nobody_is_told_that_it_went_warm(patch: Patch) -> None:
    patch.setattr(controller, "warn", lambda _draft: None)


def a_probe_is_never_outside(patch: Patch) -> None:
    patch.setattr(climate, "_margin_c", lambda _probe, _c: 5.0)


def a_relay_that_stays_on_keeps_its_power(patch: Patch) -> None:
    patch.delitem(power.TRANSITIONS[Power.ON], power.Event.STUCK)


def nobody_is_told_that_the_power_was_cut(patch: Patch) -> None:
    patch.setitem(controller.HANDLERS, BankPower, lambda _draft, _event: None)


def power_comes_back_by_itself(patch: Patch) -> None:
    patch.setitem(power.TRANSITIONS[Power.CUT], power.Event.ALL_OFF, Power.ON)


MISTAKES_OF_POWER: dict[Callable[[Patch], None], str] = {
    a_relay_that_stays_on_keeps_its_power: "I14|power",
    nobody_is_told_that_the_power_was_cut: "power",
    power_comes_back_by_itself: "power",
}
"""To be found where the coils of a bank have a master enable."""
MISTAKES: dict[Callable[[Patch], None], str] = {
    pulse_before_commit: "I3",
    forgetting(Consumed): "I5",
    forgetting(BadgeUse): "I5",
    the_reopen_window_does_not_end: "I5",
    another_use_does_not_end_the_reopen_window: "I5",
    the_allowance_is_not_counted: "told|allowance",
    a_badge_removes_in_every_session: "I5",
    the_remote_limit_is_off: "I6",
    a_restart_lifts_the_remote_limit: "I6",
    a_used_up_right_opens: "I[15]",
    a_full_door_is_given_away: "I1",
    eight_digits_are_never_right: "I12",
    a_low_request_gets_any_door: "I13|I2",
    serving_is_not_cut_when_a_bank_is_lost: "I16",
    no_row_ends_when_a_bank_is_lost: "I16",
    a_lost_promise_is_not_told: "I2",
    a_fourth_pulse_is_fired: "I4",
    two_operators_need_no_key: "I6",
    the_key_is_never_turned_back: "I6",
    a_warm_compartment_is_offered: "chilled",
    nobody_is_told_that_it_went_warm: "chilled",
    a_probe_is_never_outside: "chilled",
}
