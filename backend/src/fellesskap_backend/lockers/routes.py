"""`/v1/lockers` and `/v1/sites`: public, and therefore rough."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from fellesskap_backend import paging
from fellesskap_backend.conventions import Linked, LockerId, NextLink
from fellesskap_backend.examples import AVAILABILITY
from fellesskap_backend.lockers import searching, service
from fellesskap_backend.lockers.asking import LockerSearch, SiteSearch
from fellesskap_backend.lockers.examples import LOCKER, LOCKERS, SITE, SITES
from fellesskap_backend.lockers.shapes import (
    Availability,
    OneLocker,
    PublicLockers,
    Site,
    Sites,
)
from fellesskap_backend.paging import Slice
from fellesskap_backend.rim import Reading, RetryingRoute, TheHouse

router = APIRouter(prefix="/v1", tags=["Lockers"], route_class=RetryingRoute)
CACHED = "public, max-age=15"
"""A cache between may answer for so long: what is public changes seldom, and is asked for often."""


@router.get(
    "/lockers",
    operation_id="search_lockers",
    response_model=PublicLockers,
    summary="Search lockers, the nearest first",
    responses={200: {"content": {"application/json": LOCKERS}}},
)
def search(
    asked: Annotated[LockerSearch, Query()], session: Reading, house: TheHouse, link: Linked
) -> dict[str, Any]:
    """Show what everybody may know; no key is needed. Without `near` by id.

    A page holds what was found among the next 200: it may be short, or empty, and `next` go on.
    """
    link.response.headers["Cache-Control"] = CACHED
    return _page("lockers", searching.lockers(session, asked.asked(), house.moment().now), link)


@router.get(
    "/lockers/{locker_id}",
    operation_id="find_locker",
    response_model=OneLocker,
    summary="Read about a locker",
    responses={200: {"content": {"application/json": LOCKER}}},
)
def find(
    locker_id: LockerId, session: Reading, house: TheHouse, response: Response
) -> dict[str, Any]:
    """Show what everybody may know of it; no key is needed."""
    response.headers["Cache-Control"] = CACHED
    return searching.locker(session, locker_id, house.moment().now)


@router.get(
    "/lockers/{locker_id}/availability",
    operation_id="see_availability",
    response_model=Availability,
    summary="See roughly how much room a locker has",
    responses={200: {"content": {"application/json": AVAILABILITY}}},
)
def availability(locker_id: LockerId, session: Reading, house: TheHouse) -> dict[str, Any]:
    """Say `none`, `few` or `many` per size class; no key is needed."""
    return dict(service.availability(session, locker_id, house.moment().now))


@router.get(
    "/sites",
    operation_id="list_sites",
    response_model=Sites,
    summary="Search sites, the nearest first",
    responses={200: {"content": {"application/json": SITES}}},
)
def list_sites(
    asked: Annotated[SiteSearch, Query()], session: Reading, link: Linked
) -> dict[str, Any]:
    """Show where lockers stand; no key is needed. Without `near` the newest first."""
    link.response.headers["Cache-Control"] = CACHED
    page = paging.page_of(asked.limit, asked.cursor)
    return _page("sites", searching.sites(session, asked.circle(), page), link)


@router.get(
    "/sites/{site_id}",
    operation_id="find_site",
    response_model=Site,
    summary="Read about a site",
    responses={200: {"content": {"application/json": SITE}}},
)
def find_site(site_id: UUID, session: Reading, response: Response) -> dict[str, Any]:
    """Show a site and the ids of its lockers; no key is needed."""
    response.headers["Cache-Control"] = CACHED
    return searching.site(session, site_id)


def _page(noun: str, found: Slice, link: NextLink) -> dict[str, Any]:
    if found.next is not None:
        link.to(cursor=found.next)
    return {noun: found.shown, "next": found.next}
