"""Who may complain is found from the decisions alone, and so is what explains it."""

import pytest

from fellesskap_backend.neutrality.complaints import Complaint, Log, is_below, shares_of
from fellesskap_backend.neutrality.said import Said, read, rulebook_of
from tests.backend.neutral import MORNING, NOON, Writer, doors

BIG, SMALL = 1, 2


def writer() -> Writer:
    """Return a locker of four small doors, of which each of two carriers is guaranteed two."""
    return Writer(doors(4), weights={BIG: 1, SMALL: 1}, quota={BIG: 2, SMALL: 2})


def judged(bodies: list[str]) -> list[Complaint | None]:
    """Judge every refusal below an entitlement, in order."""
    log, found = Log(), []
    for body in bodies:
        said = read(body)
        assert said is not None
        log.remember(said)
        if is_below(said):
            assert not any(log.lacks(said))
            found.append(log.judge(said))
    return found


def last(bodies: list[str]) -> str | None:
    found = judged(bodies)[-1]
    return None if found is None else found.why


def test_who_was_refused_since_others_were_lent_too_early_complains_with_reason() -> None:
    log = writer()
    bodies = [log.say(BIG, part="guaranteed", used=n) for n in (0, 1)]
    bodies += [log.say(BIG, part="lent", used=n, minute=MORNING) for n in (2, 3)]
    bodies.append(log.say(SMALL, "locker_full"))
    (complaint,) = judged(bodies)
    assert complaint is not None
    assert (complaint.why, complaint.locker_id) == ("unexplained", "oslo-1")
    assert complaint.decision == str(log.rows[-1]["id"])
    assert complaint.carrier == str(log.rows[-1]["carrier_id"])


def test_what_was_lent_after_the_published_hour_explains_it() -> None:
    log = writer()
    bodies = [log.say(BIG, part="guaranteed", used=n) for n in (0, 1)]
    bodies += [log.say(BIG, part="lent", used=n, minute=NOON) for n in (2, 3)]
    assert last([*bodies, log.say(SMALL, "quota_exceeded", minute=NOON)]) == "given_later"


def test_what_was_given_later_explains_it_also_beside_what_was_common_from_the_start() -> None:
    log = Writer(doors(4), weights={BIG: 1, SMALL: 1}, quota={BIG: 1, SMALL: 2})
    bodies = [log.say(BIG, part="guaranteed"), log.say(BIG, part="commons", used=1)]
    bodies += [log.say(BIG, part="lent", used=2, minute=NOON)]
    bodies += [log.say(SMALL, part="guaranteed", minute=NOON)]
    assert last([*bodies, log.say(SMALL, "locker_full", used=1, minute=NOON)]) == "given_later"


def test_parcels_that_lie_there_explain_it() -> None:
    log = writer()
    log.usable, log.lying = set(), [["1", "S", 4]]
    assert last([log.say(SMALL, "locker_full")]) == "lies_there"


@pytest.mark.parametrize(
    "lying",
    [
        [["1", "S", 2], ["2", "S", 1]],
        [["1", "low S", 4]],
        [],
    ],
    ids=["each within its part", "low ones are nobody's part", "nothing: doors are broken"],
)
def test_where_nobody_has_more_than_its_part_there_is_nothing_to_complain_of(
    lying: list[list[object]],
) -> None:
    log = writer()
    log.usable, log.lying = set(), lying
    assert last([log.say(SMALL, "locker_full", used=1)]) is None


def test_what_would_not_have_fitted_anyway_is_no_complaint() -> None:
    log = writer()
    bodies = [log.say(BIG, part="lent", used=2)]
    assert last([*bodies, log.say(SMALL, "locker_full", size="XL")]) is None


def test_who_had_its_part_or_asked_twice_is_not_judged() -> None:
    log = writer()
    bodies = [
        log.say(BIG, part="lent", used=3),
        log.say(SMALL, "locker_full", used=2),
        log.say(SMALL, "duplicate_parcel"),
        log.say(SMALL, "locker_full", quota=None, used=None),
    ]
    assert judged(bodies) == []


def test_what_others_left_unused_is_known_at_each_decision() -> None:
    log, found = writer(), Log()
    log.lying = [["2", "S", 1], ["2", "low S", 1]]
    bodies = [log.say(BIG, part="guaranteed", used=n) for n in (0, 1)]
    bodies.append(log.say(BIG, part="lent", used=2))
    sayings = [_read(body) for body in bodies]
    for said in sayings:
        found.remember(said)
    assert [found.unused(said) for said in sayings] == [
        {"1": 2, "2": 1},
        {"1": 1, "2": 1},
        {"1": 0, "2": 1},
    ]


def test_a_later_log_says_what_it_has_to_look_up() -> None:
    log = writer()
    log.say(BIG, part="guaranteed")
    said = _read(log.say(SMALL, "locker_full"))
    lacking = Log().lacks(said)
    assert lacking == ({1}, True, True)


def test_a_review_stands_for_what_the_weights_give() -> None:
    log = writer()
    rules = rulebook_of(_read(log.say(BIG)))
    assert rules is not None
    assert shares_of(rules, log.every).quotas["2", "S"] == 2
    other = type(rules)(rules.policy, rules.weights, frozenset(), (("1", "S", 3), ("2", "S", 1)))
    assert shares_of(other, log.every).quotas["2", "S"] == 1
    assert shares_of(other, log.every[:2]).quotas["2", "S"] == 1, "what does not fit is void"


def test_first_come_knows_no_shares() -> None:
    log = writer()
    body = log.say(BIG, "locker_full", part=None, quota=None, used=None)
    said = _read(body.replace('"rules":', '"was":'))
    assert (said.rules, is_below(said), Log().unused(said)) == (None, False, {})


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"id":1}', "null"])
def test_a_body_that_nobody_wrote_is_left_out(body: str) -> None:
    assert read(body) is None


def _read(body: str) -> Said:
    said = read(body)
    assert said is not None
    return said
