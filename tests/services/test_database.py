"""The ledger's database: its migrations, its transactions, what is refused."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")

from fitting_room.pipelines.errors import InputError
from fitting_room.services import ledger
from fitting_room.services.batch import jobs  # noqa: F401 - so that its tables are known
from fitting_room.services.database import Base, Money, newest_revision, open_database
from fitting_room.services.gateway import prompts, webhooks  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]


def test_the_migrations_make_the_tables_of_the_code(ledger_address):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    database = open_database(ledger_address)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "fitting_room_version", "compare_type": True}
        )
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_the_migrations_leave_an_up_to_date_ledger_alone(ledger_address):
    first = open_database(ledger_address)
    first.close()
    again = open_database(ledger_address)
    with again.engine.connect() as connection:
        version = connection.exec_driver_sql("SELECT version_num FROM fitting_room_version")
        assert len(version.all()) == 1
    again.close()


def test_an_up_to_date_ledger_is_opened_without_alembic(tmp_path):
    """Every try-on of the command line opens one, and alembic is slow to load."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    open_database(url).close()
    code = (
        "import runpy, sys\n"
        f"runpy.run_path({str(ROOT / 'tests' / 'conftest.py')!r})\n"
        "from fitting_room.services.ledger import open_ledger\n"
        f"open_ledger({url!r}).database.close()\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_every_migration_names_the_one_before_it():
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(ROOT / "services" / "migrations"))
    assert script.get_heads() == [newest_revision()]
    assert len(list(script.walk_revisions())) >= 1


def test_a_ledger_of_a_newer_version_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    database = open_database(url)
    with database.writing() as session:
        session.connection().exec_driver_sql("UPDATE fitting_room_version SET version_num='9999'")
    database.close()
    with pytest.raises(InputError, match="newer version"):
        open_database(url)


OPENS = """
import importlib.util, sys
root = {root!r}
spec = importlib.util.spec_from_file_location(
    "fitting_room", root + "/__init__.py", submodule_search_locations=[root])
module = importlib.util.module_from_spec(spec)
sys.modules["fitting_room"] = module
spec.loader.exec_module(module)
from fitting_room.services.ledger import open_ledger
ledger = open_ledger({url!r})
for number in range(20):
    ledger.begin("preview", "preview", "f" * 64)
"""


def test_processes_may_open_and_write_a_new_ledger_at_once(ledger_address):
    program = OPENS.format(root=str(ROOT), url=ledger_address)
    running = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        assert process.wait(timeout=120) == 0, process.stderr.read()
        process.stderr.close()
    found = ledger.open_ledger(ledger_address)
    with found.database.reading() as session:
        assert session.query(ledger.Attempt).count() == 60
    found.database.close()


def test_a_failed_transaction_leaves_nothing(ledger_address):
    database = open_database(ledger_address)
    kept = ledger.Ledger(database)
    with pytest.raises(RuntimeError), database.writing() as session:
        session.add(_attempt())
        session.flush()
        raise RuntimeError
    assert kept.get(1) is None
    database.close()


def _attempt():
    from fitting_room.services.database import now

    return ledger.Attempt(
        key="k", started=now(), changed=now(), day="2026-11-29", backend="b", model="m",
        fingerprint="f", state="new", resume={}, currency="", safety="", message="", project="",
        remote_id="", billed=False, error="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "words"),
    [("nonsense", "named by a URL"), ("mysql://user@host/name", "SQLite or PostgreSQL")],
)
def test_what_is_no_ledger_is_refused_in_words(url, words):
    with pytest.raises(InputError, match=words):
        open_database(url)


def test_a_password_is_told_to_nobody():
    pytest.importorskip("psycopg")
    with pytest.raises(InputError) as told:
        open_database("postgresql://somebody:s3cr3t-word@127.0.0.1:1/name")
    assert "s3cr3t-word" not in str(told.value)


@pytest.mark.parametrize("amount", ["0", "0.075", "0.000000001", "123456789.5", "-1.25"])
def test_money_comes_back_as_it_went_in(amount):
    money = Money()
    bound = money.process_bind_param(Decimal(amount), None)
    assert isinstance(bound, int)
    assert money.process_result_value(bound, None) == Decimal(amount)
