"""`/v1/events`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.events.tables import Notice
from tests.backend.api import Api, request, reserve


def _give_positions(api: Api) -> None:
    """Do what the worker does after the commit."""

    def give(session: Session) -> None:
        notices = session.scalars(select(Notice).order_by(Notice.number))
        last: dict[object, int] = {}
        for notice in notices:
            notice.position = last[notice.carrier_id] = last.get(notice.carrier_id, 0) + 1

    api.change(give)


def test_feed_is_read_by_position(api: Api) -> None:
    carrier = api.carrier()
    for number in range(3):
        reserve(carrier, request(number), f"k{number}")
    assert carrier.get("/v1/events").json() == {"events": [], "next": 0}
    _give_positions(api)
    first = carrier.get("/v1/events", params={"after": 0, "limit": 2}).json()
    assert [event["position"] for event in first["events"]] == [1, 2]
    rest = carrier.get("/v1/events", params={"after": first["next"]}).json()
    assert [event["position"] for event in rest["events"]] == [3]
    assert carrier.get("/v1/events", params={"after": 3}).json() == {"events": [], "next": 3}
    event = rest["events"][0]
    assert (event["type"], event["clock"]) == ("reservation.confirmed", "trusted")
    data = event["data"]
    assert set(data) == {
        *("reservation_id", "parcel_id", "right_id", "label", "locker_id", "locker", "hold"),
        "deposit_by",
    }
    assert (data["label"], data["hold"]) == (request(2)["label"], "hard")
    assert data["locker"] == {"id": data["locker_id"], "address": "Jernbanetorget 1"}


def test_every_event_of_a_parcel_names_its_label_and_its_locker_in_both_ways(api: Api) -> None:
    carrier, other = api.carrier(), api.carrier("Sydpost")
    for number, hold in enumerate(("hard", "soft")):
        made = reserve(carrier, request(number, hold=hold), f"k{number}")
        tag = carrier.get(made.headers["location"]).headers["etag"]
        change = {"collect_within": "P9D"}
        carrier.patch(made.headers["location"], json=change, headers={"If-Match": tag})
        carrier.delete(made.headers["location"])
    _give_positions(api)
    events = carrier.get("/v1/events").json()["events"]
    told = [(one["type"], one["data"]["label"]) for one in events]
    kinds = ("reservation.confirmed", "reservation.changed", "reservation.cancelled")
    assert told == [(kind, request(number)["label"]) for number in (0, 1) for kind in kinds]
    locker = {"id": "oslo-1", "address": "Jernbanetorget 1"}
    for one in events:
        assert (one["data"]["locker_id"], one["data"]["locker"]) == ("oslo-1", locker)
    assert [one["data"]["hold"] for one in events if one["type"] == kinds[0]] == ["hard", "soft"]
    assert other.get("/v1/events").json()["events"] == []


def test_full_page_of_the_feed_links_the_next_one(api: Api) -> None:
    carrier = api.carrier()
    for number in range(3):
        reserve(carrier, request(number), f"k{number}")
    _give_positions(api)
    first = carrier.get("/v1/events", params={"limit": 2})
    assert first.links["next"]["url"] == "/v1/events?limit=2&after=2"
    assert "next" not in carrier.get(first.links["next"]["url"]).links


def test_feed_holds_no_code_and_nothing_of_others(api: Api) -> None:
    carrier, other = api.carrier(), api.carrier("Sydpost")
    code = reserve(carrier, request(code_at="reservation"), "k").json()["pickup_code"]
    _give_positions(api)
    told = carrier.get("/v1/events")
    assert len(told.json()["events"]) == 1
    assert code not in told.text
    assert other.get("/v1/events").json()["events"] == []


def test_positions_and_limits_are_checked(api: Api) -> None:
    carrier = api.carrier()
    for query in ({"after": -1}, {"limit": 0}, {"limit": 201}, {"after": "x"}, {"after": 2**53}):
        assert carrier.get("/v1/events", params=query).status_code == 422
    assert carrier.get("/v1/events", params={"after": 2**53 - 1}).json()["events"] == []
