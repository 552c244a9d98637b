"""I9: the same Idempotency-Key gives the same answer and one effect."""

from tests.judge import history
from tests.judge.fold import is_kept, key_of
from tests.judge.rules import HELD, Rules
from tests.judge.state import World

KEPT_S = 6 * 86_400.0
"""Answers are kept for a week; nearer to its end nothing is expected of a key."""


def same_answer(world: World, record: history.Answered) -> str | None:
    """Hold that a key's second answer is its first, and that for other words it is refused."""
    question = world.questions.get(record.op)
    if question is None or not question.asked.key:
        return None
    ask = question.asked
    keyed = world.keyed.get(key_of(ask))
    before = keyed.first if keyed is not None else None
    if keyed is None or before is None or record.outcome == "unknown":
        return None
    if record.at - before.at > KEPT_S or record.status in (401, 403, 429, 503):
        return None
    if keyed.body != ask.body:
        taken = record.outcome == "ok"
        return f"{ask.act} under the key of another {ask.act} was taken" if taken else HELD
    if not is_kept(record):
        return f"{ask.act} {ask.key}: {record.status}, and before {before.status}"
    if (before.status, before.body) != (record.status, record.body):
        return f"{ask.act} {ask.key}: two answers, {before.status} and {record.status}"
    return HELD


def asked_for(world: World, record: history.Delivered) -> str | None:
    """Hold that no more parcels are confirmed than keys asked for."""
    if record.type != "reservation.confirmed" or world.restored_at is not None:
        return None
    unasked = (
        len(world.unasked | {record.parcel_id}) if record.parcel_id not in world.answered else 0
    )
    if unasked <= world.open_units:
        return HELD
    return f"{record.parcel_id} is confirmed, and no request under a key made it"


def one_command(world: World, record: history.Commanded) -> str | None:
    """Hold that no more remote opens are signed than were asked for."""
    command = record.command
    if record.stolen or command.kind != "open_door" or command.jti in world.opens_signed:
        return None
    if len(world.opens_signed) < world.opens_asked:
        return HELD
    return f"command {command.jti} is one more than the {world.opens_asked} that were asked for"


I9: Rules = {
    history.Answered: same_answer,
    history.Delivered: asked_for,
    history.Commanded: one_command,
}
