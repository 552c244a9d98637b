"""What every route takes and gives alike: keys for repeating, tags, pages, answers.

A route names in its arguments what it wants: `Posted`, `IfMatch`, `Paged`; it returns a body, or
`sent(…)` for what a POST answered. Statuses and headers of these are put into the OpenAPI
document by `documents`, from the arguments alone.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Header, Path, Query, Request, Response
from sqlalchemy.orm import Session

from fellesskap_backend import paging
from fellesskap_backend.db import Moment
from fellesskap_backend.errors import PROBLEM_TYPE
from fellesskap_backend.etag import Match, Tagger
from fellesskap_backend.idempotency import KEPT, KEY_PATTERN, Answered, Attempt
from fellesskap_backend.paging import Page, Slice
from fellesskap_backend.rim import House, Writing, end, house_of
from fellesskap_backend.shapes import LABEL_MAX, LOCKER_ID, TEXT, When

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=KEY_PATTERN,
        description="1 to 255 visible ASCII characters. The same key with the same request gives "
        f"the same answer and one effect, for {KEPT.days} days; a new attempt needs a new key.",
        examples=["9f6c1d1e-5f0a-4c1f-8a53-2d0f6e1b7c44"],
    ),
]
IfMatchHeader = Annotated[
    str | None,
    Header(alias="If-Match", description="The ETag of what you read: change only that."),
]
Limit = Annotated[int, Query(ge=1, le=paging.LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(pattern=paging.CURSOR_PATTERN, description="`next` of the page before."),
]
LockerId = Annotated[str, Path(pattern=LOCKER_ID, description="The locker's id.")]
AtLocker = Annotated[str | None, Query(pattern=LOCKER_ID, description="Only at this locker.")]
WithLabel = Annotated[
    str | None,
    Query(max_length=LABEL_MAX, pattern=TEXT, description="Only with this text on its label."),
]
MadeFrom = Annotated[When | None, Query(description="Only what was made then or later.")]
MadeUntil = Annotated[When | None, Query(description="Only what was made before.")]


async def attempt(request: Request, key: IdempotencyKey) -> Attempt:
    """Name the attempt: the operation, its key, and what is asked of which resource."""
    asked = sha256(request.url.path.encode() + b"\0" + _canonical(await request.body()))
    return Attempt(f"{request.method} {request.scope['route'].path}", key, asked.hexdigest())


Attempted = Annotated[Attempt, Depends(attempt)]
"""For a POST whose transaction is not its own (`House.together`)."""


async def if_match(request: Request, header: IfMatchHeader = None) -> Match:
    """Return what the caller believes to be there; it is checked by the service, under lock."""
    return Match(house_of(request).tagger, header)


IfMatch = Annotated[Match, Depends(if_match)]


@dataclass(frozen=True)
class Posting:
    """All that a POST with an effect is given besides its key and its body."""

    session: Session
    attempt: Attempt
    house: House

    @cached_property
    def moment(self) -> Moment:
        """Return the time and the chance of this request."""
        return self.house.moment()

    def commit(self) -> None:
        """Commit in the handler's own thread, as its last act, where a way to another counts.

        What is refused or fails here is tried again by the rim like everything before.
        """
        end(self.session)


async def posting(session: Writing, key: IdempotencyKey, request: Request) -> Posting:
    """Bundle what a POST is given."""
    return Posting(session, await attempt(request, key), house_of(request))


Posted = Annotated[Posting, Depends(posting)]


@dataclass(frozen=True)
class NextLink:
    """Where the link to the next page goes."""

    request: Request
    response: Response

    def to(self, **changed: Any) -> None:
        """Set `Link: …; rel="next"` (RFC 8288): the same request, some parameters changed."""
        asked = self.request.query_params.multi_items()
        kept = [(name, value) for name, value in asked if name not in changed]
        query = urlencode([*kept, *changed.items()])
        self.response.headers["Link"] = f'<{self.request.url.path}?{query}>; rel="next"'


async def next_link(request: Request, response: Response) -> NextLink:
    """Return the place of the link."""
    return NextLink(request, response)


Linked = Annotated[NextLink, Depends(next_link)]


@dataclass(frozen=True)
class Pages:
    """The page that was asked for."""

    page: Page
    link: NextLink

    def answer(self, noun: str, found: Slice) -> dict[str, Any]:
        """Return the body of one page; `Link` names the next one."""
        if found.next is not None:
            self.link.to(cursor=found.next)
        return {noun: found.shown, "next": found.next}


async def pages(link: Linked, limit: Limit = paging.LIMIT, cursor: Cursor = None) -> Pages:
    """Read which page is asked for."""
    return Pages(paging.page_of(limit, cursor), link)


Paged = Annotated[Pages, Depends(pages)]


TAGGED: dict[str, Any] = {
    "headers": {
        "ETag": {"description": "The one that a GET gives now.", "schema": {"type": "string"}}
    }
}
"""What an operation says whose answer is what a GET would show."""


def sent(
    answered: Answered, *, location: str | None = None, tagger: Tagger | None = None
) -> Response:
    """Return what a POST answered; `location` has fields of the body: `/v1/parcels/{id}`.

    With a `tagger` it has the ETag that a GET of that location gives now.
    """
    headers = {"Idempotent-Replayed": "true"} if answered.replayed else {}
    refused = answered.status >= 400
    if location is not None and not refused:
        headers["Location"] = location.format_map(answered.body)
    if tagger is not None and not refused:
        headers["ETag"] = tagger.of(answered.body)
    media_type = PROBLEM_TYPE if refused else "application/json"
    return Response(msgspec.json.encode(answered.body), answered.status, headers, media_type)


def _canonical(body: bytes) -> bytes:
    """Return a body without its spaces and the order of its fields."""
    try:
        return msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    except (msgspec.DecodeError, RecursionError):
        return body
