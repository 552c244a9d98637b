"""Whoever stands before one locker, one at a time: couriers, residents, and who has no business.

They scan at the real scanner's line, type at the real kiosk's page and move parcels through real
doors. They see doors even while the screen is dark, come back until the locker says that it is
done, and never conclude anything from an answer that they did not get.
"""

import random
import time
from typing import Any, NamedTuple

import httpx

from fellesskap_protocol.barcodes import candidates
from fellesskap_protocol.codes import CODE_DIGITS, MacKind, mac, short_code
from tests.nemesis.building import Building
from tests.nemesis.chronicle import Outcome
from tests.nemesis.eyes import Eyes
from tests.nemesis.office import Caller, Parcel
from tests.system.house import NeverHappened

Json = dict[str, Any]
OPEN_S = 0.25
"""How long a quick hand lets a door stand open."""
SCREEN_S_MAX = 1.0
"""How long somebody waits for the screen before it counts as dark."""
DOOR_S_MAX = 6.0
"""How long somebody waits for a door: longer than a daemon stands still."""
LOOK_S = 0.05
PATIENCE_S = 240.0
"""How long somebody comes back before the campaign fails."""
UNDER_WAY = frozenset({"issued", "pulsed"})
"""The states of an operator's door operation from which a door may still open."""


class Told(NamedTuple):
    """What the screen said; nothing if it was dark."""

    outcome: str
    compartment: int | None = None

    @property
    def dark(self) -> bool:
        """Whether it said nothing."""
        return not self.outcome

    @property
    def opens(self) -> bool:
        """Whether a door opens."""
        return self.outcome in ("opens", "courier_opens", "courier_check_empty")


