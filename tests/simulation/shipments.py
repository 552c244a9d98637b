"""Parcels of a world as their carriers know them."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.carriers import Carrier

BOXES = ((200, 60, 300), (200, 60, 300), (300, 90, 400), (300, 200, 400), (300, 400, 400))


@dataclass
class Shipment:
    """One parcel as its carrier knows it."""

    number: int
    carrier: "Carrier"
    locker_id: str
    label: str
    box: tuple[int, int, int]
    kind: str = "claim"
    """`claim`, `drop_off` or `unannounced`."""
    hold: str = "hard"
    needs: tuple[str, ...] = ()
    parcel_id: str = ""
    former_ids: list[str] = field(default_factory=list)
    """What it was called before another parcel took its place in the backend."""
    right_id: str = ""
    reservation_id: str = ""
    state: str = "planned"
    code: str = ""
    """Twelve digits, when its recipient was told."""
    qr: str = ""
    old_code: str = ""
    """The one that it had before, by which nobody promises that a door opens."""
    codes: dict[str, str] = field(default_factory=dict)
    """Every code that it ever had, with its QR code where that was told."""
    recipient_goes: bool = False

    @property
    def resident(self) -> str:
        """Who it is for."""
        return f"resident:{self.label}"

    def with_old_code(self) -> "Shipment":
        """Return it as who has not heard of the new code knows it."""
        return replace(self, code=self.old_code, qr=self.codes[self.old_code], parcel_id="")

    def told(self, code: str, addition: str, qr: str = "") -> None:
        """Let its recipient know the code."""
        if self.code and self.code != code + addition:
            self.old_code = self.code
        self.code, self.qr = code + addition, qr
        self.codes[self.code] = qr or self.codes.get(self.code, "")
