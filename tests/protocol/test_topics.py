"""Topics are built and parsed in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_protocol.topics import (
    KINDS,
    InvalidLockerId,
    InvalidTopic,
    Kind,
    Topic,
    every_locker,
    parse,
    shard_of,
    topic,
)

LOCKER_IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)


@given(LOCKER_IDS, st.sampled_from(KINDS))
def test_what_is_built_is_parsed(locker_id: str, kind: Kind) -> None:
    assert parse(topic(locker_id, kind)) == Topic(locker_id, kind)
    assert len(shard_of(locker_id)) == 2


@pytest.mark.parametrize("locker_id", ["", "-a", "A", "a" * 33, "a/b", "a+", "#", "æ", "a\n"])
def test_id_that_is_no_locker_id_is_refused(locker_id: str) -> None:
    with pytest.raises(InvalidLockerId, match="1 to 32"):
        topic(locker_id, "birth")


@given(st.text(max_size=60))
def test_any_text_is_a_topic_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except InvalidTopic:
        return
    assert topic(found.locker_id, found.kind) == text


@pytest.mark.parametrize(
    "text",
    [
        "fellesskap/v1/41/oslo-1/birth",
        "fellesskap/v2/40/oslo-1/birth",
        "fellesskap/v1/40/oslo-1/code",
        "fellesskap/v1/40/oslo-1/birth/x",
    ],
)
def test_wrong_shard_version_kind_or_depth_is_refused(text: str) -> None:
    with pytest.raises(InvalidTopic):
        parse(text)


def test_subscription_covers_all_lockers() -> None:
    assert every_locker("state") == "fellesskap/v1/+/+/state"
