"""The server's role in PostgreSQL: it reads and writes rows, owns nothing and passes no policy by.

The owner of the tables migrates and makes the role able; the server comes in as the role.
"""

import argparse
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.secrets import Secrets

Json = dict[str, Any]
_MAY = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "GRANT EXECUTE ON FUNCTION make_ledger_months() TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    # What the owner's later migrations make.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}",
)
_POWERS = text(
    "SELECT rolsuper, rolbypassrls, EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p')"
    " AND relnamespace = 'public'::regnamespace AND pg_has_role(pg_roles.oid, relowner, 'USAGE'))"
    " FROM pg_roles WHERE rolname = :role"
)
_NAMES = ("a superuser", "one that passes row security by", "an owner of the tables")


def add_words(words: Any, state: argparse.ArgumentParser) -> None:
    """Add the commands."""
    nouns = words.add_parser("database", help="the database's roles").add_subparsers(required=True)
    told = "let a role of PostgreSQL serve: rows, but no tables; run as the tables' owner"
    allow_it = nouns.add_parser("allow", parents=[state], help=told)
    allow_it.add_argument("role", metavar="ROLE")
    allow_it.set_defaults(in_one=_allow)


def _allow(_: Secrets, session: Session, arguments: argparse.Namespace) -> Json:
    allow(session, arguments.role)
    return {"allowed": arguments.role}


def allow(session: Session, role: str) -> None:
    """Grant a role what the server needs; raise `InvalidRequest` for one that may too much."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        raise InvalidRequest("SQLite has no roles.")
    powers = powers_of(connection, role)
    if powers is None:
        raise NotFound("No role by this name: CREATE ROLE it first, with LOGIN.")
    if powers:
        raise InvalidRequest(f"This role is {' and '.join(powers)}: the policies would not hold.")
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    for statement in _MAY:
        session.execute(text(statement.format(role=quoted)))


def powers_of(connection: Connection, role: str | None = None) -> list[str] | None:
    """Return why a role, or our own, would see every carrier's rows; None for an unknown one."""
    if connection.dialect.name != "postgresql":
        return []
    named = role or connection.execute(text("SELECT current_user")).scalar_one()
    row = connection.execute(_POWERS, {"role": named}).one_or_none()
    if row is None:
        return None
    return [name for name, has in zip(_NAMES, row, strict=True) if has]
