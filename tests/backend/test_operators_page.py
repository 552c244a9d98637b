"""`docs/operators.md`: every line of its examples is sent as it stands, and does what it says."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.backend.api import Api
from tests.backend.lives import Lives
from tests.backend.lockers import deposit

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"
UNKNOWN_THERE = ("/devices/dev-0a8c/revoke",)
"""What the page names and no test has."""


def commands(page: str) -> Iterator[list[str]]:
    """Yield the words of each `ask`, `post` and `put` in the page's blocks, in order."""
    for block in re.findall(r"^```\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        waiting = ""
        for line in block.splitlines():
            waiting = f"{waiting}{line}\n"
            if line.endswith("\\"):
                continue
            try:
                words = shlex.split(waiting.replace("\\\n", " "), comments=True)
            except ValueError:  # a quote goes on
                continue
            waiting = ""
            if words and words[0] in ("ask", "post", "put"):
                yield words


def send(operator: httpx.Client, words: list[str]) -> httpx.Response:
    """Do what the functions at the page's head do."""
    verb, path = words[0], words[1].removeprefix("$API")
    if verb == "ask":
        return operator.get(path)
    body = json.loads(words[2])
    if verb == "post":
        return operator.post(path, json=body)
    tag = operator.get(path).headers["ETag"]
    return operator.put(path, json=body, headers={"If-Match": tag})


@pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
def test_the_examples_of_the_page_are_good(api: Api) -> None:
    house = Lives(api, doors=7)
    site_id = api.site("oslo-1", 59.9, 10.6)
    answer = house.room()
    house.tell(*deposit(answer, 7))
    api_answer = house.client.post(
        f"/v1/parcels/{answer['parcel_id']}/dispute", json={"reason": "not found"}
    )
    assert api_answer.status_code == 200
    operator, sent = api.operator(), 0
    for words in commands(PAGE.read_text()):
        told = [
            word.replace("fornebu-1", "oslo-1")
            .replace("$ID", answer["parcel_id"])
            .replace("$SITE", site_id)
            for word in words
        ]
        if any(word.startswith("$(") for word in told):
            continue  # `replace` wants a device; `test_operator_work` has one
        got = send(operator, told)
        expected = 404 if told[1].endswith(UNKNOWN_THERE) else 200
        assert got.status_code in (expected, 202), (told, got.text)
        sent += 1
    assert sent >= 17
