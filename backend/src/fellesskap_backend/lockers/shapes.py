"""What is shown of lockers in public."""

from typing import Literal

from fellesskap_backend.shapes import Shown

Room = Literal["none", "few", "many"]


class Availability(Shown):
    """Roughly how much room a locker has, per size class."""

    locker_id: str
    in_contact: bool
    """Whether it was heard in the last 20 minutes."""
    size_classes: dict[str, Room]
