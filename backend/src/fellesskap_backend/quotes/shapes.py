"""What is asked and shown of quotes."""

from typing import Literal

from pydantic import ConfigDict, Field

from fellesskap_backend.examples import QUOTE_REQUEST
from fellesskap_backend.quotes.service import Sought
from fellesskap_backend.reservations.wishes import Label
from fellesskap_backend.shapes import LOCKER_ID, Alternative, Instant, Shown, Wish
from fellesskap_backend.sizes import Sized

QUOTES_MAX = 100


class ParcelToQuote(Sized):
    """A parcel for which room might be reserved."""

    locker_id: str = Field(pattern=LOCKER_ID)
    hold: Literal["hard", "soft"] = "hard"
    label: Label | None = None
    """If given, it is looked whether a parcel with this label is under way already."""

    def sought(self) -> Sought:
        """Return it as the service takes it."""
        key = None if self.label is None else self.label.identifier.key
        return Sought(self.locker_id, self.demand(), self.hold, key)


class QuoteRequest(Wish):
    """Parcels, each asked about as if it were the only one."""

    model_config = ConfigDict(json_schema_extra={"examples": [QUOTE_REQUEST]})

    parcels: list[ParcelToQuote] = Field(min_length=1, max_length=QUOTES_MAX)


class Quote(Shown):
    """What a reservation would be answered now; nothing is held by it."""

    locker_id: str
    size_class: str | None
    """The smallest class whose box holds it; null if it is larger than all."""
    would_confirm: bool
    reason: (
        Literal[
            "not_found",
            "duplicate_parcel",
            "locker_unavailable",
            "no_fitting_compartment",
            "no_accessible_compartment",
            "locker_full",
            "quota_exceeded",
        ]
        | None
    )
    """Why not, as the reservation's problem would say; `not_found`: there is no such locker."""
    cut_off: Instant | None
    """A reservation would not be answered now but wait (202) until then; null: at once."""
    alternatives: list[Alternative]
    """If not: up to three lockers nearby with room for it, the nearest first."""


class Quotes(Shown):
    """The answers, in the order of the parcels."""

    quotes: list[Quote]
