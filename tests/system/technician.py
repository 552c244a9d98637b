"""What a technician answers who opens each door of a cabinet, looks, and shuts it again."""

import re
from collections.abc import Callable

from tests.system.house import Hardware

Answers = dict[str, str | Callable[[re.Match[str]], str]]


def answers(cabinet: Hardware) -> Answers:
    """Return by what is asked what a technician types who is in no doubt."""

    def number(_: re.Match[str]) -> str:
        return "".join(str(door["compartment"]) for door in cabinet.doors() if door["open"])

    def shut(found: re.Match[str]) -> str:
        cabinet.ask("shut", compartment=int(found[1]))
        return ""

    return {
        r"^Shut every door": "",
        r"^Board (\S+), wire (\d+): Enter opens": "",
        r"Which number": number,
        r"^Shut door (\d+)": shut,
        r"Every door of the draft is found": "",
    }
