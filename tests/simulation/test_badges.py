"""Badges issued by the backend at a real locker: its own drive and journal in virtual time."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from fellesskap_backend.badges import deposit_auth
from fellesskap_backend.db import Moment
from fellesskap_backend.errors import NotFound
from fellesskap_backend.etag import Match, Tagger
from fellesskap_backend.parcels import unannounced
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_firmware_sim.plant import Person
from fellesskap_protocol.events import AnyEvent, Presented
from fellesskap_protocol.messages import decode_event
from tests.simulation.acting import HERE, THERE, Json, Market, market

SHORT_H = 1 / 30

pytestmark = pytest.mark.slow


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Market]:
    """Nordpost, Sydpost and a consolidator."""
    with market(tmp_path) as made:
        made.join("Sydpost")
        made.join("Samlast")
        yield made


def show(at: Market, badge: Json) -> str:
    """Hold a badge before the scanner; return what is told."""
    told = at.stand.scan(badge["token"])
    assert told is not None
    return told.outcome


def journal(at: Market) -> list[AnyEvent]:
    store = at.stand.journal
    return [decode_event(body) for body in store.read(1, store.head_seq)]


def why(at: Market) -> str | None:
    """Return why the last presentation was refused."""
    said = [one for one in journal(at) if isinstance(one, Presented)]
    return said[-1].reason


def put_in(at: Market, label: str) -> str:
    """Put an unannounced parcel in by the badge that was shown; return its parcel's id."""
    told = at.stand.scan(label)
    assert told is not None
    assert told.outcome == "choose_size", told
    answer = at.stand.press("size", "S")
    assert answer is not None
    assert answer.compartment is not None
    assert at.stand.person("put_in", answer.compartment)
    at.fleet.run(3.0)
    (found,) = [row for row in at.fleet.rows(Parcel) if row.label_value == label]
    complete(at)
    return str(found.id)


def complete(at: Market) -> None:
    """Let the worker give rights to what nobody announced."""
    moment = at.fleet.moment()
    for one in at.fleet.change(lambda session: unannounced.waiting(session, moment.now)):
        done = partial(unannounced.complete, parcel_id=one, moment=moment, secrets=at.fleet.secrets)
        at.fleet.change(done)
    at.fleet.run(3.0)


def take_out(at: Market, *doors: int) -> None:
    """Let a courier sweep: behind each door that opens is somebody who takes out and shuts it."""
    people = [Person("take_out", number, 3.0) for number in doors]
    for one in people:
        at.stand.plant.person(one, at.stand.now_s)
    answer = at.stand.press("take_out")
    assert answer is not None
    assert (answer.outcome, answer.compartment) == ("opens", doors[0])
    at.fleet.run(8.0 * len(doors))
    for one in people:
        at.stand.plant.leave(one)
    assert at.stand.shown[-1].outcome == "swept"


def states(at: Market) -> dict[str, str]:
    return {str(row.id): row.state for row in at.fleet.rows(Parcel)}


def test_a_badge_of_the_api_deposits_and_takes_out_in_one_sweep(at: Market) -> None:
    parcels = [at.fleet.reserve("oslo-1", f"P{number}")["parcel_id"] for number in range(2)]
    for number in range(2):
        at.fleet.deposit(at.stand, f"P{number}")
    badge = at.badge("Nordpost")
    assert badge["carriers"] == [at.ids["Nordpost"]]
    assert len(badge["token"]) < 600
    assert show(at, badge) == "badge_accepted"
    parcels.append(put_in(at, "NEW1"))
    assert at.sweep_list("Nordpost", badge["id"]) == []
    for parcel_id in (parcels[0], parcels[2]):
        at.recall("Nordpost", parcel_id)
    wanted = at.sweep_list("Nordpost", badge["id"])
    assert [(one["parcel_id"], one["kind"], one["reference"]) for one in wanted] == [
        (parcels[0], "recalled", "P0"),
        (parcels[2], "recalled", "NEW1"),
    ]
    assert show(at, badge) == "badge_accepted"
    take_out(at, *(one["compartment"] for one in wanted))
    found = states(at)
    assert [found[one] for one in parcels] == ["removed", "deposited", "removed"]
    assert at.sweep_list("Nordpost", badge["id"]) == []


def test_a_badge_for_another_locker_a_stale_and_a_foreign_one_open_nothing(
    at: Market, tmp_path: Path
) -> None:
    elsewhere = at.badge("Nordpost", lockers=(THERE,))
    assert show(at, elsewhere) == "badge_refused"
    assert why(at) == "another_locker"
    short = at.badge("Nordpost", hours=SHORT_H)
    at.fleet.run(SHORT_H * 3600 + 1)
    assert show(at, short) == "expired"
    assert why(at) == "expired"
    (tmp_path / "rival").mkdir()
    with market(tmp_path / "rival") as rival:
        foreign = rival.badge("Nordpost")
    assert show(at, foreign) == "badge_refused"
    assert why(at) == "forged"
    assert at.stand.plant.pulses == []


