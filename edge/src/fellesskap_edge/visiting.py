"""A courier's visit: who stands there, what their badge allows, when it is over. Pure.

A session begins with a badge or a label and ends by "done" or 5 minutes without an act; a restart
within them resumes it. A badge may remove parcels in one session per locker.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from fellesskap_edge.facts import Session
from fellesskap_edge.guessing import count
from fellesskap_edge.state import Asked, BadgeForged, BadgeShown, Draft, Forget, Keep, TellCourier
from fellesskap_protocol.messages import Badge

SESSION_S = 300
ASKED_S = 60.0
"""How long a label waits for a badge or a choice."""


def current(draft: Draft) -> Session | None:
    """Return the session that goes on; a clock that was set back does not prolong it."""
    session = draft.c.session
    if session is None:
        return None
    idle = draft.now.wall - session.acted_at
    return session if timedelta(0) <= idle < timedelta(seconds=SESSION_S) else None


def badge_of(draft: Draft, may: Literal["deposit", "remove"]) -> Badge | None:
    """Return the badge of the session that goes on, if it may do this and still holds."""
    session = current(draft)
    if session is None or session.badge is None or _over(session.badge, draft.now.wall):
        return None
    if _revoked(draft, session.badge):
        return None
    return session.badge if may in session.badge.may else None


def asked_lately(draft: Draft) -> Asked | None:
    """Return the label that waits for a choice or a badge, if its courier still stands there."""
    asked = draft.c.asked
    return asked if asked is not None and draft.now.mono_s - asked.at < ASKED_S else None


def forget_the_last(draft: Draft) -> None:
    """Forget a session that is over, or later than now: a clock that is set brings none back."""
    if draft.c.session is not None and current(draft) is None:
        draft.say(Forget("session", "courier"))
        draft.change(session=None)


def acted(draft: Draft, **fields: object) -> None:
    """Let the session go on from now; without one nothing happens."""
    session = current(draft)
    if session is not None:
        _keep(draft, msgspec.structs.replace(session, acted_at=draft.now.wall, **fields))


def begin(draft: Draft, session_id: str, badge: Badge | None = None) -> None:
    """Begin a session, unless one goes on that needs no other badge."""
    if badge is None and current(draft) is not None:
        acted(draft)
    else:
        _keep(draft, Session(session_id, draft.now.wall, badge))


def end(draft: Draft) -> None:
    """End the session and whatever waits in it."""
    if draft.c.session is not None:
        draft.say(Forget("session", "courier"))
    draft.change(session=None, waiting=None, asked=None, sweep=None)


def badge_shown(draft: Draft, event: BadgeShown) -> None:
    """Begin a session with a badge that holds here and now; go on with the label that waits."""
    badge, session = event.badge, current(draft)
    refusal = _refusal(draft, event)
    if refusal is not None:
        draft.presented("badge", refusal, badge_jti=badge.jti)
        draft.say(TellCourier("expired" if refusal == "expired" else "badge_refused"))
        return
    same = session is not None and session.badge is not None and session.badge.jti == badge.jti
    if same:
        acted(draft)
    else:
        draft.change(sweep=None)
        begin(draft, event.session_id, badge)
        draft.presented("badge", None, badge_jti=badge.jti, outcome="authorised")
    draft.say(TellCourier("badge_accepted"))
    draft.change(waiting=draft.c.waiting or asked_lately(draft), asked=None)


def badge_forged(draft: Draft, _event: BadgeForged) -> None:
    """Count what only looks like a badge like an unknown label."""
    draft.presented("badge", "forged")
    count(draft, "labels")
    draft.say(TellCourier("badge_refused"))


def _refusal(draft: Draft, event: BadgeShown) -> str | None:
    badge = event.badge
    here = draft.c.locker_id in badge.lockers
    at_site = badge.site is not None and badge.site == draft.c.site
    if not (here or at_site):
        return "another_locker"
    if not event.timely:
        return "clock_untrusted"
    if _over(badge, draft.now.wall):
        return "expired"
    return "revoked" if _revoked(draft, badge) else None


def _revoked(draft: Draft, badge: Badge) -> bool:
    return any(badge.jti in right.revoked_badges for right in draft.c.rights.values())


def _over(badge: Badge, now: datetime) -> bool:
    return now.timestamp() >= badge.exp


def _keep(draft: Draft, session: Session) -> None:
    draft.change(session=session)
    draft.say(Keep("session", "courier", session))
