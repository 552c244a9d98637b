"""The ways of whoever works there: operators, keys, endpoints, delegations, codes and badges."""

import os
from collections.abc import Callable
from typing import Any

import httpx

from fellesskap_protocol import events
from fellesskap_protocol.signing import SigningKey, b64url
from tests.backend.api import request
from tests.backend.delegating import Party
from tests.backend.lockers import HandLocker
from tests.backend.ways import Act, World, in_days, posted

WHY = {"reason": "Looked into it."}


def _fresh(world: World, of: str = "carrier") -> httpx.Client:
    """Let in somebody new, whose key has been used today: there is a limit to what one may have."""
    client = (
        world.api.operator() if of == "operator" else world.api.carrier(f"Carrier {world.fresh()}")
    )
    client.get("/v1/api-keys")
    return client


def _change(client: httpx.Client, verb: str, path: str, **body: Any) -> Act:
    """Change what was read just now."""
    tag = {"If-Match": client.get(path).headers["etag"]}
    return lambda: client.request(verb, path, json=body, headers=tag).status_code


def _delete(client: httpx.Client, path: str) -> Act:
    return lambda: client.delete(path).status_code


def _change_reservation(world: World) -> Act:
    path = f"/v1/reservations/{world.reserved()['id']}"
    return _change(world.client, "PATCH", path, deposit_by=in_days(3).isoformat())


def _manifest(world: World) -> Act:
    number = world.fresh()
    parcels = [request(10_000 + number * 3 + one) for one in range(3)]
    return lambda: posted(world.client, "/v1/manifests", {"parcels": parcels}, number)


# Codes and badges --------------------------------------------------------------------------------


def _codes(world: World) -> tuple[str, str]:
    """Return where the codes of a parcel are, and where a second one is."""
    path = f"/v1/parcels/{world.lying()['parcel_id']}/pickup-codes"
    made = world.client.post(path, json={"reference": "CARETAKER-2"})
    return path, f"{path}/{made.json()['id']}"


def _delegate_code(world: World) -> Act:
    path, number = _codes(world)[0], world.fresh()
    return lambda: posted(world.client, path, {"reference": "NEIGHBOUR"}, number)


def _rotate_code(world: World) -> Act:
    path, number = f"{_codes(world)[1]}/rotate", world.fresh()
    return lambda: posted(world.client, path, None, number)


def _revoke_code(world: World) -> Act:
    return _delete(world.client, _codes(world)[1])


def _issue_badge(world: World) -> Act:
    number, body = world.fresh(), {"lockers": ["oslo-1"], "may": ["deposit", "remove"]}
    return lambda: posted(world.client, "/v1/courier-badges", body, number)


def _revoke_badge(world: World) -> Act:
    body = {"lockers": ["oslo-1"], "may": ["deposit"]}
    made = world.client.post("/v1/courier-badges", json=body)
    return _delete(world.client, f"/v1/courier-badges/{made.json()['id']}")


def _want_badges(world: World) -> Act:
    return _change(_fresh(world), "PUT", "/v1/deposit-auth", deposit_auth="badge")


# Delegations, keys and endpoints -----------------------------------------------------------------


def _parties(world: World) -> tuple[Party, Party]:
    both = [Party(world.api, f"Party {world.fresh()}") for _ in range(2)]
    for one in both:
        one.client.get("/v1/api-keys")
    return both[0], both[1]


def _give_delegation(world: World) -> Act:
    giver, taker = _parties(world)
    body = {"code": taker.code(), "may": ["reserve"], "ends_at": in_days(9).isoformat()}
    number = world.fresh()
    return lambda: posted(giver.client, "/v1/delegations", body, number)


def _revoke_delegation(world: World) -> Act:
    giver, taker = _parties(world)
    return _delete(giver.client, f"/v1/delegations/{giver.let(taker)['id']}")


def _revoke_key(world: World) -> Act:
    person = _fresh(world, "operator")
    made = person.post("/v1/api-keys", json={"name": "an old one"}).json()
    return _delete(person, f"/v1/api-keys/{made['prefix']}")


HOOKS = "/v1/webhook-subscriptions"


def _subscribed(world: World) -> tuple[httpx.Client, str]:
    client = _fresh(world)
    made = client.post(HOOKS, json={"url": "https://carrier.example/fellesskap"})
    return client, f"{HOOKS}/{made.json()['id']}"


def _subscribe(world: World) -> Act:
    client, number = _fresh(world), world.fresh()
    body = {"url": "https://carrier.example/fellesskap"}
    return lambda: posted(client, HOOKS, body, number)


def _change_webhook(world: World) -> Act:
    client, path = _subscribed(world)
    return _change(client, "PATCH", path, state="paused")


def _delete_webhook(world: World) -> Act:
    return _delete(*_subscribed(world))


def _at_webhook(verb: str, body: Any = None) -> Callable[[World], Act]:
    def prepare(world: World) -> Act:
        client, path = _subscribed(world)
        number = world.fresh()
        return lambda: posted(client, f"{path}/{verb}", body, number)

    return prepare


def _redeliver(world: World) -> Act:
    client, path = _subscribed(world)
    sent = client.post(f"{path}/test").headers["location"]
    number = world.fresh()
    return lambda: posted(client, f"{sent}/redeliver", None, number)


