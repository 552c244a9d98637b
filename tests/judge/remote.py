"""I6: remote opens per locker never pass the edge's own limit, whoever signs."""

from fellesskap_protocol.events import Presented
from tests.judge.rules import HELD, Rules
from tests.judge.state import Place, World

TWO_OPERATORS = "two_operators"
KEY_S = 20.0
"""How long a key that was turned back may be taken for on."""


def within_limit(world: World, place: Place, event: Presented) -> str | None:
    """Hold that one more remote open is within the limits, or two operators and the key are."""
    if event.kind != "command" or event.outcome != "authorised" or event.compartment is None:
        return None
    command = place.commands.get(event.jti or "")
    both = command is not None and command.actor_class == TWO_OPERATORS
    if both and world.at <= place.key_on_until + KEY_S:
        return None
    at, spec = place.written(world.at), place.spec
    now = at + place.slack()
    if place.remote and now - place.remote[-1] < spec.remote_gap_s:
        return f"a remote open {at - place.remote[-1]:.1f} s after the one before"
    recent = 0
    for before in reversed(place.remote):
        if now - before >= spec.window_s:
            break
        recent += 1
    if recent >= spec.remote_opens_max:
        return f"{recent + 1} remote opens in {spec.window_s:.0f} s"
    return HELD


I6: Rules = {Presented: within_limit}