class Visitors:
    """Everybody at one locker, in turn."""

    def __init__(self, building: Building, locker: str, operator: Caller, seed: int) -> None:
        self.locker = locker
        self.eyes: Eyes = building.eyes[locker]
        self._place = building.lockers[locker]
        self._chronicle = building.chronicle
        self._key = building.keys[locker]
        self._operator = operator
        self._rng = random.Random(seed)
        assert self._place.edge is not None
        self._kiosk = httpx.Client(base_url=self._place.edge.ready["kiosk"], timeout=SCREEN_S_MAX)
        self._dark = 0
        """How often the screen did not answer."""
        self.rescues = 0
        self.pause = building.pause

    # The screen ----------------------------------------------------------------------------------

    def _screen(self) -> Json | None:
        """Return what the page shows; None if it is dark."""
        try:
            answer = self._kiosk.get("/api/status")
        except httpx.HTTPError:
            self._dark += 1
            return None
        shown: Json = answer.json()
        return shown

    def _press(self, what: str, **said: str) -> tuple[int, Json] | None:
        try:
            answer = self._kiosk.post(f"/api/{what}", json=said)
        except httpx.HTTPError:
            self._dark += 1
            return None
        if answer.status_code == 503:
            self._dark += 1
        told: Json = answer.json()
        return answer.status_code, told

    def _lit(self) -> Json:
        """Wait until the screen shows a locker in service; return what it shows."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            shown = self._screen()
            if shown is not None and shown["in_service"]:
                return shown
            self.pause(LOOK_S)
        raise NeverHappened(f"{self.locker}: the screen stays dark")

    def _at_rest(self, act: str, dark: int) -> bool:
        """Wait until an act is not in hand any more; say whether the screen shone all the while.

        A locker that says it is out of order has not noted what was done at its door.
        """
        until = time.monotonic() + DOOR_S_MAX
        while time.monotonic() < until and self._dark == dark:
            shown = self._screen()
            if shown is not None and not shown["in_service"]:
                return False
            if shown is not None and shown["standing"]["act"] != act:
                return self._dark == dark
            self.pause(LOOK_S)
        return False

    # Doors ---------------------------------------------------------------------------------------

    def _opened(self, told: Told, since: float, *, only: int | None = None) -> int | None:
        """Return the door that opened for us, None if none did; wait for it if one is expected.

        The screen says which. If it is dark, it is the one that opened in the meantime (`only`, if
        we know behind which our parcel lies).
        """
        number = told.compartment or only
        give_up = time.monotonic() + (DOOR_S_MAX if told.opens or told.dark else 0)
        while True:
            found = self.eyes.opened_since(since, number)
            if found is not None:
                return found
            if time.monotonic() > give_up:
                return number if number in self.eyes.standing_open() else None
            self.pause(LOOK_S)

    def _put_in(self, parcel: Parcel, number: int, who: str) -> None:
        self.eyes.act("put_in", number, parcel.label, who, open_s=OPEN_S)
        if self.eyes.lies.get(number) == parcel.label:
            parcel.compartment = number

    def _take(self, parcel: Parcel, number: int, who: str) -> None:
        self.eyes.act("take_out", number, parcel.label, who, open_s=OPEN_S)
        if self.eyes.lies.get(number) != parcel.label:
            parcel.compartment = None

    # Couriers ------------------------------------------------------------------------------------

    def deposit(self, parcel: Parcel) -> None:
        """Scan, put in, shut; come back until the locker says that it has the parcel."""
        who = f"courier:{parcel.carrier.who}"
        until, told = time.monotonic() + PATIENCE_S, Told("")
        while time.monotonic() < until:
            turn = self._lit()["scan"]["turn"]
            dark, begun = self._dark, time.monotonic()
            told = self._scan(parcel.label, who, turn)
            if told.outcome == "courier_deposited":
                return
            number = self._opened(told, begun)
            if number is None:
                self.pause(0.2)
                self._shut_all(who)
            elif parcel.compartment is None or number == parcel.compartment:
                if parcel.compartment is None:
                    self._put_in(parcel, number, who)
                else:
                    self.eyes.act("nothing", number, "", who, open_s=OPEN_S)
                if self._at_rest("deposit", dark):
                    return
            else:
                self._fetch_back(parcel, number, who)
        raise NeverHappened(f"{self.locker} does not take {parcel.label}: {told.outcome}")

    def _scan(self, text: str, who: str, turn: int) -> Told:
        """Hold a label before the scanner; return what the screen says."""
        keys = [one.key for one in candidates(text.encode())]
        macs = [mac(self._key, "label", key) for key in keys]
        op = self._chronicle.ask(who, "scan", target=self.locker, macs=macs, locker=self.locker)
        begun = time.monotonic()
        self._place.hardware.scan(text + "\r")
        told = Told("")
        while told.dark and time.monotonic() < begun + DOOR_S_MAX:
            shown = self._screen()
            if shown is not None and shown["scan"]["turn"] != turn:
                said, turn = shown["scan"], shown["scan"]["turn"]
                told = Told(str(said.get("outcome", "")), said.get("compartment"))
            elif shown is None and self.eyes.opened_since(begun) is not None:
                break
            self.pause(LOOK_S)
        self._answer(op, told)
        return told

    def _answer(self, op: str, told: Told) -> None:
        if told.dark:
            self._chronicle.answer(op, "unknown")
        else:
            outcome: Outcome = "ok" if told.opens else "fail"
            self._chronicle.answer(op, outcome, body={"told": told.outcome})

    def _shut_all(self, who: str) -> None:
        """Shut what stands open and is nobody's."""
        for number in self.eyes.standing_open():
            self.eyes.act("nothing", number, "", who, open_s=OPEN_S)

    def _fetch_back(self, parcel: Parcel, offered: int, who: str) -> None:
        """Another door is offered while the parcel lies behind the one that was not noted.

        The courier says so by the key, shuts that door, and rings the operator, who opens the
        other; then the parcel is in the courier's hands again.
        """
        self.rescues += 1
        while True:
            pressed = self._press("key", key="cancel", value="")
            if pressed is not None and pressed[0] == 200:
                break
            self._lit()
        self.eyes.act("nothing", offered, "", who, open_s=OPEN_S)
        lies_in = parcel.compartment
        assert lies_in is not None
        if self.let_open(lies_in):
            self._take(parcel, lies_in, who)

    def let_open(self, number: int) -> bool:
        """Have the operator open a door; say whether it opened before that was over."""
        begun = time.monotonic()
        operation = self._operator.open_door(self.locker, number)
        while True:
            if self.eyes.wait("door_opened", number, since=begun, timeout_s=0.3):
                return True
            if self._operator.outcome(self.locker, operation) not in UNDER_WAY:
                return self.eyes.wait("door_opened", number, since=begun, timeout_s=1.0)

    # Residents -----------------------------------------------------------------------------------

    def collect(self, parcel: Parcel) -> None:
        """Type the code, take the parcel, shut; come back until the locker says it is done."""
        who = f"resident:{parcel.label}"
        until, told = time.monotonic() + PATIENCE_S, Told("")
        code = short_code(parcel.code)
        while time.monotonic() < until:
            self._lit()
            dark, begun = self._dark, time.monotonic()
            told = self._type(code, who, parcel.id)
            if told.outcome == "long_code_needed":
                code = parcel.code
                continue
            if told.outcome == "refused" and parcel.compartment is None:
                return
            number = self._opened(told, begun, only=parcel.compartment or 0)
            if number is None:
                self.pause(0.2)
                self._shut_all(who)
                continue
            if number == parcel.compartment:
                self._take(parcel, number, who)
            else:
                self.eyes.act("nothing", number, "", who, open_s=OPEN_S)
            if parcel.compartment is None and self._at_rest("collect", dark):
                return
        raise NeverHappened(f"{self.locker} does not give {parcel.label}: {told.outcome}")

    def _type(self, code: str, who: str, parcel_id: str = "") -> Told:
        """Type a code; return what the page answers."""
        kind: MacKind = "code" if len(code) == CODE_DIGITS else "long_code"
        said: Json = {"macs": [mac(self._key, kind, code)], "locker": self.locker}
        if parcel_id:
            said["parcel_id"] = parcel_id
        op = self._chronicle.ask(who, "type_code", target=self.locker, **said)
        pressed = self._press("code", code=code)
        told = Told("")
        if pressed is not None and pressed[0] == 200:
            told = Told(str(pressed[1]["outcome"]), pressed[1]["compartment"])
        self._answer(op, told)
        return told

    # Who has no business here --------------------------------------------------------------------

    def try_door(self) -> None:
        """Scan a foreign label or type a code at a guess; seldom, so that nobody is locked out."""
        if self._rng.random() < 0.5:
            before = self._lit()["scan"]["turn"]
            self._scan(f"FOREIGN-{self._rng.randrange(10**6):06d}", "attacker", before)
        else:
            self._type(f"{self._rng.randrange(10**8):08d}", "attacker")

    def close(self) -> None:
        """Go home."""
        self._kiosk.close()
