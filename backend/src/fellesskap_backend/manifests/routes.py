"""`/v1/manifests`."""

from typing import Annotated

from fastapi import APIRouter, Response

from fellesskap_backend.auth import may
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.conventions import Posted, sent
from fellesskap_backend.examples import MANIFEST
from fellesskap_backend.manifests import service
from fellesskap_backend.manifests.shapes import Manifest, ManifestRequest
from fellesskap_backend.reservations.answering import Counter
from fellesskap_backend.rim import RetryingRoute

router = APIRouter(prefix="/v1/manifests", tags=["Reservations"], route_class=RetryingRoute)
MayWrite = Annotated[Credentials, may("reservations:write", acts="reserve")]


@router.post(
    "",
    operation_id="send_manifest",
    summary="Reserve room for many parcels at once",
    responses={
        200: {
            "model": Manifest,
            "description": "Each is answered for itself",
            "content": {"application/json": MANIFEST},
        },
    },
)
def send(body: ManifestRequest, key: MayWrite, post: Posted) -> Response:
    """Answer up to 2,000 requests at one or many lockers, in order, as single calls would be.

    One that is refused or wrong (`status` 404, 409, 422) takes nothing from the others; one that
    waits for its locker's cut-off has `status` 202. All are answered under one key: the same
    manifest again gets the same answers.
    """
    counter = Counter(post.session, post.house.secrets, post.moment)
    answered = service.accept(counter, key, body.sent(post.attempt))
    answer = sent(answered)
    post.commit()
    return answer
