"""What comes of something that was asked at a front door, and what of it a history may hold."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
SECRET = ("code", "addition", "qr", "pickup_code", "token", "api_key")
"""Members of answers that no history holds."""


@dataclass
class Reply:
    """What came of something that was asked."""

    outcome: str
    status: int = 0
    body: Json = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.outcome == "ok"


def without_secrets(value: Any) -> Any:
    """Return a body without what only its reader may know."""
    if isinstance(value, dict):
        shown = {name: without_secrets(one) for name, one in value.items() if name not in SECRET}
        if isinstance(shown.get("label"), dict):
            shown["label"] = shown["label"]["value"]
        if isinstance(shown.get("reservation"), dict):  # a line of a manifest
            shown |= shown.pop("reservation")
        return shown
    if isinstance(value, list):
        return [without_secrets(one) for one in value]
    return value
