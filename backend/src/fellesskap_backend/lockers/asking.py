"""What a search asks for, as it stands in a URL."""

import re
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from fellesskap_backend import paging
from fellesskap_backend.errors import InvalidRequest
from fellesskap_backend.lockers.geo import RADIUS_M_MAX, Point
from fellesskap_backend.lockers.searching import Circle, LockersAsked
from fellesskap_backend.shapes import LOCKER_ID
from fellesskap_backend.sizes import Need
from fellesskap_protocol.capacity import SIZE_CLASSES, Demand

NEAR = r"^-?[0-9]{1,2}(\.[0-9]{1,9})?,-?[0-9]{1,3}(\.[0-9]{1,9})?$"
RADIUS_M = 5_000


class Around(BaseModel):
    """Where to look, and which page."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    near: str | None = Field(default=None, pattern=NEAR, examples=["59.8965,10.6257"])
    """Latitude and longitude in degrees (WGS 84), with a comma between."""
    radius_m: int = Field(default=RADIUS_M, ge=1, le=RADIUS_M_MAX)
    """How far around, in m; only with `near`."""
    limit: int = Field(default=paging.LIMIT, ge=1, le=paging.LIMIT_MAX)
    """How many at most."""

    def circle(self) -> Circle | None:
        """Return where to look; raise `InvalidRequest` for a place that there is not."""
        if self.near is None:
            return None
        latitude, longitude = (float(part) for part in re.split(",", self.near))
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise InvalidRequest("`near`: a latitude is within 90 degrees, a longitude within 180.")
        return Circle(Point(latitude, longitude), self.radius_m)


class SiteSearch(Around):
    """Which sites."""

    cursor: str | None = Field(default=None, pattern=paging.CURSOR_PATTERN)
    """`next` of the page before."""


class LockerSearch(Around):
    """Which lockers."""

    site_id: UUID | None = None
    """Only at this site."""
    open: bool = False
    """Only those that take parcels in now: in service and heard in the last 20 minutes."""
    size_class: Literal["S", "M", "L", "XL"] | None = None
    """Only with room for a parcel of this class; or give `w_mm`, `h_mm` and `d_mm`."""
    w_mm: int | None = Field(default=None, ge=1, le=5_000)
    h_mm: int | None = Field(default=None, ge=1, le=5_000)
    d_mm: int | None = Field(default=None, ge=1, le=5_000)
    g: int = Field(default=0, ge=0, le=1_000_000)
    needs: list[Need] = Field(default_factory=list, max_length=5)
    """What the compartment must have; once for each."""
    cursor: str | None = Field(default=None, pattern=LOCKER_ID)
    """`next` of the page before."""

    def asked(self) -> LockersAsked:
        """Return the search as the service takes it; raise `InvalidRequest`."""
        return LockersAsked(
            circle=self.circle(),
            demand=self._demand(),
            only_open=self.open,
            site_id=self.site_id,
            limit=self.limit,
            after=self.cursor,
        )

    def _demand(self) -> Demand | None:
        needs = tuple(sorted(set(self.needs)))
        box = [one for one in (self.w_mm, self.h_mm, self.d_mm) if one is not None]
        if box and (len(box) < 3 or self.size_class is not None):
            raise InvalidRequest("Give either `size_class`, or `w_mm`, `h_mm` and `d_mm`.")
        if box:
            return Demand(box[0], box[1], box[2], self.g, needs)
        for one in SIZE_CLASSES:
            if one.name == self.size_class:
                return one.demand(self.g, needs)
        return Demand(1, 1, 1, self.g, needs) if needs or self.g else None
