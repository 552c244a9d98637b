"""A program of a carrier as a client of the API: its key, and how it asks until it knows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.idempotency import Answered
from tests.judge import history
from tests.simulation.replies import Json, Reply
from tests.simulation.world import Going, World

TRIES_MAX = 4
Work = Callable[[Session, str], Answered | Json]


@dataclass(frozen=True)
class Said:
    """What was asked under a key, and what its client does when it is granted."""

    act: history.Act
    key: str
    work: Work
    target: str
    body: Json | None
    granted: Callable[[Reply], None] | None


class Client:
    """Asks for one carrier."""

    def __init__(self, world: World, name: str, carrier_id: str, credentials: Credentials) -> None:
        self.world, self.name, self.id = world, name, carrier_id
        self.rng = world.chance(f"carrier/{name}")
        self.said: list[Said] = []
        """What it asked for, and may ask for again under the same key."""
        self._credentials = credentials
        self._keys = 0

    @property
    def who(self) -> str:
        """How the history names it."""
        return f"carrier:{self.id}"

    @property
    def credentials(self) -> Credentials:
        """Its key, as shown now."""
        return replace(self._credentials, shown_at=self.world.installation.now)

    def key(self) -> str:
        """Return a new Idempotency-Key."""
        self._keys += 1
        return f"{self.name}-{self._keys}"

    # Asking --------------------------------------------------------------------------------------

    def insist(
        self,
        act: history.Act,
        work: Work,
        *,
        target: str = "",
        body: Json | None = None,
        key: str = "",
        granted: Callable[[Reply], None] | None = None,
    ) -> Going:
        """Ask under one key until there is an answer, as a good client does; return the reply.

        What is `granted` may be asked for again at any time: it must not mind.
        """
        said = Said(act, key or self.key(), work, target, body, granted)
        if granted is not None:
            self.said.append(said)
        reply = Reply("unknown")
        for turn in range(TRIES_MAX):
            if turn:
                yield self.rng.uniform(1, 60)
            reply = self.say(said)
            if reply.outcome != "unknown":
                break
        else:
            # Asked once more under the same key it is answered the same.
            return reply
        if reply.ok and self.rng.random() < 0.03:
            self.say(said)
        return reply

    def say(self, said: Said) -> Reply:
        """Ask once."""
        work = partial(_with_key, said.work, said.key)
        reply = self.world.ask(
            self.who, said.act, work, target=said.target, key=said.key, body=said.body
        )
        if reply.ok and said.granted is not None:
            said.granted(reply)
        return reply


def _with_key(work: Work, key: str, session: Session) -> Answered | Json:
    return work(session, key)
