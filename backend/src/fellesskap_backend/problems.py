"""The kinds of problems: the page behind each `type`, and `docs/problems.md`.

Everything here is read from the classes in `errors`, so that a new one cannot be forgotten.
"""

from html import escape
from inspect import getdoc
from textwrap import fill

from fellesskap_backend import docs_page
from fellesskap_backend.errors import BackendError

Kind = type[BackendError]
WIDTH = 105


def kinds() -> dict[str, Kind]:
    """Return every kind of problem by its code, in the order of status and code."""
    found = {one.code: one for one in _below(BackendError) if "code" in vars(one)}
    return dict(sorted(found.items(), key=lambda pair: (pair[1].status, pair[0])))


def page(code: str | None = None) -> str | None:
    """Render one problem, or all of them; None if there is none by this code."""
    every = kinds()
    if code is not None and code not in every:
        return None
    chosen = every if code is None else {code: every[code]}
    sections = "".join(_section(one) for one in chosen.values())
    back = '<p><a href="/problems">All problems</a> · <a href="/docs">The API</a></p>'
    return docs_page.frame("Problems", f"{sections}{back}")


def markdown() -> str:
    """Render `docs/problems.md`."""
    parts = [_HEAD]
    for kind in kinds().values():
        told = [f"{kind.status}. {kind.title}.", _meaning(kind), f"What to do: {kind.remedy}"]
        if kind.members:
            told.append(f"It carries {kind.members}")
        paragraphs = "\n\n".join(fill(one, WIDTH) for one in told)
        parts.append(f"\n## {kind.code}\n{paragraphs}\n")
    return "".join(parts)


def _below(kind: Kind) -> list[Kind]:
    return [one for child in kind.__subclasses__() for one in (child, *_below(child))]


def _meaning(kind: Kind) -> str:
    return (getdoc(kind) or "").replace("\n", " ")


def _section(kind: Kind) -> str:
    more = f"<p>It carries {escape(kind.members)}</p>" if kind.members else ""
    return (
        f'<h2 id="{kind.code}">{escape(kind.title)}</h2>'
        f"<p><code>{kind.code}</code>, status {kind.status}</p>"
        f"<p>{escape(_meaning(kind))}</p><p>What to do: {escape(kind.remedy)}</p>{more}"
    )


_HEAD = """\
# Problems
What the API answers when it does not do as asked: problem details by RFC 9457, as
`application/problem+json`. `type` is `/problems/<code>`, an address of the API itself that shows
the section below; it never changes its meaning, and neither does `code`. `title` and `detail` are
for people and may be worded anew. Some problems carry more members; ignore what you do not know.

A problem with status 409 is an answer: it is stored under the Idempotency-Key and repeated. After
any other problem the key is free, and the same request may be sent again under it.
"""
