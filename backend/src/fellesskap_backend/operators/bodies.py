"""What operators send; each says why. Name nobody in a reason."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from fellesskap_backend.allowances.service import TARGET_MAX
from fellesskap_backend.lockers.geo import Point
from fellesskap_backend.lockers.health import Service
from fellesskap_backend.operators.describing import Description, SiteDescription
from fellesskap_backend.operators.examples import KEY_OF_A_DEVICE, TELLS, TELLS_OF_SITE
from fellesskap_backend.parcels.acts import Outcome
from fellesskap_backend.shapes import LOCKER_ID, TEXT, Wish

SEQ_MAX = 2**31 - 1
"""What the ledger's column holds; at one event a second that is 68 years of one store."""
DEVICE_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=TEXT)
]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=TEXT)
]
Feature = Literal["audio", "indoors", "keypad", "scanner", "screen", "step_free"]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]


def _example(**body: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [body]})


class Because(Wish):
    """Why."""

    model_config = _example(reason="Looked into it on the spot: empty and clean.")

    reason: Reason


class WriteOff(Wish):
    """Why; it is told to the carriers concerned."""

    model_config = _example(reason="Burnt out; the cabinet is scrapped.")

    reason: Reason


class ServiceWish(Wish):
    """What the service state shall be, and why."""

    model_config = _example(state="draining", reason="It is moved to the other entrance on Friday.")

    state: Service
    reason: Reason


class Place(Wish):
    """Degrees north and east (WGS 84)."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)

    def point(self) -> Point:
        """Return it as a point."""
        return Point(self.latitude, self.longitude)


class LockerWish(Wish):
    """What everybody shall be told of a locker; all of it, and why it changes."""

    model_config = _example(**TELLS, reason="Put up.")

    site_id: Annotated[UUID, Field(strict=False)] | None
    address: Words
    position: Place | None
    features: list[Feature] = Field(max_length=6)
    languages: list[Language] = Field(max_length=10)
    reason: Reason

    def described(self) -> Description:
        """Return it as the service takes it."""
        position = self.position.point() if self.position is not None else None
        return Description(
            self.site_id, self.address, position, list(self.features), self.languages
        )


class SiteWish(Wish):
    """What everybody shall be told of a site; all of it, and why it changes."""

    model_config = _example(**TELLS_OF_SITE, reason="The station opens at night again.")

    name: Words
    address: Words
    position: Place | None
    opening_hours: Words | None
    """As OpenStreetMap writes them: `24/7`, `Mo-Fr 06:00-23:00`."""
    reason: Reason

    def described(self) -> SiteDescription:
        """Return it as the service takes it."""
        position = self.position.point() if self.position is not None else None
        return SiteDescription(self.name, self.address, position, self.opening_hours)


class AllowanceWish(Wish):
    """How many parcels per size class; a class that is left out is none."""

    model_config = _example(targets={"S": 2, "M": 1}, reason="Many unannounced parcels at night.")

    targets: dict[str, Annotated[int, Field(ge=0, le=TARGET_MAX)]] = Field(max_length=20)
    reason: Reason


class Resolution(Wish):
    """What became of a parcel in dispute, and how that is known."""

    model_config = _example(outcome="lost", reason="The compartment was empty; no courier has it.")

    outcome: Outcome
    reason: Reason


class DeviceWish(Wish):
    """Which device; both as `fellesskap-edge identity` prints them."""

    model_config = _example(
        device_id="dev-0a8c41f7", public_key=KEY_OF_A_DEVICE, reason="The old card was worn out."
    )

    device_id: str = Field(pattern=DEVICE_ID)
    public_key: str = Field(max_length=100)
    reason: Reason


class Again(Wish):
    """Which events; left out, all that are kept."""

    model_config = _example(locker_id="fornebu-1", reason="Upgraded to a version that knows them.")

    locker_id: str | None = Field(default=None, pattern=LOCKER_ID)
    seq: int | None = Field(default=None, ge=1, le=SEQ_MAX)
    reason: Reason
