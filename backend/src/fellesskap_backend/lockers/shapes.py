"""What is shown of sites and lockers in public."""

from typing import Literal

from pydantic import Field

from fellesskap_backend.cut_offs.shapes import Allocation
from fellesskap_backend.shapes import Id, Instant, Shown

Room = Literal["none", "few", "many"]
Bucket = Literal["0", "1-2", "3-5", "6+"]
"""How many more parcels find room, roughly: an exact count would tell what others have there."""
ServiceState = Literal["in_service", "draining", "out_of_service"]
Contact = Literal["online", "late", "offline"]


class Availability(Shown):
    """Roughly how much room a locker has, per size class."""

    locker_id: str
    in_contact: bool
    """Whether it was heard in the last 20 minutes."""
    size_classes: dict[str, Room]


class Position(Shown):
    """Degrees north and east (WGS 84)."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class LockerHealth(Shown):
    """Whether a locker is heard. It serves people without network too."""

    contact: Contact
    """`online`: heard in the last 20 minutes; `late`: in the last two hours; else `offline`."""
    since: Instant | None
    """Since when it is not online, to ten minutes; null while it is, and if it never was."""


class CompartmentSize(Shown):
    """Compartments that are alike; inner lengths in mm, weight in g."""

    w_mm: int
    h_mm: int
    d_mm: int
    max_g: int
    low: bool
    """Within reach from a wheelchair."""
    features: list[str]
    """`chilled`, `frozen`, `power`."""
    count: int


class PublicLocker(Shown):
    """A locker as everybody may see it."""

    id: str
    site_id: Id | None
    site_name: str
    address: str
    position: Position | None
    distance_m: int | None
    """From where was searched, along the great circle; null elsewhere."""
    opening_hours: str | None
    """When the site can be entered, as OpenStreetMap writes it: `24/7`; null: nobody said."""
    health: LockerHealth
    service: ServiceState
    """`draining`: nothing new, what lies there can be collected; so too when `out_of_service`."""
    features: list[str]
    """`low`, `chilled`, `frozen`, `power` of at least one compartment; `scanner`, `keypad`,
    `screen`, `audio`, `step_free`, `indoors` of kiosk and place, as far as the operator says."""
    languages: list[str]
    """What its kiosk speaks (BCP 47), as far as the operator says."""
    compartments: list[CompartmentSize]
    """The smallest first."""
    free: dict[str, Bucket]
    """For each size class how many more parcels of it find room, if they come alone."""


class OneLocker(PublicLocker):
    """A locker that was asked for by its id."""

    allocation: Allocation
    """How requests are answered: at once, or at cut-offs."""


class PublicLockers(Shown):
    """One page of lockers, the nearest first. It may be short, and still have a next one."""

    lockers: list[PublicLocker]
    next: str | None
    """The `cursor` of the next page; null at the end."""


class Site(Shown):
    """A place where lockers stand."""

    id: Id
    name: str
    address: str
    position: Position | None
    distance_m: int | None
    opening_hours: str | None
    lockers: list[str]
    """The ids of its lockers."""


class Sites(Shown):
    """One page of sites: the nearest first, or without a place the newest first."""

    sites: list[Site]
    next: str | None
    """The `cursor` of the next page; null at the end."""
