"""What is shown of delegations."""

from typing import Literal

from fellesskap_backend.shapes import Id, Instant, Shown


class DelegationCode(Shown):
    """By this code a carrier lets you act for it, and nothing else."""

    code: str
    """Hand it over as you like: it lets nobody in, and reads nothing."""
    expires_at: Instant
    """From then on another one is good; what was given by it stays."""


class Party(Shown):
    """A carrier of the installation, as the other party of a delegation."""

    carrier_id: Id
    """What `On-Behalf-Of` and a badge's `carriers` name."""
    name: str


class Delegation(Shown):
    """A carrier (the giver) lets a consolidator (the receiver) act for it."""

    id: Id
    side: Literal["given", "received"]
    """Whether you gave or received it."""
    giver: Party
    receiver: Party
    may: list[Literal["deposit", "remove", "reserve"]]
    state: Literal["live", "ended", "revoked"]
    ends_at: Instant
    created_at: Instant
    revoked_at: Instant | None


class Delegations(Shown):
    """One page of the delegations that you gave or received, newest first."""

    delegations: list[Delegation]
    next: str | None
    """The `cursor` of the next page; null at the end."""
