"""An index, partial or not, on both databases."""

import sqlalchemy as sa
from alembic import op


def index(
    name: str, table: str, columns: list[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Create an index; `where` makes it partial."""
    only = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)
