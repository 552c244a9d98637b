"""Carriers that let each other act, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from fellesskap_backend.carriers.tables import Carrier
from tests.backend.api import Api, Json

ON_BEHALF_OF = "On-Behalf-Of"
EVERYTHING = ("deposit", "remove", "reserve")


class Party:
    """One carrier: its client and its id."""

    def __init__(self, api: Api, name: str) -> None:
        self.name = name
        self.client: httpx.Client = api.carrier(name)
        (self.id,) = [str(row.id) for row in api.rows(Carrier) if row.name == name]

    def code(self) -> str:
        """Return the code that it hands over."""
        code: str = self.client.get("/v1/delegation-code").json()["code"]
        return code

    def let(self, other: "Party", *may: str, days: float = 30) -> Json:
        """Let another one act for it."""
        answer = self.give(other.code(), *may, days=days)
        assert answer.status_code == 201, answer.text
        given: Json = answer.json()
        return given

    def give(self, code: str, *may: str, days: float = 30) -> httpx.Response:
        """Let whoever has a code act for it."""
        ends_at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        body = {"code": code, "may": [*(may or EVERYTHING)], "ends_at": ends_at}
        return self.client.post("/v1/delegations", json=body)

    def acts_for(self, other: "Party | str") -> dict[str, str]:
        """Return the header by which it acts for another one."""
        return {ON_BEHALF_OF: other if isinstance(other, str) else other.id}

    def badge(self, *carriers: "Party | str", **fields: Any) -> httpx.Response:
        """Ask for a badge."""
        ids = [one if isinstance(one, str) else one.id for one in carriers]
        body = {"lockers": ["oslo-1"], "may": ["deposit", "remove"], "carriers": ids or None}
        return self.client.post("/v1/courier-badges", json=body | fields)