# Operators ---------------------------------------------------------------------------------------


def _cabinet(world: World) -> HandLocker:
    """Put up another locker, which has said that it is there and what it has."""
    locker = HandLocker(world.locker.installation, f"oslo-{world.fresh()}")
    locker.claim(world.api)
    assert world.acknowledged("birth", locker.birth(), locker)
    locker.commission(3)
    assert world.acknowledged("journal", locker.batch(), locker)
    return locker


def _put_at(noun: str, **body: Any) -> Callable[[World], Act]:
    def prepare(world: World) -> Act:
        path = f"/v1/operator/lockers/{_cabinet(world).locker_id}/{noun}"
        return _change(world.person, "PUT", path, **WHY, **body)

    return prepare


def _site(world: World) -> str:
    return world.api.site(f"oslo-{world.fresh()}", 59.91, 10.75)


PLACE = {
    "address": "Jernbanetorget 1",
    "position": {"latitude": 59.9, "longitude": 10.6},
}


def _describe_locker(world: World) -> Act:
    path = f"/v1/operator/lockers/{_cabinet(world).locker_id}/description"
    described = {"site_id": _site(world), "features": ["keypad"], "languages": ["nb"]}
    return _change(world.person, "PUT", path, **WHY, **PLACE, **described)


def _describe_site(world: World) -> Act:
    path = f"/v1/operator/sites/{_site(world)}/description"
    described = {"name": f"Station {world.fresh()}", "opening_hours": "24/7"}
    return _change(world.person, "PUT", path, **WHY, **PLACE, **described)


def _resolve(world: World) -> Act:
    parcel_id = world.lying()["parcel_id"]
    world.client.post(f"/v1/parcels/{parcel_id}/dispute", json={"reason": "found empty"})
    path, number = f"/v1/operator/parcels/{parcel_id}/resolve", world.fresh()
    return lambda: posted(world.person, path, {**WHY, "outcome": "lost"}, number)


def _clear(world: World) -> Act:
    locker, number = _cabinet(world), world.fresh()
    first = len(locker.stored) + 1
    locker.add(events.ServiceChanged(compartment=1, from_="in", to="suspect", cause="x"))
    assert world.acknowledged("journal", locker.batch(first), locker)
    path = f"/v1/operator/lockers/{locker.locker_id}/compartments/1/clear"
    return lambda: posted(world.person, path, WHY, number)


def _write_off(world: World) -> Act:
    path, number = f"/v1/operator/lockers/{_cabinet(world).locker_id}/write-off", world.fresh()
    return lambda: posted(world.person, path, WHY, number)


def _replace(world: World) -> Act:
    number = world.fresh()
    key = b64url(SigningKey(os.urandom(32)).public.raw)
    body = {**WHY, "device_id": f"dev-{number}", "public_key": key}
    path = f"/v1/operator/lockers/{_cabinet(world).locker_id}/replace"
    return lambda: posted(world.person, path, body, number)


def _revoke_device(world: World) -> Act:
    locker, number = _cabinet(world), world.fresh()
    path = f"/v1/operator/lockers/{locker.locker_id}/devices/{locker.device_id}/revoke"
    return lambda: posted(world.person, path, WHY, number)


def _apply(world: World) -> Act:
    """Try once more what names a door that was never described."""
    locker, number = _cabinet(world), world.fresh()
    first = len(locker.stored) + 1
    locker.add(events.ServiceChanged(compartment=9, from_="in", to="out", cause="x"))
    assert world.acknowledged("journal", locker.batch(first), locker)
    body = {**WHY, "locker_id": locker.locker_id}
    return lambda: posted(world.person, "/v1/operator/unapplied/apply", body, number)


MORE: dict[str, Callable[[World], Act]] = {
    "change_reservation": _change_reservation,
    "send_manifest": _manifest,
    "delegate_pickup_code": _delegate_code,
    "rotate_pickup_code": _rotate_code,
    "revoke_pickup_code": _revoke_code,
    "issue_courier_badge": _issue_badge,
    "revoke_courier_badge": _revoke_badge,
    "set_deposit_auth": _want_badges,
    "give_delegation": _give_delegation,
    "revoke_delegation": _revoke_delegation,
    "revoke_api_key": _revoke_key,
    "subscribe_webhook": _subscribe,
    "change_webhook": _change_webhook,
    "delete_webhook": _delete_webhook,
    "rotate_webhook_secret": _at_webhook("rotate-secret", {"overlap": "P1D"}),
    "test_webhook": _at_webhook("test"),
    "replay_webhook": _at_webhook("replay", {"after": 0}),
    "redeliver_webhook": _redeliver,
    "set_locker_service": _put_at("service", state="draining"),
    "set_compartment_service": _put_at("compartments/1/service", state="draining"),
    "set_allowances": _put_at("allowances", targets={"S": 1}),
    "describe_locker": _describe_locker,
    "describe_site": _describe_site,
    "resolve_parcel": _resolve,
    "clear_compartment": _clear,
    "write_off_locker": _write_off,
    "replace_device": _replace,
    "revoke_device": _revoke_device,
    "apply_unapplied": _apply,
}
"""By the operation's id."""
