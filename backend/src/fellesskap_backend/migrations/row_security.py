"""Row security in PostgreSQL: each row is seen by whom it concerns, and by the house."""

from alembic import op

MINE = "string_to_array(current_setting('fellesskap.carrier', true), ',')"
"""The carriers who look, as texts (`tenancy`)."""
_HOUSE = "coalesce(current_setting('fellesskap.house', true), '') = 'on'"
OF_CARRIER = f"carrier_id = ANY({MINE}::uuid[])"


def secure(table: str, condition: str = OF_CARRIER) -> None:
    """Let a table's rows be seen under a condition, and by the house; nothing on SQLite."""
    if op.get_bind().dialect.name != "postgresql":
        return
    seen = f"{_HOUSE} OR {condition}"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({seen}) WITH CHECK ({seen})")
