"""`docs/evidence/mutants.md`: which mutants survive, and why that is no harm.

The listing is written by `python -m tests.mutation --write`; the sentences are people's, and stay
with their mutant as long as its line reads the same.
"""

import re
from collections.abc import Iterable, Mapping

from tests.mutation.campaign import SCORE_MIN, Score
from tests.mutation.guarded import GUARDED, ROOT

PAGE = ROOT / "docs" / "evidence" / "mutants.md"
UNEXPLAINED = "?"
_ENTRY = re.compile(
    r"^(?P<function>\S+): (?P<becomes>.+)\n {4}(?P<text>.+)\n(?P<why>.+)$", re.MULTILINE
)
_HEADING = re.compile(r"^## (\w+)$", re.MULTILINE)
_HEAD = f"""# Mutants that survive
Each guard of doors and capacity is changed in one small way at a time, and the tests that run the
changed line must notice: at least {SCORE_MIN:.0%} of each module's mutants
([0057](../decisions/0057-mutants-in-forks.md)).
Here are those that are not noticed, and why each of them does no harm.
`python -m tests.mutation --write` renews the listing, and leaves the sentences; `make test-full`
compares.

"""


def explained(page: str) -> dict[str, str]:
    """Return the sentence of each listed survivor by its key.

    >>> explained('''## codes
    ... mac: + to -
    ...     return a + b
    ... It is zero.
    ... ''')
    {'codes · mac · return a + b · + to -': 'It is zero.'}
    """
    found = {}
    parts = _HEADING.split(page)[1:]
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        for one in _ENTRY.finditer(text):
            key = f"{name} · {one['function']} · {one['text']} · {one['becomes']}"
            found[key] = one["why"]
    return found


def written(scores: Iterable[Score], whys: Mapping[str, str]) -> str:
    """Write the page, with the sentences that are known."""
    rows, parts = [], []
    for score in scores:
        figures = score.figures()
        rows.append(
            f"| {score.name} | `{GUARDED[score.name].source}` | {figures['mutants']} "
            f"| {figures['timed_out']} | {figures['survived']} | {score.score:.1%} |"
        )
        if score.survivors:
            entries = "\n\n".join(_entry(key, whys) for key in score.survivors)
            parts.append(f"## {score.name}\n```text\n{entries}\n```\n")
    head = "| name | module | mutants | timed out | survive | noticed |\n" + "|---" * 6 + "|\n"
    return _HEAD + head + "\n".join(rows) + "\n\n" + "\n".join(parts)


def _entry(key: str, whys: Mapping[str, str]) -> str:
    _, function, text, becomes = key.split(" · ")
    return f"{function}: {becomes}\n    {text}\n{whys.get(key, UNEXPLAINED)}"
