"""Carriers of a fleet that issue badges, let others act for them, and change codes, by services."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from fellesskap_backend import db, secrets
from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.badges import service as badges
from fellesskap_backend.badges import sweep
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.delegations import service as delegations
from fellesskap_backend.idempotency import Answered, attempt
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.parcels import acts
from fellesskap_backend.pickup_codes import service as pickup_codes
from fellesskap_backend.pickup_codes.service import Of, Office
from fellesskap_backend.settings import Settings
from fellesskap_edge.config_check import load
from tests.simulation.fleet import Fleet
from tests.simulation.stand import Stand
from tests.system.house import locker_toml

T = TypeVar("T")
Json = dict[str, Any]
HERE, THERE = "oslo-1", "oslo-9"
_keys = count(1)


class Market:
    """One locker in service, one that stands elsewhere, and carriers by name."""

    def __init__(self, folder: Path) -> None:
        engine = db.engine(Settings(state=folder))
        upgrade(engine)
        self.fleet = Fleet(engine, secrets.load(folder))
        self.ids: dict[str, str] = {}
        self._who: dict[str, Credentials] = {}
        self.join("Nordpost")
        (folder / "locker.toml").write_text(locker_toml(HERE, 8))
        self.stand: Stand = self.fleet.add(load(folder / "locker.toml"), folder / HERE, 70)
        self.fleet.credentials = self._who["Nordpost"]
        self.fleet.until("it has described itself", lambda: len(self.fleet.rows(Entry)) > 1)
        now = self.fleet.now
        self.fleet.change(
            lambda session: lockers.provision(session, THERE, site_name="T", address="B", now=now)
        )
        self.fleet.change(
            lambda session: allowances.set_targets(
                session, HERE, {"S": 2}, moment=self.fleet.moment()
            )
        )
        self.fleet.run(3.0)

    def close(self) -> None:
        """Let the database go."""
        self.fleet.engine.dispose()

    def join(self, name: str) -> None:
        """Take a carrier in."""
        carrier_id, key = self.fleet.change(
            lambda session: carriers.add_carrier(session, name, self.fleet.moment())
        )
        self.ids[name], self._who[name] = str(carrier_id), carriers.credentials_of(key)

    def who(self, name: str) -> Credentials:
        """Return a carrier's key, as shown now."""
        return replace(self._who[name], shown_at=self.fleet.now)

    def do(self, act: Callable[..., T], name: str, *arguments: Any, **named: Any) -> T:
        """Call a service as a carrier, now."""
        moment = self.fleet.moment()
        return self.fleet.change(
            lambda session: act(session, self.who(name), *arguments, moment=moment, **named)
        )

    # Badges and delegations ----------------------------------------------------------------------

    def badge(
        self,
        name: str,
        *carriers: str,
        lockers: tuple[str, ...] = (HERE,),
        may: tuple[str, ...] = ("deposit", "remove"),
        hours: float = 12,
    ) -> Json:
        """Issue a badge for some carriers; return the answer."""
        asked = badges.Asked(
            attempt=attempt("badge", f"k{next(_keys)}", ""),
            lockers=lockers,
            site=None,
            may=may,
            carriers=tuple(UUID(self.ids[one]) for one in carriers),
            valid_for=timedelta(hours=hours),
        )
        answered: Answered = self.do(badges.issue, name, asked, secrets=self.fleet.secrets)
        assert answered.status == 201, answered
        return answered.body

    def revoke_badge(self, name: str, badge_id: str) -> Json:
        """Revoke a badge; return the answer."""
        return self.do(badges.revoke, name, UUID(badge_id))

    def sweep_list(self, name: str, badge_id: str) -> list[Json]:
        """Return what a badge takes out here."""
        (here,) = self.do(sweep.sweep, name, UUID(badge_id))["lockers"]
        parcels: list[Json] = here["parcels"]
        return parcels

    def let(self, giver: str, receiver: str, *may: str, hours: float = 48) -> Json:
        """Let one carrier act for another; return the answer."""
        k_codes = self.fleet.secrets.k_codes
        code = self.do(delegations.own_code, receiver, k_codes=k_codes)["code"]
        asked = delegations.Asked(
            attempt("let", f"k{next(_keys)}", ""),
            code,
            [*may],
            self.fleet.now + timedelta(hours=hours),
        )
        answered: Answered = self.do(delegations.give, giver, asked, k_codes=k_codes)
        assert answered.status == 201, answered
        return answered.body

    def end(self, name: str, delegation_id: str) -> Json:
        """End a delegation; return the answer."""
        return self.do(delegations.revoke, name, UUID(delegation_id))

    def recall(self, name: str, parcel_id: str) -> None:
        """Have a parcel back, and let the locker hear of it."""
        self.do(acts.recall, name, UUID(parcel_id))
        self.fleet.run(3.0)

    # Pickup codes --------------------------------------------------------------------------------

    def codes(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Json:
        """Change codes as Nordpost; return the answer."""
        answered = self.fleet.change(
            lambda session: act(
                Office(session, self.who("Nordpost"), self.fleet.secrets, self.fleet.moment()),
                *arguments,
                **named,
            )
        )
        if isinstance(answered, Answered):
            assert answered.status < 400, answered
            answered = answered.body
        found: Json = answered
        return found

    def rotate(self, parcel_id: str, code_id: str) -> Json:
        """Give a code new digits; return the answer."""
        of = Of(UUID(parcel_id), UUID(code_id))
        return self.codes(pickup_codes.rotate, attempt("rotate", f"k{next(_keys)}", ""), of)

    def second_code(self, parcel_id: str) -> Json:
        """Make a second code; return the answer."""
        tried = attempt("delegate", f"k{next(_keys)}", "")
        return self.codes(pickup_codes.delegate, tried, UUID(parcel_id), reference=None)

    def revoke_code(self, parcel_id: str, code_id: str) -> Json:
        """Take a code out of use; return the answer."""
        return self.codes(pickup_codes.revoke, Of(UUID(parcel_id), UUID(code_id)))

    def code(self, parcel_id: str, code_id: str) -> Json:
        """Read a code."""
        of = Of(UUID(parcel_id), UUID(code_id))
        who = self.who("Nordpost")
        with db.reader(self.fleet.engine) as session:
            return pickup_codes.find(session, who, of, secrets=self.fleet.secrets)


@contextmanager
def market(folder: Path) -> Iterator[Market]:
    """Open a market for the length of a `with`."""
    made = Market(folder)
    try:
        yield made
    finally:
        made.close()
