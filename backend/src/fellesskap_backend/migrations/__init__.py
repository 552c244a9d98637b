"""Alembic's migrations, shipped inside the package so that an installed tree can migrate.

`upgrade` is called by `migrate`, by every command before its work and by tests.
"""

from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.schema import metadata as metadata  # whoever opens one knows all tables

HERE = Path(__file__).parent
NEWEST = max(path.stem[1:5] for path in HERE.glob("versions/v*.py"))
"""The revision that the tables of this version are of."""


def upgrade(engine: Engine) -> None:
    """Bring a database to the newest revision, in one transaction, again if it lost a race."""
    if db.read(engine, _revision) != NEWEST:
        _migrate(engine)


def _revision(session: Session) -> str | None:
    """Return what a database is at; None before its first migration."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    found: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _migrate(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 (a third of a command's start, and needed once)
    from alembic.config import Config  # noqa: PLC0415 (the same)

    config = Config()
    config.set_main_option("script_location", str(HERE))

    def work(session: Session) -> None:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")

    db.run(engine, work)
