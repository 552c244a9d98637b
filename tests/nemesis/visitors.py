"""Whoever stands before one locker, one at a time: couriers, residents, and who has no business.

They scan at the real scanner's line, type at the real kiosk's page and move parcels through real
doors. They see doors even while the screen is dark, come back until the locker says that it is
done, and never conclude anything from an answer that they did not get.
"""

import random
import time
from typing import Any

import httpx

from fellesskap_protocol.barcodes import candidates
from fellesskap_protocol.codes import mac, short_code
from tests.judge import history
from tests.nemesis.building import Building
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
        """Wait until an act is not in hand any more; say whether the screen shone all the while."""
        until = time.monotonic() + DOOR_S_MAX
        while time.monotonic() < until and self._dark == dark:
            shown = self._screen()
            if shown is not None and shown["standing"]["act"] != act:
                return self._dark == dark
            self.pause(LOOK_S)
        return False

    # Doors ---------------------------------------------------------------------------------------

    def _opened(self, since: float, *, expected: bool) -> int | None:
        """Return the door that opened for us, None if none did; wait for it if one is expected."""
        give_up = time.monotonic() + (DOOR_S_MAX if expected else 0)
        while (found := self.eyes.opened_since(since)) is None and time.monotonic() < give_up:
            self.pause(LOOK_S)
        return found

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
        until, told = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < until:
            before = self._lit()["scan"]["turn"]
            dark, begun = self._dark, time.monotonic()
            told = self._scan(parcel.label, who, before)
            if told == "courier_deposited":
                return
            number = self._opened(begun, expected=told in OPENING or self._dark != dark)
            if number is None:
                self.pause(0.2)
                self._look_round(parcel, who)
            elif parcel.compartment is None or number == parcel.compartment:
                if parcel.compartment is None:
                    self._put_in(parcel, number, who)
                else:
                    self.eyes.act("nothing", number, "", who, open_s=OPEN_S)
                if self._at_rest("deposit", dark):
                    return
            else:
                self._fetch_back(parcel, number, who)
        raise NeverHappened(f"{self.locker} does not take {parcel.label}: {told}")

    def _scan(self, text: str, who: str, turn: int) -> str:
        """Hold a label before the scanner; return what the screen says, empty if nothing."""
        keys = [one.key for one in candidates(text.encode())]
        macs = [mac(self._key, "label", key) for key in keys]
        op = self._chronicle.ask(who, "scan", target=self.locker, macs=macs, locker=self.locker)
        self._place.hardware.scan(text + "\r")
        until = time.monotonic() + DOOR_S_MAX
        told = ""
        while not told and time.monotonic() < until:
            shown = self._screen()
            if shown is not None and shown["scan"]["turn"] != turn:
                told = str(shown["scan"].get("outcome", ""))
                turn = shown["scan"]["turn"]
            elif shown is None and self.eyes.opened_since(until - DOOR_S_MAX) is not None:
                break
            self.pause(LOOK_S)
        if told:
            self._chronicle.answer(op, "ok" if told in OPENING else "fail", body={"told": told})
        else:
            self._chronicle.answer(op, "unknown")
        return told

    def _look_round(self, parcel: Parcel, who: str) -> None:
        """Deal with doors that opened after all: late, or for nobody who still waits."""
        for number in self.eyes.standing_open():
            if parcel.compartment is None and number not in self.eyes.lies:
                self._put_in(parcel, number, who)
            else:
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
        until = time.monotonic() + PATIENCE_S
        code, told = short_code(parcel.code), ""
        while time.monotonic() < until:
            self._lit()
            dark, begun = self._dark, time.monotonic()
            told = self._type(code, who, parcel.id)
            if told == "long_code_needed":
                code = parcel.code
                continue
            if told == "refused" and parcel.compartment is None:
                return
            number = self._opened(begun, expected=told in ("opens", ""))
            if number is not None:
                if number == parcel.compartment:
                    self._take(parcel, number, who)
                else:
                    self.eyes.act("nothing", number, "", who, open_s=OPEN_S)
                if parcel.compartment is None and self._at_rest("collect", dark):
                    return
            else:
                self.pause(0.2)
                for late in self.eyes.standing_open():
                    self._take(parcel, late, who)
        raise NeverHappened(f"{self.locker} does not give {parcel.label}: {told}")

    def _type(self, code: str, who: str, parcel_id: str = "") -> str:
        """Type a code; return what the page answers, empty if nothing."""
        kind: Any = "code" if len(code) == 8 else "long_code"
        said: Json = {"macs": [mac(self._key, kind, code)], "locker": self.locker}
        if parcel_id:
            said["parcel_id"] = parcel_id
        act: history.Act = "type_code"
        op = self._chronicle.ask(who, act, target=self.locker, **said)
        pressed = self._press("code", code=code)
        if pressed is None or pressed[0] != 200:
            self._chronicle.answer(op, "unknown")
            return ""
        told = str(pressed[1]["outcome"])
        self._chronicle.answer(op, "ok" if told == "opens" else "fail", body={"told": told})
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


OPENING = frozenset({"courier_opens", "courier_check_empty"})
"""What the screen says when a door opens for a label."""
