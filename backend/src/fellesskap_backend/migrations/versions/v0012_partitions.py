"""The ledger by month of `recorded_at` on PostgreSQL, so that old ones go by dropping a table.

What was there becomes the partition of everything before the next month. Partitions have a schema
of their own; the server's role, which owns nothing, has them made by a function of the owner.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_UP = (
    "CREATE SCHEMA ledger_months",
    "ALTER TABLE ledger SET SCHEMA ledger_months",
    "ALTER TABLE ledger_months.ledger RENAME TO earlier",
    "ALTER TABLE ledger_months.earlier DROP CONSTRAINT pk_ledger",
    "ALTER INDEX ledger_months.ix_ledger_unapplied RENAME TO ix_earlier_unapplied",
    "CREATE TABLE ledger (LIKE ledger_months.earlier,"
    " CONSTRAINT pk_ledger PRIMARY KEY (locker_id, epoch, seq, recorded_at))"
    " PARTITION BY RANGE (recorded_at)",
    "CREATE INDEX ix_ledger_unapplied ON ledger (locker_id) WHERE unapplied IS NOT NULL",
    """
    DO $$
    DECLARE
        newest timestamptz := (SELECT max(recorded_at) FROM ledger_months.earlier);
        bound timestamp := date_trunc('month', greatest(now(), newest) AT TIME ZONE 'UTC')
            + interval '1 month';
    BEGIN
        EXECUTE format('ALTER TABLE ledger ATTACH PARTITION ledger_months.earlier'
            ' FOR VALUES FROM (MINVALUE) TO (%L)', bound AT TIME ZONE 'UTC');
    END $$
    """,
    "CREATE TABLE ledger_months.other PARTITION OF ledger DEFAULT",
    # Each month is made as a table beside, filled with what came before it was there, and attached.
    """
    CREATE FUNCTION make_ledger_months() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
    SET timezone = 'UTC' AS $$
    DECLARE
        month timestamptz;
        name text;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('ledger_months'));
        month := date_trunc('month', least(now(),
            (SELECT min(recorded_at) FROM ledger_months.other)));
        WHILE month <= now() + interval '2 months' LOOP
            name := 'm' || to_char(month, 'YYYY_MM');
            IF to_regclass('ledger_months.' || name) IS NULL THEN
                EXECUTE format('CREATE TABLE ledger_months.%I (LIKE public.ledger)', name);
                EXECUTE format('WITH moved AS (DELETE FROM ledger_months.other WHERE recorded_at'
                    ' >= %L AND recorded_at < %L RETURNING *) INSERT INTO ledger_months.%I'
                    ' SELECT * FROM moved', month, month + interval '1 month', name);
                BEGIN
                    EXECUTE format('ALTER TABLE public.ledger ATTACH PARTITION ledger_months.%I'
                        ' FOR VALUES FROM (%L) TO (%L)', name, month, month + interval '1 month');
                EXCEPTION WHEN invalid_object_definition THEN -- it is in `earlier`
                    EXECUTE format('DROP TABLE ledger_months.%I', name);
                END;
            END IF;
            month := month + interval '1 month';
        END LOOP;
        RETURN (SELECT count(*) FROM ledger_months.other);
    END $$
    """,
    "REVOKE ALL ON FUNCTION make_ledger_months() FROM PUBLIC",
    "SELECT make_ledger_months()",
)
_DOWN = (
    "DROP FUNCTION make_ledger_months()",
    "CREATE TABLE ledger_whole (LIKE ledger)",
    "INSERT INTO ledger_whole SELECT * FROM ledger",
    "DROP TABLE ledger",
    "DROP SCHEMA ledger_months CASCADE",
    "ALTER TABLE ledger_whole RENAME TO ledger",
    "ALTER TABLE ledger ADD CONSTRAINT pk_ledger PRIMARY KEY (locker_id, epoch, seq)",
    "CREATE INDEX ix_ledger_unapplied ON ledger (locker_id) WHERE unapplied IS NOT NULL",
)


def upgrade() -> None:
    """Partition the ledger; SQLite has none and stays as it is."""
    _do(_UP)


def downgrade() -> None:
    """Put the ledger into one table again, whole."""
    _do(_DOWN)


def _do(statements: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.execute(statement)
