"""API keys: hashed, alike in refusal, and never in a log or an error."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from fellesskap_backend import db
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.tables import ApiKey
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.settings import Settings
from tests.backend.api import Api, request, reserve
from tests.system.house import wait_for


@pytest.mark.parametrize("key", [None, "", "nonsense", "fsk_", "fsk_abc", "fsk_abc_def", "x y"])
def test_unknown_keys_answer_alike(api: Api, key: str | None) -> None:
    client = api.client(key)
    for answer in (
        client.get("/v1/events"),
        reserve(client, request(), "k"),
        client.get("/v1/parcels/01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token "])
def test_a_good_key_shown_another_way_is_none_and_how_to_show_it_is_said(
    api: Api, scheme: str
) -> None:
    key = api.key()
    shown = {"Authorization": scheme + key}
    answer = api.client().get("/v1/events", headers=shown)
    assert answer.status_code == 401
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert api.client().get("/v1/events", headers={"Authorization": f"bEARER {key}"}).is_success


def test_only_the_hash_of_a_key_is_kept(api: Api) -> None:
    key = api.key()
    _, prefix, secret = key.split("_", 2)
    (row,) = api.rows(ApiKey)
    assert row.prefix == prefix
    assert secret not in str(vars(row))


def test_right_prefix_with_a_wrong_secret_is_unknown(api: Api) -> None:
    key = api.key()
    client = api.client(key[:-2] + ("AA" if key[-2:] != "AA" else "BB"))
    assert client.get("/v1/events").status_code == 401
    assert reserve(client, request(), "k").status_code == 401


def test_revoked_key_comes_in_no_more(api: Api) -> None:
    key = api.key()
    client, prefix = api.client(key), key.split("_")[1]
    assert client.get("/v1/events").status_code == 200
    now = datetime.now(UTC)
    assert api.change(lambda session: carriers.revoke_key(session, prefix, now))
    assert client.get("/v1/events").status_code == 401
    assert reserve(client, request(), "k").status_code == 401


def test_carriers_open_no_doors_and_operators_reserve_nothing(api: Api) -> None:
    body = {"compartment": 1, "reason_code": "test", "reason": "It is stuck."}
    refused = api.carrier().post("/v1/lockers/oslo-1/door-operations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    refused = reserve(api.operator(), request(), "k")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_no_key_and_no_code_in_any_log_or_error(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = api.key()
    client, secret = api.client(key), key.split("_", 2)[2]
    code = reserve(client, request(code_at="reservation"), "k1").json()["pickup_code"]
    client.headers["Idempotency-Key"] = "k2"
    errors = [
        client.post("/v1/reservations", json={**request(2), "pickup_code": code}).text,
        client.post("/v1/reservations", json=[code, key]).text,
        client.post("/v1/reservations", content=f"{{{code}{key}").text,
        client.get(f"/v1/reservations/{code}").text,
        api.client(key + "x").get("/v1/events").text,
    ]
    # The client's own log, and the access log: `serve` has none, pytest gives it a handler.
    others = ("httpx", "httpcore", "uvicorn.access")
    own = [one.getMessage() for one in caplog.records if not one.name.startswith(others)]
    for said in [*errors, *own]:
        assert secret not in said
        assert code not in said


def test_bug_is_answered_rolled_back_and_logged_without_rows(
    api: Api, owned: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    # What no row can satisfy: the database's complaint quotes the whole row.
    owner = db.engine(owned)
    with db.writing(owner) as session:
        session.execute(text("DROP TABLE parcel_history"))
        session.execute(text("CREATE TABLE parcel_history (impossible varchar NOT NULL)"))
    owner.dispose()
    broken = reserve(api.carrier(), request(code_at="reservation"), "k")
    assert (broken.status_code, broken.json()["code"]) == (500, "internal_error")
    assert api.count(Reservation) == 0

    def logged() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.name.endswith("gate")]

    (said,) = wait_for("the gate's log", logged)
    instance = broken.json()["instance"]
    assert instance.startswith("urn:uuid:")
    assert f"Error, {instance}\n" in said
    assert "R-000001" not in caplog.text


def test_secrets_lie_in_a_file_that_only_its_owner_reads(api: Api, tmp_path: Path) -> None:
    kept = tmp_path / "secrets.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "seed" not in repr(api.secrets)
    assert api.secrets.k_codes.hex() not in repr(api.secrets)
