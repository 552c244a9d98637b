"""A locker in use, `oslo-1`: one carrier's parcels in each state that a locker can bring about."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from fellesskap_protocol import events
from tests.backend.api import Api, Json
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit

DOORS = 12
LOCKER = "oslo-1"
FIRST = 5_001
"""The number of the first label: no other has it."""
Ids = dict[str, list[str]]


def live_in(api: Api, key: str) -> Ids:
    """Let a carrier's parcels come, lie too long, be doubted, called back and collected.

    Returns ids by the parameters that take them; those of one place belong together.
    """
    house = Lives(api, DOORS, key=key)
    overdue, lying, disputed, recalled, collected, _ = made = [
        house.room(FIRST + number) for number in range(6)
    ]
    now = datetime.now(UTC)
    begin = now - timedelta(days=4)
    house.tell_at(begin, deposit(overdue, 1)[-1])
    house.serve(begin, now, tuple(range(1, DOORS + 1)))
    house.pass_time()
    for door, one in enumerate((lying, disputed, recalled, collected), start=2):
        _tell(house, deposit(one, door))
    _tell(house, collect(collected, 5))
    _wish(house, disputed, "dispute", {"reason": "said to be empty"})
    _wish(house, recalled, "recall")
    states = [house.parcel(one["parcel_id"]).state for one in made]
    assert states == ["overdue", "deposited", "disputed", "recalled", "collected", "expected"]
    others = [_unannounced(house), _dropped_off(house)]
    return {
        "locker_id": [LOCKER],
        "parcel_id": [one["parcel_id"] for one in made] + others,
        "code_id": [one["right_id"] for one in made],
        "reservation_id": [one["id"] for one in made],
        "decision_id": [one["decision_id"] for one in made],
        "drop_off_id": [one["id"] for one in _drop_offs(house)],
        "operation_id": [_opened(house)],
        "number": [str(1 + number) for number in range(len(made))],
        "device_id": [house.locker.device_id],
    }


def _tell(house: Lives, said: Iterable[events.Event]) -> None:
    for one in said:
        house.tell_at(datetime.now(UTC), one)


def _wish(house: Lives, parcel: Json, act: str, body: Json | None = None) -> None:
    answer = house.client.post(f"/v1/parcels/{parcel['parcel_id']}/{act}", json=body)
    assert answer.status_code == 200, answer.text


def _unannounced(house: Lives) -> str:
    """Put in what nobody told of; return the parcel's id."""
    parcel_id, carrier_id = str(uuid4()), house.rights()[0].carrier_id
    assert carrier_id is not None
    came = events.Deposited(
        parcel_id=parcel_id,
        carrier_id=carrier_id,
        label=f"opaque:X{FIRST}",
        compartment=6,
        allowance_class="S",
        evidence="door",
    )
    _tell(house, [came])
    house.pass_time()
    return parcel_id


def _dropped_off(house: Lives) -> str:
    """Let a person put something in; return the parcel's id."""
    body = {
        "locker_id": LOCKER,
        "reference": "RETURN-1",
        "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
        "drop_off_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    answer = house.client.post("/v1/drop-offs", json=body)
    assert answer.status_code == 201, answer.text
    parcel_id: str = answer.json()["parcel_id"]
    (right,) = house.rights("drop_off")
    put = events.DroppedOff(
        parcel_id=parcel_id, right_id=right.id, allowance_class="S", compartment=7, evidence="door"
    )
    _tell(house, [put])
    return parcel_id


def _drop_offs(house: Lives) -> list[Json]:
    found: list[Json] = house.client.get("/v1/drop-offs").json()["drop_offs"]
    return found


def _opened(house: Lives) -> str:
    """Open a door from afar, and shut it; return the id of that."""
    asked = {"compartment": 8, "reason_code": "inspection", "reason": "A smell."}
    answer = house.api.operator().post(f"/v1/lockers/{LOCKER}/door-operations", json=asked)
    assert answer.status_code == 202, answer.text
    jti: str = answer.json()["id"]
    presented = events.Presented(
        kind="command", outcome="authorised", jti=jti, authorisation_id="a-afar", compartment=8
    )
    pulsed = events.Pulsed(authorisation_id="a-afar", compartment=8, attempt=1)
    opened = events.DoorOpened(authorisation_id="a-afar", compartment=8)
    closed = events.DoorClosed(authorisation_id="a-afar", compartment=8)
    _tell(house, [presented, pulsed, opened, closed])
    return jti