def test_a_badge_never_takes_out_another_carriers_parcel(at: Market) -> None:
    parcel_id = at.fleet.reserve("oslo-1", "P0")["parcel_id"]
    at.fleet.deposit(at.stand, "P0")
    at.recall("Nordpost", parcel_id)
    badge = at.badge("Sydpost")
    assert at.sweep_list("Sydpost", badge["id"]) == []
    assert show(at, badge) == "badge_accepted"
    answer = at.stand.press("take_out")
    assert answer is not None
    assert answer.outcome == "nothing_to_take"


def test_a_revoked_badge_opens_nothing_once_the_locker_has_heard(at: Market) -> None:
    badge = at.badge("Nordpost")
    at.stand.disconnect()
    answer = at.revoke_badge("Nordpost", badge["id"])
    assert (answer["state"], answer["not_heard_by"]) == ("revoked", ["oslo-1"])
    assert show(at, badge) == "badge_accepted", "it has not heard, and the answer says so"
    at.stand.press("done")
    at.stand.connect()
    at.fleet.run(30.0)
    assert at.revoke_badge("Nordpost", badge["id"])["not_heard_by"] == []
    assert show(at, badge) == "badge_refused"
    assert why(at) == "revoked"
    assert show(at, at.badge("Nordpost")) == "badge_accepted"


def test_a_consolidator_deposits_for_two_carriers_and_sweeps_for_the_one_that_lets_it(
    at: Market,
) -> None:
    at.let("Nordpost", "Samlast", "deposit", "remove")
    with pytest.raises(NotFound):
        at.badge("Samlast", "Nordpost", "Sydpost")
    at.let("Sydpost", "Samlast", "deposit")
    with pytest.raises(NotFound):
        at.badge("Samlast", "Nordpost", "Sydpost")
    badge = at.badge("Samlast", "Nordpost", "Sydpost", may=("deposit",))
    assert show(at, badge) == "badge_accepted"
    told = at.stand.scan("NEW1")
    assert told is not None
    assert told.outcome == "choose_carrier"
    answer = at.stand.press("carrier", at.ids["Sydpost"])
    assert answer is not None
    assert answer.outcome == "choose_size"
    answer = at.stand.press("size", "S")
    assert answer is not None
    assert answer.compartment is not None
    assert at.stand.person("put_in", answer.compartment)
    at.fleet.run(3.0)
    (parcel,) = at.fleet.rows(Parcel)
    assert str(parcel.carrier_id) == at.ids["Sydpost"]
    both = at.badge("Samlast", "Nordpost")
    parcel_id = at.fleet.reserve("oslo-1", "P0")["parcel_id"]
    at.fleet.deposit(at.stand, "P0")
    at.recall("Nordpost", parcel_id)
    assert show(at, both) == "badge_accepted"
    (wanted,) = at.sweep_list("Samlast", both["id"])
    assert (wanted["parcel_id"], wanted["carrier_id"]) == (parcel_id, at.ids["Nordpost"])
    take_out(at, wanted["compartment"])
    assert states(at)[parcel_id] == "removed"


def test_a_delegation_that_is_revoked_takes_its_badges_with_it(at: Market) -> None:
    given = at.let("Nordpost", "Samlast", "deposit", "remove")
    badge, own = at.badge("Samlast", "Nordpost"), at.badge("Samlast")
    parcel_id = at.fleet.reserve("oslo-1", "P0")["parcel_id"]
    at.fleet.deposit(at.stand, "P0")
    at.recall("Nordpost", parcel_id)
    at.end("Nordpost", given["id"])
    assert at.sweep_list("Samlast", badge["id"]) == []
    with pytest.raises(NotFound):
        at.badge("Samlast", "Nordpost")
    at.fleet.run(3.0)
    assert show(at, badge) == "badge_refused"
    assert why(at) == "revoked"
    assert show(at, own) == "badge_accepted"


def test_a_badge_ends_with_the_delegation_that_it_rests_on(at: Market) -> None:
    at.let("Nordpost", "Samlast", "deposit", hours=SHORT_H)
    badge = at.badge("Samlast", "Nordpost", may=("deposit",), hours=12)
    at.fleet.run(SHORT_H * 3600 + 1)
    assert show(at, badge) == "expired"
    with pytest.raises(NotFound):
        at.badge("Samlast", "Nordpost", may=("deposit",))


def test_a_carrier_that_wants_badges_is_asked_for_one_at_a_label(at: Market) -> None:
    """The label waits for the badge, and goes on without another scan; another's needs none."""
    want = partial(deposit_auth.change, wanted="badge", match=Match(Tagger(b""), "*"))
    at.do(want, "Sydpost")
    at.fleet.change(partial(_tell, moment=at.fleet.moment()))
    at.fleet.run(3.0)
    labels = {}
    for name in ("Nordpost", "Sydpost"):
        at.fleet.credentials = at.who(name)
        labels[name] = at.fleet.reserve(HERE, f"{name}-1")["label"]["value"]
    at.fleet.deposit(at.stand, labels["Nordpost"])
    told = at.stand.scan(labels["Sydpost"])
    assert told is not None
    assert (told.outcome, why(at)) == ("badge_needed", "badge_needed")
    assert show(at, at.badge("Sydpost", "Sydpost")) == "opens"


def _tell(session: Session, moment: Moment) -> None:
    for one in deposit_auth.to_tell(session, moment.now):
        deposit_auth.tell(session, one, moment)
