"""A reservation at a locker that was just started."""

import httpx

from tests.system.house import Json, wait_for


def reserved_when_known(carrier: httpx.Client, body: Json) -> Json:
    """Reserve as soon as the locker's compartments are known; wait until it has the right."""

    def confirmed() -> Json | None:
        answer = carrier.post("/v1/reservations", json=body)
        return answer.json() if answer.status_code == 201 else None

    made: Json = wait_for("a locker with known compartments", confirmed)
    path = f"/v1/reservations/{made['id']}"
    wait_for("delivered", lambda: carrier.get(path).json()["delivered_to_locker"])
    return made
