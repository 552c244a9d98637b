"""`/v1/lockers/{id}/availability`, and what else is public."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from fellesskap_backend.lockers.tables import Locker
from tests.backend.api import Api, request, reserve


def test_availability_is_public_and_rough(api: Api) -> None:
    api.locker("wide-1", doors=9, height_mm=240)
    public = api.client()
    assert public.get("/v1/lockers/wide-1/availability").json() == {
        "locker_id": "wide-1",
        "in_contact": True,
        "size_classes": {"S": "many", "M": "many", "L": "many", "XL": "none"},
    }
    carrier = api.carrier()
    assert public.get("/v1/lockers/oslo-1/availability").json()["size_classes"]["S"] == "many"
    reserve(carrier, request(0), "k0")
    assert public.get("/v1/lockers/oslo-1/availability").json()["size_classes"]["S"] == "few"
    for number in (1, 2):
        reserve(carrier, request(number), f"k{number}")
    assert public.get("/v1/lockers/oslo-1/availability").json()["size_classes"]["S"] == "none"


def test_locker_unheard_for_twenty_minutes_is_out_of_contact(api: Api) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=21)
    api.change(lambda session: session.execute(update(Locker).values(contact_at=long_ago)))
    found = api.client().get("/v1/lockers/oslo-1/availability").json()
    assert found["in_contact"] is False
    assert found["size_classes"]["S"] == "many"
    assert reserve(api.carrier(), request(), "k").status_code == 201


def test_unknown_locker_is_not_found(api: Api) -> None:
    answer = api.client().get("/v1/lockers/nowhere/availability")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_health_documents_and_problems_need_no_key(api: Api) -> None:
    public = api.client()
    assert public.get("/v1/health").json() == {"status": "ok"}
    page = public.get("/docs").text
    assert "POST" in page
    assert "370712345678901238" in page
    assert "http" not in page.replace("http-equiv", "").split("<body>", 1)[0]
    assert "<script" not in page
    document = public.get("/openapi.json").json()
    assert document["paths"]["/v1/reservations"]["post"]["responses"]["201"]["content"]
    for path, status in (("/nothing", 404), ("/v1/health", 405)):
        answer = public.get(path) if status == 404 else public.post(path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
