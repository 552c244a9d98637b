"""What a request reads is found by an index, so that a country costs what a town does."""

import psycopg
import pytest

from fellesskap_backend.settings import Settings
from tests.backend import country
from tests.backend.api import Api
from tests.backend.plans import plans_of

LOCKERS = 3_000
LOOKED_AT_MAX = 800
"""Rows of one table for one statement: the doors of thirty lockers nearby are the most."""


@pytest.mark.slow
@pytest.mark.parametrize("owned", ["postgresql"], indirect=True)
def test_no_request_reads_a_table_whole(owned: Settings, api: Api) -> None:
    with psycopg.connect(owned.database_url.replace("+psycopg", "")) as owner:
        carrier = country.fill(owner, api, LOCKERS)
    read = []
    for what, ask in country.ASKED.items():
        with plans_of(api.callers) as plans:
            ask(carrier)
        assert plans, what
        read += [(what, step, one.statement) for one in plans for step in one.steps]
    assert any(step.table == "lockers" for _, step, _ in read)
    assert [one for one in read if one[1].rows > LOOKED_AT_MAX] == []
