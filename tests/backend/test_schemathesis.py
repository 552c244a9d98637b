"""Schemathesis over the whole document, stateful phase on, two tenants: no 5xx, no violation."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.scopes import of_role, written
from fellesskap_backend.db import Moment
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, Json
from tests.backend.lived_in import live_in
from tests.backend.printed import (
    LOCKER_ID,
    linked,
    printed,
    printed_for_carriers,
    with_good_bodies,
    with_ids,
)

EACH, CHANCE, WALKS = "examples,coverage", "fuzzing", "stateful"
"""Each operation by its examples and its limits, as long as that takes; the others for a while."""
WITHOUT = "positive_data_acceptance,use_after_free"
"""A request of the right shape may name a locker that there is not; what ends stays readable."""
CONFIG = """\
seed = 1
[phases.stateful.inference]
algorithms = []  # else of sixteen steps fifteen go where no link of ours leads
[auth.wfc]
path = "auth.json"
"""
FOLLOWED = {"find_courier_badge", "see_sweep_list", "find_decision"}
"""Where the walks get in half their time, on a busy machine; `test_links` follows every link."""
SECONDS = {"sqlite": 10, "postgresql": 90}
"""For what has no end; the walks have twice as long, for they have to get somewhere."""
LABELS = 40


@pytest.fixture
def open_house(settings: Settings) -> Iterator[Api]:
    """A server without limit, with room."""
    house = Api(settings.model_copy(update={"rate_per_s": 0}))
    try:
        house.locker(LOCKER_ID, doors=60, height_mm=240)
        yield house
    finally:
        house.stop()


@dataclass(frozen=True)
class Examination:
    """Schemathesis with some users, each of whose objects is no other's business."""

    api: Api
    folder: Path
    keys: list[str]

    def of(self, document: Json, phases: str, *more: str) -> str:
        """Look for faults; return what was said, fail if one was found."""
        names = [f"user{number}" for number in range(len(self.keys))]
        users = [
            {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}
            for name, key in zip(names, self.keys, strict=True)
        ]
        (self.folder / "auth.json").write_text(json.dumps({"auth": users}))
        peers = f"peers = {json.dumps(names)}\n" if len(names) > 1 else ""
        (self.folder / "config.toml").write_text(CONFIG + peers)
        (self.folder / "document.json").write_text(json.dumps(document))
        program = str(Path(sys.executable).with_name("st"))
        options = ["--url", self.api.url, "--phases", phases, *more]
        options += ["--checks", "all", "--exclude-checks", WITHOUT, "--warnings", "off"]
        if phases != EACH:
            seconds = SECONDS[self.api.engine.dialect.name] * (2 if phases == WALKS else 1)
            options += ["--max-time", str(seconds)]
        done = subprocess.run(
            [program, "--config-file", "config.toml", "run", "document.json", *options],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def of_each(self, document: Json, *more: str) -> None:
        """Look for faults in every operation of a document, then at random."""
        said = self.of(document, EACH, *more)
        tried = re.search(r"Selected: (\d+)/\d+\s+Tested: (\d+)\n", said)
        assert tried, said
        assert tried[1] == tried[2], said
        self.of(document, CHANCE, *more)

    def followed(self) -> set[str]:
        """Return by which of the links that the document declares it got a good answer."""
        (report,) = self.folder.glob("schemathesis-report/*.ndjson")
        found = set()
        for line in report.read_text().splitlines():
            scenario = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            for case_id, case in scenario.get("cases", {}).items():
                link = case.get("transition") if case["is_transition_applied"] else None
                answer = (scenario["interactions"].get(case_id) or {}).get("response")
                if link and answer and answer["status_code"] < 400:
                    found.add(link["id"].split(" -> ")[1].partition("] ")[2])
        return found


def keys_of(api: Api, role: str) -> tuple[str, list[str]]:
    """Return a key that may do all of its role, and two of others that may not touch keys.

    Whoever may revoke the key that he is examined with is soon told nothing but 401.
    """
    scopes = written(set(of_role(role)) - {"keys:write"})
    moment = Moment(datetime.now(UTC))

    def add(session: Session, granted: str | None) -> str:
        if role == "carrier":
            return carriers.add_carrier(session, "Nordpost", moment, granted)[1]
        return carriers.add_operator(session, "Drift", moment, role, scopes=granted)

    whole, *narrow = (
        api.change(partial(add, granted=granted)) for granted in (None, scopes, scopes)
    )
    return whole, narrow


@pytest.mark.slow
@pytest.mark.parametrize(
    "owned",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.full)],
    indirect=True,
)
def test_nothing_that_is_sent_breaks_the_api_or_its_word(open_house: Api, tmp_path: Path) -> None:
    whole, narrow = keys_of(open_house, "carrier")
    ids = live_in(open_house, narrow[0])
    document = with_ids(printed_for_carriers(open_house), ids)
    carriers_two = Examination(open_house, tmp_path, narrow)
    carriers_two.of_each(document)
    linking = [word for one in linked(document) for word in ("--include-operation-id", one)]
    walked = with_good_bodies(document, LABELS)
    carriers_two.of(walked, WALKS, "--report", "ndjson", *linking)
    assert carriers_two.followed() >= FOLLOWED
    assert open_house.count(Reservation) > 2, "the walks made nothing"

    _, operators = keys_of(open_house, "operator")
    document = with_ids(printed(open_house, "operator"), ids)
    operator = Examination(open_house, tmp_path, operators[:1])
    operator.of_each(document)
    operator.of(document, WALKS)
    _, auditors = keys_of(open_house, "auditor")
    auditor = Examination(open_house, tmp_path, auditors[:1])
    auditor.of_each(printed(open_house, "auditor"), "--include-tag", "Audit")
    owner = Examination(open_house, tmp_path, [whole])
    document = printed(open_house, "carrier")
    owner.of_each(document, "--include-tag", "API keys")
    owner.of(document, WALKS, "--include-tag", "API keys")
