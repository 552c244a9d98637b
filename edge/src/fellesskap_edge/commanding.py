"""Commands from the backend, in the order of `docs/protocol.md` 5. Pure.

Size, `typ`, key, signature, audience and strict parse were checked before. Here: seen before,
challenge, exp, state, limits; the outcome is stored before anything moves. The limits of remote
opening hold whoever signs.
"""

from datetime import timedelta

from fellesskap_edge.choosing import in_operation
from fellesskap_edge.custody import reports
from fellesskap_edge.facts import Consumed, Operation, RemoteOpens
from fellesskap_edge.operating import authorise
from fellesskap_edge.service import change_service, out_of_reach
from fellesskap_edge.state import CommandArrived, Draft, Forget, Keep, Record, Reply
from fellesskap_protocol.events import Content
from fellesskap_protocol.messages import Command

CONSUMED_KEPT = timedelta(hours=24)
REMOTE_WINDOW_S = 600.0
TWO_OPERATORS = "two_operators"
"""The `actor_class` of a command that two operators approved."""
OPENS_KEPT = 2000
"""Ten minutes hold at most 1,200: 500 ms apart is the least that `locker.toml` may say."""


def command_arrived(draft: Draft, event: CommandArrived) -> None:
    """Decide one command, at most once."""
    command = event.command
    if command.kind == "show_challenge":
        draft.say(Reply(command.jti, "done", event.challenge))
        return
    seen = draft.c.consumed.get(command.jti)
    if seen is not None:
        draft.say(
            Reply(
                command.jti, "duplicate", event.challenge, seen.reason, first_outcome=seen.outcome
            )
        )
        return
    if not event.fresh:
        draft.say(Reply(command.jti, "stale_challenge", event.challenge))
        return
    refusal = _refusal(draft, command)
    outcome = Consumed(draft.now.wall, "refused" if refusal else "done", refusal)
    _drop_old(draft)
    draft.c.consumed[command.jti] = outcome
    draft.say(Keep("consumed", command.jti, outcome))
    if refusal:
        draft.presented("command", refusal, jti=command.jti)
    else:
        _obey(draft, event)
    draft.say(Reply(command.jti, outcome.outcome, event.challenge, refusal))


def _refusal(draft: Draft, command: Command) -> str | None:
    """Return why a command is not obeyed, or None."""
    if draft.now.wall.timestamp() >= command.exp:
        return "expired"
    if command.kind == "report_custody":
        return None
    number = command.compartment
    if number is None or number not in draft.c.wiring:
        return "no_such_compartment"
    if command.kind == "set_service":
        return None if command.service is not None else "no_service_named"
    if in_operation(draft, number):
        return "busy"
    if out_of_reach(draft, number):
        return "out_of_order"
    return "limit" if _over_limit(draft, command) else None


def _over_limit(draft: Draft, command: Command) -> bool:
    """Say whether one more is too many, by the clock that neither a message nor a hand can set.

    In service mode, with the key turned inside the cabinet, what two operators signed together is
    not limited but by the supplies.
    """
    if command.actor_class == TWO_OPERATORS and draft.now.mono_s < draft.c.key_until:
        return False
    limits, now = draft.c.limits, draft.now.mono_s
    if len(_opened_lately(draft)) >= limits.remote_opens_per_10_min:
        return True
    return any(now - at < limits.remote_open_interval_s for at in draft.c.opened_remotely_at[-1:])


def _opened_lately(draft: Draft) -> tuple[float, ...]:
    now = draft.now.mono_s
    return tuple(at for at in draft.c.opened_remotely_at if now - at < REMOTE_WINDOW_S)


def _obey(draft: Draft, event: CommandArrived) -> None:
    command = event.command
    if command.kind == "report_custody":
        draft.say(*(Record(report) for report in reports(draft.c, draft.now.wall)))
        return
    number = command.compartment
    assert number is not None
    if command.kind == "set_service":
        assert command.service is not None
        content = _after_inspection(draft, number) if command.service == "in" else None
        change_service(draft, number, command.service, command.reason_code, content=content)
        return
    now = draft.now
    recent = (*_opened_lately(draft)[-OPENS_KEPT:], now.mono_s)
    draft.change(opened_remotely_at=recent)
    draft.say(Keep("remote_opens", "all", RemoteOpens((now.wall,) * len(recent))))
    operation = Operation(event.authorisation_id, "open", jti=command.jti)
    authorise(draft, number, operation, "command")


def _after_inspection(draft: Draft, number: int) -> Content | None:
    """Return what lies where somebody looked: of a parcel whose right is revoked nobody knows."""
    place = draft.c.places[number]
    held = draft.c.rights.get(place.right_id or "")
    gone = place.content == "parcel" and held is not None and held.revoked
    return "unknown" if gone else None


def _drop_old(draft: Draft) -> None:
    for jti, consumed in list(draft.c.consumed.items()):
        if draft.now.wall - consumed.at > CONSUMED_KEPT:
            del draft.c.consumed[jti]
            draft.say(Forget("consumed", jti))
