"""The operator of a world: opens doors from afar, looks into what is suspect, settles disputes."""

import random
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.door_operations import service as door_operations
from fellesskap_backend.etag import Match, Tagger
from fellesskap_backend.idempotency import Answered, attempt
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.operators import deeds, services
from fellesskap_backend.operators.deeds import Deed
from fellesskap_backend.parcels import acts
from fellesskap_backend.parcels.tables import Parcel
from tests.simulation.cabinet import Cabinet
from tests.simulation.replies import Json, Reply
from tests.simulation.visitors import Kiosk
from tests.simulation.world import Going, World

ANY = Match(Tagger(bytes(16)), "*")
WHO = "operator"
SPREE, SPREE_GAP_S = 12, (2.0, 40.0)
"""More than the six in ten minutes that a locker lets happen, some within its ten seconds."""
LOOKS_S = 20.0


class Operator:
    """Whoever runs the installation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._keys = 0
        home = world.installation
        with db.writing(home.engine) as session:
            key = carriers.add_operator(session, "Drift", home.moment())
        world.left.keys.add(key)
        self._credentials = carriers.credentials_of(key)

    @property
    def credentials(self) -> Credentials:
        """The key."""
        return self._credentials

    def key(self) -> str:
        """Return a new Idempotency-Key."""
        self._keys += 1
        return f"operator-{self._keys}"

    def allow(self, locker_id: str, targets: dict[str, int]) -> Reply:
        """Let a locker give away capacity by itself."""
        moment = self.world.installation.moment

        def work(session: Session) -> Json:
            allowances.set_targets(session, locker_id, targets, moment=moment())
            return {}

        return self.world.ask(WHO, "other", work, target=locker_id)

    def open_door(self, cabinet: Cabinet, number: int, rng: random.Random) -> Going:
        """Open a door from afar while a helper stands by it; what lies there comes out or stays."""
        self._command(cabinet, number)
        kiosk = Kiosk(self.world, cabinet)
        lying = cabinet.lies.get(number, [])
        takes = not lying or self._is_known(cabinet, number)
        opened = yield from kiosk.at_door("nothing" if takes else "take_out", number, WHO, "", rng)
        if not opened:
            opened = yield from kiosk.at_door("nothing", number, WHO, "", rng)
        return opened

    def spree(self, cabinet: Cabinet, rng: random.Random) -> Going:
        """Open doors one after the other, as whoever stole the operator's key would."""
        while cabinet.asleep and self.world.faulty:
            yield LOOKS_S
        for _ in range(SPREE):
            number = rng.choice(cabinet.config.compartments).number
            self._command(cabinet, number)
            yield rng.uniform(*SPREE_GAP_S)

    def _command(self, cabinet: Cabinet, number: int) -> None:
        """Say that a door is to be opened."""
        key, home = self.key(), self.world.installation

        def work(session: Session) -> Answered:
            asked = door_operations.Asked(
                attempt("open", key, f"{number}"), cabinet.locker_id, number, "help", "asked for"
            )
            return door_operations.issue(session, self.credentials, asked, moment=home.moment())

        body = {"locker": cabinet.locker_id, "compartment": number}
        self.world.ask(WHO, "open_door", work, target=cabinet.locker_id, key=key, body=body)

    def _is_known(self, cabinet: Cabinet, number: int) -> bool:
        """Say whether what lies there is where the rows say."""
        lying = cabinet.lies.get(number, [])
        home = self.world.installation
        if not home.up:
            return True
        with db.reader(home.engine) as session:
            row = session.get(Compartment, (cabinet.locker_id, number))
            parcel = session.get(Parcel, row.parcel_id) if row and row.parcel_id else None
        return parcel is not None and [parcel.label_value] == lying

    # A round -------------------------------------------------------------------------------------

    def rounds(self, cabinet: Cabinet, rng: random.Random) -> Going:
        """Look after everything at a locker that waits for somebody."""
        home = self.world.installation
        if not home.up:
            return
        with db.reader(home.engine) as session:
            places = session.scalars(
                select(Compartment)
                .where(Compartment.locker_id == cabinet.locker_id)
                .order_by(Compartment.number)
            ).all()
            disputed = session.scalars(
                select(Parcel)
                .where(Parcel.locker_id == cabinet.locker_id, Parcel.state == "disputed")
                .order_by(Parcel.id)
            ).all()
        for parcel in disputed:
            self._resolve(cabinet, parcel)
            yield 1.0
        for place in places:
            lying = cabinet.lies.get(place.number, [])
            is_well = place.service == "in" and place.content != "unknown"
            if is_well and (bool(lying) == (place.content == "parcel")):
                continue
            self.mend(cabinet, place.number)
            yield from self.open_door(cabinet, place.number, rng)
            yield 15.0
            self._clear(cabinet, place)
            yield 15.0

    def mend(self, cabinet: Cabinet, number: int) -> None:
        """Take away what is wrong with a door."""
        faults = cabinet.plant.locks[number].faults
        faults.jammed, faults.jam_frees_after, faults.release_s_min = False, None, None
        faults.sensor_stuck, faults.ajar = None, False

    def _resolve(self, cabinet: Cabinet, parcel: Parcel) -> None:
        label = parcel.label_value or ""
        lies_there = label in cabinet.lies.get(parcel.compartment or 0, [])
        here = "dropped_off" if parcel.kind == "drop_off" else "deposited"
        gone = "picked_up" if parcel.kind == "drop_off" else "collected"
        outcome: acts.Outcome = here if lies_there else gone  # type: ignore[assignment]
        key, home, parcel_id = self.key(), self.world.installation, parcel.id

        def work(session: Session) -> Answered:
            tried = attempt("resolve", key, outcome)
            deed = Deed(session, self.credentials, tried, home.moment(), "looked")
            return deeds.resolve(deed, UUID(str(parcel_id)), outcome)

        self.world.ask(WHO, "other", work, target=str(parcel_id), key=key)

    def _clear(self, cabinet: Cabinet, place: Compartment) -> None:
        key, home = self.key(), self.world.installation
        at = (cabinet.locker_id, place.number)

        def cleared(session: Session) -> Answered:
            tried = attempt("clear", key, str(at))
            return deeds.clear(Deed(session, self.credentials, tried, home.moment(), "looked"), *at)

        def put_in_service(session: Session) -> Json:
            change = services.Change(session, self.credentials, ANY, home.moment(), "mended")
            return services.set_place(change, at, "in_service")

        if place.service == "out":
            self.world.ask(WHO, "other", put_in_service, target=cabinet.locker_id)
        elif place.service == "suspect":
            self.world.ask(WHO, "other", cleared, target=cabinet.locker_id, key=key)
