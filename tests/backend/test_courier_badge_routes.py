"""Courier badges over HTTP: signed from the row, stored nowhere, revoked by a right."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from fellesskap_backend.badges import service
from fellesskap_backend.badges.tables import CourierBadge
from fellesskap_backend.idempotency import Answer
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_protocol import events, messages
from fellesskap_protocol.signing import unseal
from tests.backend.api import Api, Json
from tests.backend.delegating import Party
from tests.backend.lives import Lives
from tests.backend.lockers import deposit
from tests.backend.test_drop_off_routes import wish as drop_off

PATH = "/v1/courier-badges"
TOUR = {"lockers": ["oslo-1"], "may": ["deposit", "remove"]}


def read(api: Api, token: str) -> messages.Badge:
    """Read a token as a locker does."""
    key = api.secrets.signing.public
    return unseal(messages.Badge, token.encode(), {key.kid: key}, aud=api.secrets.installation)


def test_a_badge_is_issued_once_per_key_and_its_token_stands_there_alone(api: Api) -> None:
    carrier = Party(api, "Nordpost")
    first, again = (
        carrier.client.post(PATH, json=TOUR, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.status_code == 201, first.text
    body = first.json()
    assert again.json() == body
    token = body.pop("token")
    badge = read(api, token)
    assert (badge.jti, badge.carriers) == (body["id"], (carrier.id,))
    assert (badge.lockers, badge.may) == (("oslo-1",), ("deposit", "remove"))
    assert badge.exp - badge.iat == 12 * 3600
    assert carrier.client.get(first.headers["Location"]).json() == body
    assert carrier.client.get(PATH).json() == {"courier_badges": [body], "next": None}
    (stored,) = api.rows(Answer)
    assert "token" not in stored.body


def test_once_revoked_or_over_a_token_is_told_no_more(api: Api) -> None:
    carrier = api.carrier()
    headers = {"Idempotency-Key": "k"}
    made = carrier.post(PATH, json=TOUR, headers=headers).json()
    gone = carrier.delete(f"{PATH}/{made['id']}").json()
    assert (gone["state"], gone["not_heard_by"]) == ("revoked", ["oslo-1"])
    assert carrier.delete(f"{PATH}/{made['id']}").json() == gone
    assert "token" not in carrier.post(PATH, json=TOUR, headers=headers).json()
    other = carrier.post(PATH, json=TOUR, headers={"Idempotency-Key": "k2"}).json()
    over = update(CourierBadge).values(expires_at=datetime.now(UTC))
    api.change(lambda session: session.execute(over))
    assert carrier.get(f"{PATH}/{other['id']}").json()["state"] == "expired"
    answer = carrier.post(PATH, json=TOUR, headers={"Idempotency-Key": "k2"})
    assert "token" not in answer.json()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"lockers": None}, 422),
        ({"site": "Oslo S"}, 422),
        ({"lockers": []}, 422),
        ({"may": []}, 422),
        ({"may": ["open"]}, 422),
        ({"valid_for": "PT24H1S"}, 422),
        ({"valid_for": "PT59S"}, 422),
        ({"carriers": []}, 422),
        ({"carriers": ["nobody"]}, 422),
        ({"lockers": ["nowhere-1"]}, 404),
        ({"lockers": ["oslo-1", "nowhere-1"]}, 404),
        ({"lockers": None, "site": "Nowhere"}, 404),
    ],
)
@pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
def test_what_cannot_be_is_refused(api: Api, fields: Json, status: int) -> None:
    answer = api.carrier().post(PATH, json=TOUR | fields)
    assert answer.status_code == status, answer.text
    assert api.count(CourierBadge) == 0


def test_a_site_is_the_lockers_that_stand_there(api: Api) -> None:
    api.locker("oslo-2", doors=1)
    api.locker("oslo-3", doors=1)
    gone = update(Locker).where(Locker.id == "oslo-3").values(written_off_at=datetime.now(UTC))
    api.change(lambda session: session.execute(gone))
    body = {"site": "Oslo S", "may": ["deposit"], "valid_for": "PT1H"}
    made = api.carrier().post(PATH, json=body).json()
    assert made["lockers"] == ["oslo-1", "oslo-2"]
    assert api.carrier("Sydpost").post(PATH, json=TOUR | {"lockers": ["oslo-3"]}).status_code == 404


def test_eight_carriers_fit_one_locker_and_what_does_not_fit_is_refused(api: Api) -> None:
    consolidator = Party(api, "Samlast")
    givers = [Party(api, f"Nordpost {number}") for number in range(8)]
    for giver in givers:
        giver.let(consolidator)
    made = consolidator.badge(*givers)
    assert made.status_code == 201, made.text
    assert len(made.json()["token"]) <= 1000
    names = [f"a-locker-with-a-long-name-{number}" for number in range(8)]
    for name in names:
        api.locker(name, doors=1)
    refused = consolidator.badge(*givers, lockers=names)
    assert refused.status_code == 422
    assert "1000 characters" in refused.json()["detail"]
    assert consolidator.badge(consolidator, *givers).status_code == 422, "nine"


def test_there_is_an_end_to_badges(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LIVE_MAX", 2)
    carrier = api.carrier()
    answers = [carrier.post(PATH, json=TOUR) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "too_many"


def test_the_right_that_revokes_names_what_is_revoked_and_not_yet_over(house: Lives) -> None:
    api, carrier = house.api, house.client
    made = [carrier.post(PATH, json=TOUR).json()["id"] for _ in range(3)]
    other = api.carrier("Sydpost")
    others = other.post(PATH, json=TOUR).json()["id"]
    other.delete(f"{PATH}/{others}")
    for badge_id in made[:2]:
        carrier.delete(f"{PATH}/{badge_id}")
    found = {right.carrier_id: right.revoked_badges for right in house.rights("carrier")}
    assert sorted(found.values()) == sorted([tuple(sorted(made[:2])), (others,)])
    assert found[house.carrier_id] == tuple(sorted(made[:2]))
    house.applied()
    assert carrier.get(f"{PATH}/{made[0]}").json()["not_heard_by"] == []
    over = update(CourierBadge).where(CourierBadge.id == UUID(made[0]))
    past = datetime.now(UTC) - timedelta(seconds=1)
    api.change(lambda session: session.execute(over.values(expires_at=past)))
    carrier.delete(f"{PATH}/{made[2]}")
    found = {right.carrier_id: right.revoked_badges for right in house.rights("carrier")}
    assert found[house.carrier_id] == tuple(sorted(made[1:]))
    assert carrier.get(f"{PATH}/{made[1]}").json()["not_heard_by"] == ["oslo-1"]


def test_a_sweep_list_says_what_lies_where_and_why(house: Lives) -> None:
    parcels = [house.room(number) for number in (1, 2)]
    for number, parcel in enumerate(parcels, start=1):
        house.tell(*deposit(parcel, number))
    back = house.client.post("/v1/drop-offs", json=drop_off()).json()
    (right,) = house.rights("drop_off")
    house.tell(
        events.DroppedOff(
            parcel_id=back["parcel_id"],
            right_id=right.id,
            allowance_class="S",
            compartment=3,
            evidence="door",
        )
    )
    badge = house.client.post(PATH, json=TOUR).json()["id"]
    house.client.post(f"/v1/parcels/{parcels[1]['parcel_id']}/recall")

    def listed(client_path: str = f"{PATH}/{badge}/sweep") -> list[tuple[int, str, str]]:
        (here,) = house.client.get(client_path).json()["lockers"]
        return [(one["compartment"], one["kind"], one["reference"]) for one in here["parcels"]]

    expected = [(2, "recalled", "R-000002"), (3, "return", "R-1")]
    assert listed() == expected
    now = datetime.now(UTC)
    house.serve(now - timedelta(days=4), now)
    later = update(Parcel).where(Parcel.id == UUID(parcels[0]["parcel_id"]))
    house.set(lambda session: session.execute(later.values(collect_by=now - timedelta(days=1))))
    house.pass_time(now)
    expected.insert(0, (1, "overdue", "R-000001"))
    assert listed() == expected
    deposit_only = house.client.post(PATH, json=TOUR | {"may": ["deposit"]}).json()["id"]
    assert listed(f"{PATH}/{deposit_only}/sweep") == []
    house.client.post(
        f"/v1/parcels/{parcels[1]['parcel_id']}/dispute", json={"reason": "is it there?"}
    )
    expected[1] = (2, "disputed", "R-000002")
    assert listed() == expected
    other = house.api.carrier("Sydpost")
    theirs = other.post(PATH, json=TOUR).json()["id"]
    assert other.get(f"{PATH}/{theirs}/sweep").json()["lockers"] == [
        {"locker_id": "oslo-1", "parcels": []}
    ]
    assert other.get(f"{PATH}/{badge}/sweep").status_code == 404
    house.client.delete(f"{PATH}/{badge}")
    assert listed() == []
