"""Carriers of a world and their couriers' badges: they have them issued, revoke them, want them."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from fellesskap_backend.badges import deposit_auth
from fellesskap_backend.badges import service as badges
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.etag import Match, Tagger
from fellesskap_backend.idempotency import Answered, attempt
from fellesskap_protocol.messages import Badge
from fellesskap_protocol.signing import unseal
from tests.judge import history
from tests.simulation.client import Client
from tests.simulation.replies import Json
from tests.simulation.world import Going, World

ANY = Match(Tagger(bytes(16)), "*")


class Badging(Client):
    """One carrier with its key."""

    def __init__(self, world: World, name: str, carrier_id: str, credentials: Credentials) -> None:
        super().__init__(world, name, carrier_id, credentials)
        self.badges: list[str] = []
        """Those that it had issued, by `jti`."""
        self.tokens: list[str] = []
        """The same as couriers have them."""

    def want_badges(self) -> Going:
        """Have a badge asked for at one's deposits."""

        def work(session: Session, _key: str) -> Json:
            moment = self.world.installation.moment()
            return deposit_auth.change(session, self.credentials, "badge", match=ANY, moment=moment)

        yield from self.insist("other", work)

    def revoke_badge(self) -> Going:
        """Take the newest badge out of use."""
        if self.badges:
            jti = self.badges[-1]

            def work(session: Session, _key: str) -> Json:
                moment = self.world.installation.moment()
                return badges.revoke(session, self.credentials, UUID(jti), moment=moment)

            yield from self.insist("other", work, target=jti)

    def badge(self, lockers: tuple[str, ...], may: tuple[str, ...]) -> Going:
        """Have a badge for a courier; return its token, empty if there is none."""
        secrets = self.world.installation.secrets

        def work(session: Session, key: str) -> Answered:
            asked = badges.Asked(
                attempt("POST /v1/badges", key, str(may)),
                lockers,
                None,
                may,
                (UUID(self.id),),
                timedelta(hours=8),
            )
            moment = self.world.installation.moment()
            return badges.issue(session, self.credentials, asked, secrets=secrets, moment=moment)

        reply = yield from self.insist("badge", work)
        token = reply.body.get("token", "") if reply.ok else ""
        if token:
            self.world.left.keys.add(token)
            ours = {secrets.signing.kid: secrets.signing.public}
            badge = unseal(Badge, token.encode(), ours, aud=secrets.installation)
            self.world.chronicle.note(history.Badged, badge=badge)
            self.world.jtis[token] = badge.jti
            self.badges.append(badge.jti)
            self.tokens.append(token)
        return token
