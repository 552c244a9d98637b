"""The operators' view of webhooks: `webhook list`. It shows no secret and nothing that is sent."""

import argparse
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import instant
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.webhooks.tables import Delivery, Subscription

Json = dict[str, Any]


def add_words(words: Any, state: argparse.ArgumentParser) -> None:
    """Add the commands to the program's."""
    nouns = words.add_parser("webhook", help="carriers' endpoints").add_subparsers(required=True)
    told = "every endpoint: its state, and how many webhooks wait for it or were given up"
    nouns.add_parser("list", parents=[state], help=told).set_defaults(in_one=list_all)


def list_all(_: Secrets, session: Session, _arguments: argparse.Namespace) -> Json:
    """Say of every endpoint that is not deleted how it fares."""
    waiting = func.count(case((Delivery.ended_at.is_(None), Delivery.event_id)))
    dead = func.count(case((Delivery.state == "dead", Delivery.event_id)))
    rows = session.execute(
        select(Subscription, Carrier.name, waiting, dead)
        .join(Carrier, Carrier.id == Subscription.carrier_id)
        .outerjoin(Delivery, Delivery.subscription_id == Subscription.id)
        .where(Subscription.state != "deleted")
        .group_by(Subscription.id, Carrier.name)
        .order_by(Subscription.id)
    )
    return {"webhooks": [_shown(one, name, open_, given_up) for one, name, open_, given_up in rows]}


def _shown(one: Subscription, carrier: str, waiting: int, dead: int) -> Json:
    return {
        "id": str(one.id),
        "carrier": carrier,
        "url": one.url,
        "state": one.state,
        "state_since": instant(one.state_since),
        "waiting": waiting,
        "dead": dead,
    }
