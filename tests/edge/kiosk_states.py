"""Every state of the page: what brings it about, which view it is, and the keys that make sense."""

from dataclasses import dataclass

from fellesskap_edge.facts import Act
from fellesskap_edge.standing import Standing
from fellesskap_edge.state import Answer, TellAtDoor, TellCourier
from tests.edge.kiosk_stage import NOBODY, Stage

CARRIERS = tuple(f"0193f7c1-aaaa-7000-8000-0000000000{number:02d}" for number in range(1, 9))


@dataclass(frozen=True)
class State:
    """One state; `said` is what the scanner brought about, or what became of the door."""

    name: str
    view: str
    keys: tuple[str, ...]
    standing: Standing = NOBODY
    said: Answer | TellCourier | TellAtDoor | None = None
    in_service: bool = True

    def set_up(self, stage: Stage) -> None:
        """Bring it about."""
        if self.said is not None:
            stage.say(self.said)
        stage.stand(self.standing, in_service=self.in_service)


def at_door(act: Act, *, open_: bool = True, courier: bool = False, number: int = 10) -> Standing:
    """Somebody stands at a door."""
    return Standing(act=act, compartment=number, door="open" if open_ else "shut", courier=courier)


TAKING = ("empty", "not_me", "more_time", "broken", "code_key")
SENDING = ("bigger", "occupied", "broken", "cancel", "more_time", "code_key")
DEPOSITING = ("bigger", "occupied", "broken", "cancel", "done", "code_key")
VISIT = Standing(courier=True)
WITH_BADGE = Standing(courier=True, may_take_out=4)

STATES = (
    State("nobody", "code", ()),
    State("a part is silent", "code", (), in_service=False),
    State("wrong QR code", "code", (), said=Answer("scanner", "refused")),
    State("collect, opening", "collect", TAKING, at_door("collect", open_=False)),
    State("collect, open", "collect", TAKING, at_door("collect")),
    State(
        "stuck",
        "collect",
        TAKING,
        at_door("collect", open_=False),
        TellAtDoor("push_door", 10, courier=False),
    ),
    State("jammed", "code", (), said=TellAtDoor("jammed_out", 10, courier=True)),
    State("reopen", "reopen", TAKING, at_door("reopen")),
    State("reported", "inspect", ("more_time", "broken", "code_key"), at_door("inspect")),
    State("drop-off", "drop_off", SENDING, at_door("drop_off", number=24)),
    State(
        "badge shown",
        "courier",
        ("take_out", "done", "code_key"),
        WITH_BADGE,
        TellCourier("badge_accepted"),
    ),
    State("no badge", "code", ("done",), VISIT, TellCourier("unknown")),
    State(
        "deposit",
        "deposit",
        DEPOSITING,
        at_door("deposit", courier=True),
        TellCourier("opens", 10),
    ),
    State(
        "queued",
        "deposit",
        DEPOSITING,
        at_door("deposit", courier=True),
        TellCourier("queued", 10),
    ),
    State(
        "look first",
        "deposit",
        DEPOSITING,
        at_door("deposit", courier=True),
        TellCourier("check_empty", 10),
    ),
    State(
        "which carrier",
        "choose",
        (*["carrier"] * 8, "done", "code_key"),
        Standing(courier=True, asks="carrier"),
        TellCourier("choose_carrier", options=CARRIERS),
    ),
    State(
        "which size",
        "choose",
        (*["size"] * 4, "done", "code_key"),
        Standing(courier=True, asks="size"),
        TellCourier("choose_size", options=("S", "M", "L", "XL")),
    ),
    State(
        "sweep",
        "remove",
        ("empty", "broken", "done", "code_key"),
        at_door("remove", courier=True, number=1),
        TellCourier("opens", 1),
    ),
    State(
        "take back",
        "cancel",
        ("done", "code_key"),
        at_door("cancel", courier=True),
        TellCourier("opens", 10),
    ),
)
