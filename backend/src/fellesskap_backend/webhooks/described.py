"""PURE: the webhooks as OpenAPI describes them: one operation for each type of event."""

from typing import Any

from pydantic.json_schema import models_json_schema

from fellesskap_backend.events.data import DATA
from fellesskap_backend.events.examples import event_of
from fellesskap_backend.events.types import TYPES
from fellesskap_backend.shapes import Shown
from fellesskap_backend.webhooks.shapes import WebhookEvent

Json = dict[str, Any]
_HEADERS = {
    "webhook-id": "The event's `id`: one that you have seen is not taken twice.",
    "webhook-timestamp": "When it is sent, in seconds since 1970.",
    "webhook-signature": "One or two signatures (Standard Webhooks); one that you find is enough.",
}
_ANSWERS = {
    "2XX": "It is safe with you. Nothing but the status is read.",
    "410": "This endpoint shall be sent nothing more.",
    "default": "It is sent again, for about three days.",
}


def schemas(template: str) -> Json:
    """Return the schemas that `webhooks` refers to, by their names."""
    models: list[type[Shown]] = [WebhookEvent, *dict.fromkeys(DATA.values())]
    wanted = [(model, "validation") for model in models]
    found: Json = models_json_schema(wanted, ref_template=template)[1]["$defs"]  # type: ignore[arg-type]
    return found


def webhooks(template: str) -> Json:
    """Return the operations, by the types of the events."""
    return {kind: {"post": _operation(kind, template)} for kind in TYPES}


def _operation(kind: str, template: str) -> Json:
    event = event_of(kind)
    schema = {
        "allOf": [
            {"$ref": template.format(model=WebhookEvent.__name__)},
            {
                "type": "object",
                "properties": {
                    "type": {"const": kind},
                    "data": {"$ref": template.format(model=DATA[kind].__name__)},
                },
            },
        ]
    }
    content = {"schema": schema, "example": event | {"timestamp": event["occurred_at"]}}
    return {
        "operationId": f"hear_{kind.replace('.', '_')}",
        "tags": ["Events"],
        "summary": TYPES[kind].capitalize(),
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
    }
