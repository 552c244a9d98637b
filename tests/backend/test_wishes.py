"""What is owed to which locker is found by an index, however many lockers there are."""

from typing import Any

from sqlalchemy import Engine, event, text

from fellesskap_backend import db
from fellesskap_backend.bridge import owed
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings

LOCKERS = 20_000
_MANY = text(
    "WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < :lockers)"
    " INSERT INTO lockers (id, site_name, address, k_version, generation, revision,"
    " applied_generation, applied_revision, reported_generation, reported_revision, online,"
    " allowances, created_at, custody_wanted) SELECT 'l-' || n, 'S', 'A', 1, 1,"
    " CASE WHEN n = 7 THEN 1 ELSE 0 END, 1, 0, 1, 0, false, 'none', '2027-03-01 08:00:00', false"
    " FROM many"
)


def test_a_locker_that_differs_is_found_by_an_index_among_many(owned: Settings) -> None:
    made = db.engine(owned)
    upgrade(made)
    with db.writing(made) as session:
        session.execute(_MANY, {"lockers": LOCKERS})
        session.execute(text("ANALYZE"))
    made.dispose()  # SQLite reads its statistics when it opens the file
    explain = "EXPLAIN" if made.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with db.reader(made) as session:
        rows = session.execute(text(f"{explain} {_asked(made)}")).all()
        plan = "\n".join(str(row) for row in rows)
        assert "ix_lockers_differs" in plan, plan
        assert [one.locker_id for one in owed.wishes(session, ())] == ["l-7"]
        assert {one.locker_id for one in owed.wishes(session, ("l-7", "l-8"))} == {"l-7", "l-8"}
    made.dispose()


def _asked(made: Engine) -> str:
    """Return what is asked of the database, word for word."""
    said: list[str] = []

    def hear(*arguments: Any) -> None:
        said.append(arguments[2])

    event.listen(made, "before_cursor_execute", hear)
    with db.reader(made) as session:
        owed.wishes(session, ())
    event.remove(made, "before_cursor_execute", hear)
    return said[-1]
