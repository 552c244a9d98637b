"""A locker's side of the wire by hand: a chained journal, births and batches, real signatures."""

import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.ledger.service import Standing
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers import tables
from fellesskap_backend.lockers.tables import Locker
from fellesskap_protocol import events
from fellesskap_protocol.capacity import Compartment
from fellesskap_protocol.messages import Batch, Birth, Gap, Result, encode, event_hash
from fellesskap_protocol.signing import SigningKey, b64url
from tests.backend.api import Api, request, reserve

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)


def compartments(count: int) -> tuple[Compartment, ...]:
    return tuple(
        Compartment(
            number=number,
            width_mm=440,
            height_mm=110,
            depth_mm=600,
            floor_mm=400,
            top_mm=510,
            max_g=20_000,
        )
        for number in range(1, count + 1)
    )


class HandLocker:
    """One locker; `stored` are the bytes of its journal, first to last."""

    def __init__(self, installation: str, locker_id: str = "oslo-1") -> None:
        self.installation, self.locker_id = installation, locker_id
        self.key = SigningKey(os.urandom(32))
        self.device_id = f"device-{self.key.kid[:8]}"
        self.boot_id, self.session = "boot-1", 1
        self.position = (0, 0)
        self.begin("epoch-1")

    def begin(self, epoch: str) -> None:
        """Begin a new, empty store."""
        self.epoch = epoch
        self.stored: list[bytes] = []

    def claim(self, api: Api) -> None:
        """Let the backend know this device; put the locker up first if it is new."""
        now = datetime.now(UTC)

        def work(session: Any) -> None:
            if session.get(Locker, self.locker_id) is None:
                lockers.provision(
                    session, self.locker_id, site_name="Oslo S", address="Platform 3", now=now
                )
            lockers.claim_device(
                session,
                self.locker_id,
                device_id=self.device_id,
                public_key=b64url(self.key.public.raw),
                now=now,
            )

        api.change(work)

    def add(self, *said: events.Event) -> None:
        """Store events, stamped and chained."""
        for event in said:
            prev = event_hash(self.stored[-1]) if self.stored else events.GENESIS
            self.store(
                encode(
                    events.stamped(
                        event,
                        seq=len(self.stored) + 1,
                        prev=prev,
                        at=AT,
                        clock="trusted",
                        boot_id=self.boot_id,
                    )
                )
            )

    def store(self, body: bytes) -> None:
        """Store any bytes."""
        self.stored.append(body)

    def commission(self, doors: int) -> None:
        """Journal what a first start does."""
        self.add(
            events.StoreCreated(reason="commissioned"),
            events.HardwareDescribed(compartments=compartments(doors), digest="d"),
        )

    def _head(self) -> dict[str, Any]:
        iat = int(datetime.now(UTC).timestamp())
        return {"iat": iat, "iss": self.locker_id, "aud": self.installation}

    def birth(self, **fields: Any) -> Birth:
        """Say who we are."""
        birth = {
            **self._head(),
            "device_id": self.device_id,
            "session": self.session,
            "boot_id": self.boot_id,
            "challenge": "challenge-1",
            "epoch": self.epoch,
            "head_seq": len(self.stored),
            "oldest_seq": 1,
            "generation": self.position[0],
            "revision": self.position[1],
            "protocol": 1,
            "software": "0.1.0",
            "hardware_digest": "d",
            "clock": "trusted",
        }
        return Birth(**{**birth, **fields})

    def batch(self, first_seq: int = 1, to: int | None = None, gap: Gap | None = None) -> Batch:
        """Say a stretch of the journal."""
        return Batch(
            **self._head(),
            epoch=self.epoch,
            boot_id=self.boot_id,
            session=self.session,
            first_seq=first_seq,
            head_seq=len(self.stored),
            oldest_seq=1,
            generation=self.position[0],
            revision=self.position[1],
            events=tuple(body.decode() for body in self.stored[first_seq - 1 : to]),
            gap=gap,
        )

    def result(self, jti: str, outcome: Any, **fields: Any) -> Result:
        """Say what became of a command."""
        result = {"reason": None, "first_outcome": None, "challenge": "challenge-2", **fields}
        return Result(**self._head(), jti=jti, outcome=outcome, **result)


def deposit(parcel: dict[str, Any], compartment: int = 1) -> tuple[events.Event, ...]:
    """Return what a deposit journals; `parcel` is a reservation's answer."""
    return (
        events.Presented(
            kind="label",
            outcome="authorised",
            right_id=parcel["right_id"],
            authorisation_id="a-in",
            compartment=compartment,
        ),
        events.Pulsed(authorisation_id="a-in", compartment=compartment, attempt=1),
        events.DoorOpened(authorisation_id="a-in", compartment=compartment),
        events.DoorClosed(authorisation_id="a-in", compartment=compartment),
        events.Deposited(
            parcel_id=parcel["parcel_id"],
            carrier_id=str(UUID(int=1)),
            label_mac="mac",
            compartment=compartment,
            right_id=parcel["right_id"],
            evidence="door",
        ),
    )


def collect(parcel: dict[str, Any], compartment: int = 1) -> tuple[events.Event, ...]:
    """Return what a collection journals."""
    return (
        events.Presented(
            kind="code",
            outcome="authorised",
            right_id=parcel["right_id"],
            authorisation_id="a-out",
            compartment=compartment,
        ),
        events.Pulsed(authorisation_id="a-out", compartment=compartment, attempt=1),
        events.DoorOpened(authorisation_id="a-out", compartment=compartment),
        events.DoorClosed(authorisation_id="a-out", compartment=compartment),
        events.Collected(
            parcel_id=parcel["parcel_id"],
            right_id=parcel["right_id"],
            compartment=compartment,
            evidence="door",
        ),
    )


class House:
    """An API and one locker by hand, whose messages are given to the ledger's service."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.locker = HandLocker(api.secrets.installation)
        self.locker.claim(api)

    def born(self, birth: Birth | None = None) -> Standing:
        said = birth or self.locker.birth()
        return self.api.change(
            lambda session: ledger.born(session, "oslo-1", said, moment=Moment(datetime.now(UTC)))
        )

    def ingest(self, batch: Batch | None = None) -> Standing:
        said, secrets = batch or self.locker.batch(), self.api.secrets
        moment = Moment(datetime.now(UTC))
        return self.api.change(
            lambda session: ledger.ingest(session, "oslo-1", said, moment=moment, secrets=secrets)
        )

    def tell(self, *said: events.Event) -> Standing:
        """Journal events and ingest what is new."""
        first = len(self.locker.stored) + 1
        self.locker.add(*said)
        standing = self.ingest(self.locker.batch(first))
        assert standing.verdict == "ok"
        assert standing.acked_seq == len(self.locker.stored)
        return standing

    def reserve(self, client: httpx.Client, number: int = 1) -> dict[str, Any]:
        answer = reserve(client, request(number), f"key-{number}")
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def row(self, locker_id: str = "oslo-1") -> Locker:
        return next(row for row in self.api.rows(Locker) if row.id == locker_id)

    def compartment(self, number: int) -> tables.Compartment:
        return next(row for row in self.api.rows(tables.Compartment) if row.number == number)

    def unapplied(self) -> dict[int, str]:
        return {row.seq: row.unapplied for row in self.api.rows(Entry) if row.unapplied}
