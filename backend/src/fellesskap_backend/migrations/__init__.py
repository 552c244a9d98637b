"""Alembic's migrations, shipped inside the package so that an installed tree can migrate.

`upgrade` is called by `migrate`, by every command before its work and by tests.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from fellesskap_backend import db


def upgrade(engine: Engine) -> None:
    """Bring a database to the newest revision, in one transaction, again if it lost a race."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))

    def work(session: Session) -> None:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")

    db.run(engine, work)
