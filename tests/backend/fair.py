"""Small lockers with carriers, quotas and requests, for the tests of the fair allocator."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from fellesskap_backend.allocation.batch import decide_batch
from fellesskap_backend.allocation.deciding import Decision, Request
from fellesskap_backend.allocation.division import class_of, divide, quotas_of
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.standing import Standing
from fellesskap_backend.allocation.view import Shares, Use, View
from fellesskap_protocol.capacity import SIZE_CLASSES, Compartment, Demand, Matching

POLICY = FairShare(in_force_from=datetime(2026, 1, 1, tzinfo=UTC))
BOX = {one.name: one for one in SIZE_CLASSES}
SIZES = ("S", "M", "L")
ALL_SIZES = (*SIZES, "XL")
CARRIERS = ("east", "north", "south")
DAY_KEY = b"the key of a day"
KEPT, LENT = 9 * 60, 15 * 60
"""Minutes of the day at which all that is unused is kept, and none of it."""


def compartment(number: int, size: str, *, low: bool = False) -> Compartment:
    box = BOX[size]
    return Compartment(
        number, box.w_mm, box.h_mm, box.d_mm, 400 if low else 1300, 900 if low else 1700, 25_000
    )


def parcel(size: str, *needs: str) -> Demand:
    return BOX[size].demand(500, tuple(needs))


@dataclass(frozen=True, repr=False)
class Scene:
    """A locker, what is there already, who is entitled to what, and what is asked for."""

    every: tuple[Compartment, ...]
    weights: dict[str, int]
    quotas: dict[tuple[str, str], int]
    requests: dict[str, Request] = field(default_factory=dict)
    lying: tuple[tuple[int, Use], ...] = ()
    """Parcels: in which compartment, and what they count as."""
    claims: tuple[tuple[Demand, Use], ...] = ()
    standings: dict[str, Standing] = field(default_factory=dict)
    policy: FairShare = POLICY

    def __repr__(self) -> str:
        """What Hypothesis shows of a counter-example, short enough to be read."""
        doors = " ".join(class_of(one) + "low" * one.low for one in self.every)
        lying = [(number, use.carrier, use.size) for number, use in self.lying]
        claims = [(use.carrier, use.size, demand.needs) for demand, use in self.claims]
        quotas = {key: units for key, units in self.quotas.items() if units}
        asked = [(name, r.carrier, r.size, r.demand.needs) for name, r in self.requests.items()]
        return f"{doors}; {self.weights}; {quotas}; {lying}; {claims}; asked: {asked}"

    @property
    def usable(self) -> list[Compartment]:
        taken = {number for number, _ in self.lying}
        return [one for one in self.every if one.number not in taken]

    def view(self, minute: int = KEPT) -> View:
        standings = {name: Standing(weight=weight) for name, weight in self.weights.items()}
        shares = Shares(
            divide(self.policy, self.every),
            self.quotas,
            standings | self.standings,
            reserved=self.policy.reserved,
        )
        return View(
            (self.every, self.usable),
            shares,
            claims=self.claims,
            lying=[use for _, use in self.lying],
            minute=minute,
        )

    def asking(self, requests: dict[str, Request]) -> "Scene":
        return replace(self, requests=requests)


def locker(sizes: Iterable[str], low: int = 0) -> tuple[Compartment, ...]:
    """`SSM`, the first ones low."""
    return tuple(
        compartment(number, size, low=number <= low) for number, size in enumerate(sizes, start=1)
    )


def scene(sizes: str, weights: dict[str, int], *, low: int = 0) -> Scene:
    every = locker(sizes, low)
    return Scene(every, weights, quotas_of(divide(POLICY, every), weights))


DEMANDS = st.builds(
    lambda size, needs: parcel(size, *needs),
    st.sampled_from((*SIZES, *ALL_SIZES)),
    st.sampled_from(((), (), (), ("low",))),
)
STANDINGS = st.builds(
    lambda memory, holds, missed: Standing(1, memory, holds, holds * missed // 100),
    st.integers(0, 500),
    st.integers(0, 60),
    st.integers(0, 100),
)
"""Memory, and no-shows, also such as are too few to count; the weight is put in its place."""
REQUESTS = st.builds(Request, st.sampled_from(CARRIERS), DEMANDS)


@st.composite
def scenes(draw: st.DrawFn, most: int = 12) -> Scene:
    """A locker of up to ten doors, some with parcels and claims, and requests for more.

    Carriers may be new, may have used much lately, and may often not come.
    """
    sizes = draw(st.lists(st.sampled_from((*SIZES, *ALL_SIZES)), min_size=1, max_size=10))
    every = locker(sizes, low=draw(st.integers(0, len(sizes))))
    weights = {name: draw(st.integers(1, 5)) for name in CARRIERS}
    policy = POLICY.model_copy(
        update={
            "guaranteed_permille": draw(st.sampled_from((0, 600, 1_000))),
            "entrant_permille": draw(st.sampled_from((100, 500))),
        }
    )
    quotas = quotas_of(divide(policy, every), weights, draw(st.sets(st.sampled_from(CARRIERS))))
    standings = {
        name: replace(standing, weight=weights[name])
        for name, standing in draw(st.dictionaries(st.sampled_from(CARRIERS), STANDINGS)).items()
    }
    occupied = draw(st.sets(st.sampled_from([one.number for one in every]), max_size=4))
    lying = tuple(
        (number, Use(draw(st.sampled_from(CARRIERS)), class_of(every[number - 1])))
        for number in sorted(occupied)
    )
    matching = Matching(one for one in every if one.number not in occupied)
    claims = []
    for demand in draw(st.lists(DEMANDS, max_size=3)):
        if matching.add(demand):
            size = next(one.name for one in SIZE_CLASSES if one.w_mm == demand.w_mm)
            claims.append((demand, Use(draw(st.sampled_from(CARRIERS)), size)))
    asked = draw(st.lists(REQUESTS, max_size=most))
    return Scene(
        every,
        weights,
        quotas,
        {f"r{number:02}": request for number, request in enumerate(asked)},
        lying,
        tuple(claims),
        standings,
        policy=policy,
    )


def ruled(reserved: str) -> FairShare:
    return POLICY.model_copy(update={"reserved": reserved})


def batch(one: Scene) -> dict[str, Decision]:
    return decide_batch(one.policy, one.view(), one.requests, DAY_KEY)


def given_to(carrier: str, one: Scene, names: set[str] | None = None) -> int:
    return sum(
        decision.confirmed
        for name, decision in batch(one).items()
        if one.requests[name].carrier == carrier and (names is None or name in names)
    )
