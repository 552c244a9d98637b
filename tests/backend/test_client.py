"""A client made by `openapi-python-client` from the printed document, without edits, works."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tests.backend.api import Api

CONFIG = Path(__file__).with_name("client.yaml")
NAME = "made_client"
OPERATIONS = {
    "reservations": ("reserve", "find_reservation", "list_reservations"),
    "parcels": ("find_parcel", "list_parcels"),
    "lockers": ("see_availability",),
}
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


def _printed(api: Api, audience: str) -> dict[str, Any]:
    """Return what the command prints."""
    program = str(Path(sys.executable).with_name("fellesskap-backend"))
    command = [program, "openapi", "--audience", audience, "--state", str(api.settings.state)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture
def made(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client's package: its models, its classes and a few of its operations."""
    printed = tmp_path / "carrier.json"
    printed.write_text(json.dumps(_printed(api, "carrier")))
    program = Path(sys.executable).with_name("openapi-python-client")
    options = ["--path", str(printed), "--config", str(CONFIG), "--meta", "none"]
    options += ["--fail-on-warning", "--output-path", str(tmp_path / NAME)]
    done = subprocess.run(
        [program, "generate", *options], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module(NAME)
    models = importlib.import_module(f"{NAME}.models")
    operations = {
        name: importlib.import_module(f"{NAME}.api.{tag}.{name}")
        for tag, names in OPERATIONS.items()
        for name in names
    }
    yield SimpleNamespace(client=package.AuthenticatedClient, models=models, **operations)
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


@SQLITE
def test_answers_may_grow_and_what_is_sent_may_not(api: Api) -> None:
    """A client that checks what it is answered must not break at a member that is new."""
    schemas = _printed(api, "all")["components"]["schemas"]
    closed = {name for name, one in schemas.items() if one.get("additionalProperties") is False}
    assert {"Event", "Parcel", "Reservation", "Manifest"}.isdisjoint(closed)
    assert {"ReservationRequest", "ManifestRequest", "WebhookRequest"} <= closed


@pytest.mark.slow
@SQLITE
def test_made_client_reserves_reads_lists_and_understands_a_refusal(api: Api, made: Any) -> None:
    models = made.models

    def wish(number: int) -> Any:
        return models.ReservationRequest(
            locker_id="oslo-1",
            label=models.Label(kind=models.LabelKind.REFERENCE, value=f"R-{number:06d}"),
            dimensions=models.Dimensions(w_mm=300, h_mm=100, d_mm=200, g=900),
            deposit_by=datetime.now(UTC) + timedelta(days=1),
            collect_within="P3D",
        )

    with made.client(base_url=api.url, token=api.key()) as carrier:
        first = made.reserve.sync_detailed(client=carrier, body=wish(1), idempotency_key="k1")
        assert first.status_code == 201
        reservation = first.parsed
        assert isinstance(reservation, models.Reservation)
        assert isinstance(reservation.id, UUID)
        assert reservation.state == models.ReservationState.CONFIRMED
        again = made.reserve.sync_detailed(client=carrier, body=wish(1), idempotency_key="k1")
        assert again.status_code == 422, "another `deposit_by`, so another request"

        found = made.find_reservation.sync(reservation.id, client=carrier)
        assert found == reservation
        parcel = made.find_parcel.sync(reservation.parcel_id, client=carrier)
        assert [entry.what for entry in parcel.history] == ["expected"]
        assert parcel.state == models.ParcelState.EXPECTED

        for number in (2, 3):
            made.reserve.sync(client=carrier, body=wish(number), idempotency_key=f"k{number}")
        page = made.list_reservations.sync(client=carrier, limit=2)
        rest = made.list_reservations.sync(client=carrier, limit=2, cursor=page.next_)
        assert [one.id for one in rest.reservations] == [reservation.id]
        assert rest.next_ is None
        room = made.see_availability.sync("oslo-1", client=carrier)
        assert room.size_classes["S"] == "none"

        refused = made.reserve.sync(client=carrier, body=wish(4), idempotency_key="k4")
        assert isinstance(refused, models.Problem)
        assert (refused.code, refused.status) == ("locker_full", 409)
        unknown = made.find_parcel.sync(reservation.id, client=carrier)
        assert (unknown.code, unknown.type_) == ("not_found", "/problems/not_found")
