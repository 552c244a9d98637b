"""What several requests ask alike: how large a thing is, and how long it may lie."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fellesskap_backend.reservations.duration import seconds_of
from fellesskap_protocol.capacity import SIZE_CLASSES, Demand

Need = Literal["low", "upright", "chilled", "frozen", "power"]
LIES_S = (3_600, 30 * 86_400)


def _check_lies(text: str) -> str:
    least, most = LIES_S
    if not least <= seconds_of(text) <= most:
        raise ValueError("between one hour (PT1H) and thirty days (P30D)")
    return text


Lies = Annotated[str, Field(max_length=40), AfterValidator(_check_lies)]
"""How long it may lie, as an ISO 8601 duration: 1 hour to 30 days."""


class Dimensions(BaseModel):
    """The parcel's box in mm, width, height and depth as it is carried, and its weight in g."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    w_mm: int = Field(ge=1, le=5_000)
    h_mm: int = Field(ge=1, le=5_000)
    d_mm: int = Field(ge=1, le=5_000)
    g: int = Field(ge=0, le=1_000_000)


class Sized(BaseModel):
    """A box, or one of the installation's size classes; and what else it needs of a door."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    dimensions: Dimensions | None = None
    size_class: Literal["S", "M", "L", "XL"] | None = None
    needs: list[Need] = Field(default_factory=list, max_length=5)

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if (self.dimensions is None) == (self.size_class is None):
            raise ValueError("give either `dimensions` or `size_class`")
        return self

    def demand(self) -> Demand:
        """Return what it needs of a compartment."""
        needs = tuple(sorted(set(self.needs)))
        if self.dimensions is not None:
            box = self.dimensions
            return Demand(box.w_mm, box.h_mm, box.d_mm, box.g, needs)
        named = next(one for one in SIZE_CLASSES if one.name == self.size_class)
        return named.demand(needs=needs)
