"""What can be judged at the end alone: all decisions again (I15), and what processes said (I11)."""

from collections.abc import Iterator
from pathlib import Path

from fellesskap_protocol.codes import CODE_DIGITS
from tests.judge.canaries import Canaries, Secret
from tests.judge.judging import Breach
from tests.nemesis.building import Building
from tests.nemesis.town import Town


def afterwards(built: Building, town: Town) -> Iterator[Breach]:
    """Yield what is wrong; the backend is up, the daemons are ended."""
    at = built.chronicle.now
    for where, words in (*_decisions(built), *leaks(built.root, secrets(built, town))):
        yield Breach(where, at, "", words, 0)


def secrets(built: Building, town: Town) -> dict[str, Secret]:
    """Name everything that nobody may write into a log."""
    found: dict[str, Secret] = {f"K_locker of {one}": key for one, key in built.keys.items()}
    for caller in (*town.carriers, town.operator, town.clerk):
        found[f"key of {caller.name}"] = caller.client.headers["Authorization"].split()[1]
    for parcel in town.parcels:
        if parcel.code:
            found[f"code of {parcel.label}"] = parcel.code[:CODE_DIGITS]
            found[f"long code of {parcel.label}"] = parcel.code
    return found


def _decisions(built: Building) -> Iterator[tuple[str, str]]:
    try:
        told = built.house.cli("decisions", "replay")
    except AssertionError as error:
        yield "I15", str(error)
        return
    if not told["decisions"]:
        yield "I15", "there were no decisions"


def leaks(root: Path, hidden: dict[str, Secret]) -> Iterator[tuple[str, str]]:
    canaries, logs = Canaries(hidden), list(root.rglob("*.log"))
    if not any(log.read_text(errors="replace").strip() for log in logs):
        yield "I11", f"nobody logged anything in {len(logs)} files"
    for log in logs:
        for leak in canaries.find(log.read_text(errors="replace"), log.name):
            yield "I11", f"{leak.secret} stands in {leak.where}, {leak.form}"
