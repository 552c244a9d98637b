"""`docs/carriers.md`: its snippets are one program, run as it is while people use the locker."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fellesskap_backend import db, secrets
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.settings import Settings
from tests.backend.crowd import announce, share
from tests.system.house import Installation, Json, Locker, installation, wait_for
from tests.system.receiver import Receiver

PAGE = Path(__file__).parents[2] / "docs" / "carriers.md"
PART = re.compile(r"^```python\n(.*?)^```|^<!-- (.*?) -->", re.MULTILINE | re.DOTALL)
LOCKER_ID = "fornebu-1"
LOCKER = f"/v1/operator/lockers/{LOCKER_ID}"
CARRIERS = ("Nordpost", "Samlast")
WAITS_S = 15.0
"""So long after it is announced a busy locker decides: the page's requests are made by then."""


class People:
    """Who comes to the locker between two snippets; `known` is what the program knows by then."""

    def __init__(self, house: Installation, locker: Locker, receiver: Receiver) -> None:
        self.house, self.locker, self.receiver = house, locker, receiver
        self.operator = house.operator()
        self.known: Json = {}
        self.acts: dict[str, Callable[[], None]] = {
            "a courier puts it in": lambda: self.deposits("ORDER-1001", self.known["reservation"]),
            "the locker has heard; the recipient collects": self.collects,
            "a courier puts the first of the van in": lambda: self.deposits(
                "ORDER-1002", self.known["booked"][0]
            ),
            "the courier shows the badge and takes it out": self.sweeps,
            "somebody hands it in": self.hands_in,
        }

    def locker_has_heard(self) -> None:
        """Wait until the locker's rights are those that it should have."""

        def applied() -> bool:
            rights = self.operator.get(LOCKER).json()["rights"]
            return bool(rights["wanted"] == rights["applied"])

        wait_for("its rights", applied)

    def read(self, path: str) -> Json:
        """Return what the API says."""
        said: Json = self.known["api"].get(path).json()
        return said

    def deposits(self, label: str, reservation: Json) -> None:
        """Scan the label as soon as the locker knows of it, and put the parcel in."""
        path = f"/v1/reservations/{reservation['id']}"
        wait_for("the right", lambda: self.read(path)["delivered_to_locker"])
        self.locker.hardware.person("put_in")
        self.locker.hardware.scan(f"]C0{label}")

    def collects(self) -> None:
        """Type the newest code once it opens."""
        path, code = self.known["seen"], self.known["code"]["code"]
        wait_for("the new code", lambda: self.read(path)["effective"] == "in_force")
        self.locker.hardware.person("take_out")
        assert self.locker.enter(code)["outcome"] == "opens"

    def sweeps(self) -> None:
        """Show the badge, and ask to take out what has to go."""
        self.locker.hardware.scan(f"]Q3{self.known['badge']['token']}")
        status = self.locker.kiosk.get
        wait_for("the badge", lambda: status("/api/status").json()["standing"]["may_take_out"])
        self.locker.hardware.person("take_out")
        self.locker.kiosk.post("/api/key", json={"key": "take_out"})

    def hands_in(self) -> None:
        """Type the drop-off's code."""
        self.locker_has_heard()
        self.locker.hardware.person("put_in")
        assert self.locker.enter(self.known["drop_off"]["code"])["outcome"] == "opens"


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[People]:
    """An installation with one locker that has a place on the map, two carriers, an endpoint."""
    receiver = Receiver()
    with installation(tmp_path / "house") as house:
        monkeypatch.setenv("FELLESSKAP_API", house.url)
        for name, variable in zip(CARRIERS, ("FELLESSKAP_KEY", "CONSOLIDATOR_KEY"), strict=True):
            monkeypatch.setenv(variable, house.cli("carrier", "add", name)["api_key"])
        monkeypatch.setenv("MY_ENDPOINT", receiver.url)
        locker = house.locker(LOCKER_ID)
        people = People(house, locker, receiver)
        wait_for("its doors", lambda: people.operator.get(LOCKER).json()["compartments"])
        tag = people.operator.get(f"{LOCKER}/allowances").headers["ETag"]
        targets = {"targets": {"S": 2}, "reason": "Returns."}
        people.operator.put(f"{LOCKER}/allowances", json=targets, headers={"If-Match": tag})
        yield people
        for client in ("api", "consolidator"):
            if client in people.known:
                people.known[client].close()
    receiver.close()


def run(people: People, *, until_act: bool = False) -> set[str]:
    """Run the page's program, perhaps until somebody acts; return which acts there were."""
    done: set[str] = set()
    text = PAGE.read_text()
    for part in PART.finditer(text):
        snippet, act = part.groups()
        if act and until_act:
            break
        if act:
            people.acts[act]()
            done.add(act)
        else:
            lines_before = "\n" * text.count("\n", 0, part.start(1))
            exec(compile(lines_before + snippet, str(PAGE), "exec"), people.known)
            people.receiver.secret = people.known.get("secret", "")
    return done


def test_the_whole_page_is_one_program_that_works(people: People) -> None:
    space: dict[str, Any] = people.known
    assert run(people) == set(people.acts)
    wait_for("the webhooks", lambda: people.receiver.of_type("parcel.collected"))
    assert people.receiver.refused == 0
    (told,) = people.receiver.of_type("parcel.deposited", space["parcel_id"])
    assert told["data"]["pickup_code"]


def test_at_a_busy_locker_the_program_waits_for_the_cut_off(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(state=people.house.state)
    now = datetime.now(UTC)
    engine = db.engine(settings)
    began = now - timedelta(hours=12)
    policy = FairShare(in_force_from=began)
    cut_off = now.replace(microsecond=0) + timedelta(seconds=WAITS_S)
    with db.writing(engine) as session:
        share(session, dict.fromkeys(CARRIERS, 1), now, policy)
        announce(session, secrets.load(settings.state), LOCKER_ID, began, cut_off, policy)
    engine.dispose()
    run(people, until_act=True)
    space: dict[str, Any] = people.known
    assert space["reservation"]["state"] == "requested"
    assert (len(space["waiting"]), space["booked"], space["refused"]) == (4, [], [])
    after, given = 0, {}
    for _ in range(5):
        event, after = space["follow"](after, "reservation.confirmed")
        space["told"](event)
        given[event["data"]["reservation_id"]] = event["data"]["parcel_id"]
    assert given.keys() == {one["id"] for one in (space["reservation"], *space["waiting"])}
    said = capsys.readouterr().out
    assert f"its courier waits until {space['reservation']['decided_at']}" in said
    assert all(f"{one} may be put in as parcel {given[one]}" in said for one in given)
