"""A program of a carrier as a client of the API: its key, and how it asks until it knows."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.idempotency import Answered
from tests.judge import history
from tests.simulation.replies import Json, Reply
from tests.simulation.world import Going, World

TRIES_MAX = 4


class Client:
    """Asks for one carrier."""

    def __init__(self, world: World, name: str, carrier_id: str, credentials: Credentials) -> None:
        self.world, self.name, self.id = world, name, carrier_id
        self.rng = world.chance(f"carrier/{name}")
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
        work: Callable[[Session, str], Answered | Json],
        *,
        target: str = "",
        body: Json | None = None,
    ) -> Going:
        """Ask under one key until there is an answer, as a good client does; return the reply."""
        key = self.key()
        reply = Reply("unknown")
        for turn in range(TRIES_MAX):
            if turn:
                yield self.rng.uniform(1, 60)
            reply = self.world.ask(
                self.who, act, partial(_with_key, work, key), target=target, key=key, body=body
            )
            if reply.outcome != "unknown":
                break
        else:
            # Asked once more under the same key it is answered the same.
            return reply
        if reply.ok and self.rng.random() < 0.03:
            self.world.ask(
                self.who, act, partial(_with_key, work, key), target=target, key=key, body=body
            )
        return reply


def _with_key(
    work: Callable[[Session, str], Answered | Json], key: str, session: Session
) -> Answered | Json:
    return work(session, key)
