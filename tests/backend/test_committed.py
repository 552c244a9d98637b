"""What is said of a transaction is heard once, and only if it was committed."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from fellesskap_backend.committed import when_committed


class Undone(Exception):
    """What ends a part of a transaction."""


@pytest.fixture
def session() -> Iterator[Session]:
    engine = sa.create_engine("sqlite://")
    with Session(engine) as made:
        yield made
    engine.dispose()


@pytest.fixture
def heard() -> list[str]:
    return []


def say(session: Session, heard: list[str], word: str) -> None:
    session.execute(sa.text("SELECT 1"))
    when_committed(session, lambda text, *about: heard.append(text % about), "%s", word)


def test_it_is_heard_with_the_commit_and_not_again(session: Session, heard: list[str]) -> None:
    say(session, heard, "one")
    say(session, heard, "two")
    assert heard == []
    session.commit()
    assert heard == ["one", "two"]
    say(session, heard, "three")
    session.commit()
    session.commit()
    assert heard == ["one", "two", "three"]


def test_what_is_undone_is_not_heard(session: Session, heard: list[str]) -> None:
    say(session, heard, "undone")
    session.rollback()
    say(session, heard, "done again")
    session.commit()
    assert heard == ["done again"]
    say(session, heard, "never committed")
    session.close()
    assert heard == ["done again"]


def test_of_a_part_that_is_undone_nothing_is_heard_and_of_the_rest_all(
    session: Session, heard: list[str]
) -> None:
    say(session, heard, "before")
    with suppress(Undone), session.begin_nested():
        say(session, heard, "undone")
        with session.begin_nested():
            say(session, heard, "undone with what it is part of")
        raise Undone
    with session.begin_nested():
        say(session, heard, "kept")
        with suppress(Undone), session.begin_nested():
            say(session, heard, "undone alone")
            raise Undone
    assert heard == []
    say(session, heard, "after")
    session.commit()
    assert heard == ["before", "kept", "after"]
