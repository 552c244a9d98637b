"""A client made by `openapi-python-client` from the printed document, without edits, works."""

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from fellesskap_backend.db import Moment
from fellesskap_backend.webhooks import numbering
from tests.backend.api import Api
from tests.backend.printed import operations

CONFIG = Path(__file__).with_name("client.yaml")
NAME = "made_client"
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


def _printed(api: Api, audience: str) -> dict[str, Any]:
    """Return what the command prints."""
    program = str(Path(sys.executable).with_name("fellesskap-backend"))
    command = [program, "openapi", "--audience", audience, "--state", str(api.settings.state)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _generate(api: Api, audience: str, folder: Path) -> None:
    printed = folder / "printed.json"
    printed.write_text(json.dumps(_printed(api, audience)))
    program = Path(sys.executable).with_name("openapi-python-client")
    options = ["--path", str(printed), "--config", str(CONFIG), "--meta", "none"]
    options += ["--fail-on-warning", "--output-path", str(folder / NAME)]
    done = subprocess.run(
        [program, "generate", *options], check=False, capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def made(
    request: pytest.FixtureRequest, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The client's package: its models, its class and every one of its operations by its name."""
    _generate(api, getattr(request, "param", "carrier"), tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module(NAME)
    importlib.import_module(f"{NAME}.api")
    names = [one.name for one in pkgutil.walk_packages(package.__path__, f"{NAME}.")]
    modules = {name.rpartition(".")[2]: importlib.import_module(name) for name in names}
    yield SimpleNamespace(**modules, Client=package.AuthenticatedClient)
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


@SQLITE
def test_answers_may_grow_and_what_is_sent_may_not(api: Api) -> None:
    """A client that checks what it is answered must not break at a member that is new."""
    schemas = _printed(api, "all")["components"]["schemas"]
    closed = {name for name, one in schemas.items() if one.get("additionalProperties") is False}
    assert {"Event", "Parcel", "Reservation", "Manifest"}.isdisjoint(closed)
    assert {"ReservationRequest", "ManifestRequest", "WebhookRequest"} <= closed


def _wish(models: Any, number: int) -> Any:
    return models.ReservationRequest(
        locker_id="oslo-1",
        label=models.Label(kind=models.LabelKind.REFERENCE, value=f"R-{number:06d}"),
        dimensions=models.Dimensions(w_mm=300, h_mm=100, d_mm=200, g=900),
        deposit_by=datetime.now(UTC) + timedelta(days=1),
        collect_within="P3D",
    )


@pytest.mark.slow
@SQLITE
def test_made_client_reserves_reads_lists_and_understands_a_refusal(api: Api, made: Any) -> None:
    models, wish = made.models, partial(_wish, made.models)

    with made.Client(base_url=api.url, token=api.key()) as carrier:
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


@pytest.mark.slow
@SQLITE
def test_made_client_announces_changes_delegates_codes_and_reads_events(
    api: Api, made: Any
) -> None:
    models = made.models
    wishes = [_wish(models, number) for number in (1, 2)]
    with made.Client(base_url=api.url, token=api.key()) as carrier:
        manifest = made.send_manifest.sync(
            client=carrier, body=models.ManifestRequest(parcels=wishes), idempotency_key="m"
        )
        assert [line.status for line in manifest.parcels] == [201, 201]
        reservation = manifest.parcels[0].reservation
        read = made.find_reservation.sync_detailed(reservation.id, client=carrier)
        changed = made.change_reservation.sync_detailed(
            reservation.id,
            client=carrier,
            body=models.ReservationChange(collect_within="P4D"),
            if_match=read.headers["etag"],
        )
        assert (changed.status_code, changed.parsed.collect_within) == (200, "P4D")
        codes = made.list_pickup_codes.sync(reservation.parcel_id, client=carrier)
        assert len(codes.pickup_codes) == 1

        api.change(partial(numbering.give_positions, moment=Moment(datetime.now(UTC))))
        told = made.read_events.sync(client=carrier, after=0)
        kinds = [one.type_ for one in told.events]
        assert kinds == [*["reservation.confirmed"] * 2, "reservation.changed"]
        assert told.events[0].data["label"]["value"] == "R-000001"

        wish = models.WebhookRequest(url="https://carrier.example/hook")
        hook = made.subscribe_webhook.sync(client=carrier, body=wish, idempotency_key="w")
        assert hook.secret.startswith("whsec_")
        gone = made.delete_webhook.sync_detailed(hook.id, client=carrier)
        assert gone.status_code == 204


@pytest.mark.slow
@SQLITE
@pytest.mark.parametrize("made", ["public", "operator", "auditor", "all"], indirect=True)
def test_every_audience_gets_a_client_with_all_that_it_may_call(
    request: pytest.FixtureRequest, api: Api, made: Any
) -> None:
    document = _printed(api, request.node.callspec.params["made"])
    named = {one["operationId"] for _, _, one in operations(document)}
    assert named <= vars(made).keys()
    assert len(named) > 8
