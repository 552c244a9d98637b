"""The commands, as an operator types them: beside a running server and before the first one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fellesskap_protocol.messages import Keys
from fellesskap_protocol.signing import PublicKey, SigningKey, b64url, unb64url, unseal
from tests.backend.api import request, reserve
from tests.system.house import Installation, installation

pytestmark = pytest.mark.slow  # each starts processes
DEVICE = SigningKey(bytes(range(32))).public


def provision(folder: Path, public_key: str = b64url(DEVICE.raw)) -> list[str]:
    device = folder / "device.json"
    device.write_text(json.dumps({"device_id": "device-1", "public_key": public_key}))
    where = ("--site-name", "Oslo S", "--address", "Jernbanetorget 1")
    return ["locker", "provision", "oslo-1", "--device", str(device), *where]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("house")) as running:
        yield running


def test_ready_line_says_where_everything_is(house: Installation) -> None:
    assert house.backend is not None
    ready = house.backend.ready
    assert ready["ready"] is True
    assert set(ready["broker"]) == {"host", "port", "tls"}
    assert set(ready["operator"]) == {"username", "password"}
    with house.client("none") as public:
        assert public.get("/v1/health").json() == {"status": "ok"}


def test_carrier_added_beside_the_server_comes_in(house: Installation) -> None:
    carrier, added = house.carrier("Nordpost", "https://carrier.example/fellesskap")
    assert set(added) == {"carrier_id", "api_key", "webhook_secret"}
    assert added["webhook_secret"].startswith("whsec_")
    with carrier:
        assert carrier.get("/v1/events").json() == {"events": [], "next": 0}
    assert set(house.cli("carrier", "add", "Sydpost")) == {"carrier_id", "api_key"}
    (listed,) = house.cli("webhook", "list")["webhooks"]
    assert (listed["carrier"], listed["state"], listed["waiting"]) == ("Nordpost", "active", 0)
    assert added["webhook_secret"] not in str(listed)


def test_operator_added_beside_the_server_comes_in(house: Installation) -> None:
    with house.operator() as operator:
        answer = operator.post(
            "/v1/lockers/nowhere/door-operations",
            json={"compartment": 1, "reason_code": "test", "reason": "It is stuck."},
        )
    assert answer.status_code == 404


def test_a_locker_is_provisioned_with_its_position_and_found_by_it(
    house: Installation, tmp_path: Path
) -> None:
    made = provision(tmp_path, b64url(SigningKey(bytes([9] * 32)).public.raw))
    made[2] = "placed-1"
    (tmp_path / "device.json").write_text(
        (tmp_path / "device.json").read_text().replace("device-1", "device-9")
    )
    house.cli(*made, "--position", "59.8965,10.6257")
    with house.client("none") as public:
        asked: dict[str, Any] = {"near": "59.8965,10.6257", "radius_m": 10}
        (locker,) = public.get("/v1/lockers", params=asked).json()["lockers"]
        (site,) = public.get("/v1/sites", params=asked).json()["sites"]
    assert (locker["id"], locker["distance_m"]) == ("placed-1", 0)
    assert "placed-1" in site["lockers"]
    for wrong, told in (("north", "is not LAT,LON"), ("91,0", "within 90 degrees")):
        with pytest.raises(AssertionError, match=told):
            house.cli(*made, "--position", wrong)


def test_key_is_replaced_and_revoked_by_its_prefix(house: Installation) -> None:
    old = house.cli("auditor", "add", "Revisor", "--scope", "keys:write")["api_key"]
    prefix = old.split("_")[1]
    new = house.cli("key", "rotate", prefix, "--overlap", "PT1H")["api_key"]
    listed = {one["prefix"]: one for one in house.cli("key", "list")["api_keys"]}
    assert listed[prefix]["owner_id"] == listed[new.split("_")[1]]["owner_id"]
    for key in (old, new):
        with house.client(key) as auditor:
            (one, other) = auditor.get("/v1/api-keys").json()["api_keys"]
            assert one["scopes"] == other["scopes"] == ["keys:write"]
    assert house.cli("key", "revoke", prefix) == {"revoked": prefix}
    with house.client(old) as auditor:
        assert auditor.get("/v1/api-keys").status_code == 401
    with pytest.raises(AssertionError, match="No key by this prefix"):
        house.cli("key", "revoke", "0123456789ab")
    with pytest.raises(AssertionError, match="is no scope of an operator"):
        house.cli("operator", "add", "Drift", "--scope", "parcels:read")


def test_provisioned_locker_is_told_all_that_it_needs(house: Installation, tmp_path: Path) -> None:
    told = house.cli(*provision(tmp_path))
    assert house.cli(*provision(tmp_path))["k_locker"] == told["k_locker"]
    assert (told["locker_id"], told["device_id"], told["k_version"]) == ("oslo-1", "device-1", 1)
    assert set(told["broker"]) == {"host", "port", "username", "password", "tls"}
    root = PublicKey(unb64url(told["root_key"]))
    keys = unseal(Keys, told["keys"].encode(), {root.kid: root}, aud="oslo-1")
    assert (keys.iss, keys.version) == (told["installation"], 1)
    carrier, _ = house.carrier("Nordpost")
    with carrier:
        refused = reserve(carrier, request(), "k1")
    assert refused.json()["code"] == "locker_unavailable"


@pytest.mark.parametrize("public_key", ["", "-too-short", "ø"])
def test_a_device_that_says_nothing_sensible_is_refused_by_name(
    tmp_path: Path, public_key: str
) -> None:
    early = Installation(tmp_path / "early")
    with pytest.raises(AssertionError, match="is not what `fellesskap-edge identity` prints"):
        early.cli(*provision(tmp_path, public_key))


def test_commands_work_before_the_first_serve(tmp_path: Path) -> None:
    early = Installation(tmp_path / "early")
    assert early.cli("migrate") == {"migrated": True}
    assert early.cli("carrier", "add", "Nordpost")["api_key"].startswith("fsk_")
    assert early.cli(*provision(tmp_path))["broker"]["port"] > 0
    assert "/v1/reservations" in early.cli("openapi")["paths"]
    assert "/v1/reservations" not in early.cli("openapi", "--audience", "operator")["paths"]
    assert early.state.stat().st_mode & 0o777 == 0o700
    assert (early.state / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_no_key_stands_in_the_servers_log(house: Installation) -> None:
    carrier, added = house.carrier("Nordpost", "https://carrier.example/fellesskap")
    with carrier:
        carrier.get("/v1/events")
        carrier.post("/v1/reservations", content=json.dumps(added))
    assert house.backend is not None
    log = house.backend.log.read_text()
    for secret in (added["api_key"], added["webhook_secret"]):
        assert secret not in log
    assert house.backend.ready["operator"]["password"] not in log


def test_a_policy_is_announced_beside_the_server_and_read_by_everybody(
    house: Installation, tmp_path: Path
) -> None:
    carrier = house.cli("carrier", "add", "Fjellpost")["carrier_id"]
    date = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")
    (tmp_path / "policy.json").write_text(json.dumps({"in_force_from": date}))
    policy = str(tmp_path / "policy.json")
    checked = house.cli("policy", "check", policy)
    assert checked["rules"]["guaranteed_permille"] == 600
    assert house.cli("policy", "show")["coming"] is None
    announced = house.cli("policy", "announce", policy, "--reason", "agreed in the council")
    assert announced == checked
    with pytest.raises(AssertionError, match="after v1 comes v2"):
        house.cli("policy", "announce", policy)
    weights = {"begins_on": date[:10], "weights": [{"carrier_id": carrier, "weight": 3}]}
    (tmp_path / "weights.json").write_text(json.dumps(weights))
    told = house.cli("policy", "weights", str(tmp_path / "weights.json"))
    assert told == {"begins_on": date[:10], "carriers": 1}
    with house.client("none") as public:
        shown = public.get("/v1/policy").json()
    assert (shown["in_force"], shown["coming"]) == ("first-come v0", "fair-share v1")
    assert shown["weights"][0]["weights"] == [{"weight": 3, "is_entrant": False}]
    with pytest.raises(AssertionError, match="No version of fair-share is in force"):
        house.cli("policy", "quotas", "propose", "2027-01-01")
    with pytest.raises(AssertionError, match="no proposal"):
        house.cli("policy", "quotas", "accept", "2027-01-01", "--from", "2099-01-01")
    (tmp_path / "policy.json").write_text(json.dumps({"in_force_from": date, "weights": {}}))
    with pytest.raises(AssertionError, match="weights: Extra inputs"):
        house.cli("policy", "check", policy)
