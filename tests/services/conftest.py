"""A real PostgreSQL server for the tests that want one, where the machine has its programs.

Where $FITTING_ROOM_REQUIRE names `postgres`, no test may be skipped for the lack of it.
"""

import pytest
from postgres import Postgres
from required import refuse_skip


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if "postgresql" in item.name or "postgres_server" in getattr(item, "fixturenames", ()):
        refuse_skip(report, "postgres")
    return report


@pytest.fixture(scope="session")
def postgres_server():
    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server, request):
    """URL of a database of the test's own."""
    return postgres_server.database(f"test_{abs(hash(request.node.nodeid))}")


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_address(request, tmp_path):
    """URL of an empty ledger, once of each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return request.getfixturevalue("postgres_url")
