"""The database behind the ledger: a SQLite file, or PostgreSQL by its URL.

Every table of this package stands on `Base` and is made by the migrations in `services/migrations`;
`open_database` brings an older file up to date before anybody reads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from ..pipelines.errors import InputError

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_SECONDS = 30
"""How long a writer waits for another process that writes."""
MIGRATION_LOCK = 7_346_128_501
"""PostgreSQL's advisory lock while one process migrates."""
PATIENCE_SECONDS = 90.0
"""How long a server that went away is waited for, until the work stops in order."""
CONNECTION = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10,
              "keepalives_count": 3, "tcp_user_timeout": 60_000}  # fmt: skip
"""So that a server that is gone without a word is noticed."""

AWAY = (OperationalError, InterfaceError)
"""What is raised where a database does not answer, or cannot write."""

Parameters = ParamSpec("Parameters")
Given = TypeVar("Given")


class LedgerAway(InputError):
    """The ledger does not answer any more. Nothing that it holds is lost: the same command goes on
    when it is back."""


def patient(method: Callable[Parameters, Given]) -> Callable[Parameters, Given]:
    """For methods of one transaction, of objects with a `database`: while a server does not answer,
    they are tried again for PATIENCE_SECONDS; then they raise LedgerAway. A change whose answer was
    lost is made a second time, so it must be one that may be."""

    @wraps(method)
    def tried(*arguments: Parameters.args, **more: Parameters.kwargs) -> Given:
        database: Database = arguments[0].database  # type: ignore[attr-defined]
        limit, pause = time.monotonic() + PATIENCE_SECONDS, 0.2
        while True:
            try:
                return method(*arguments, **more)
            except AWAY as error:
                file = database.engine.dialect.name == "sqlite"  # it waited for others itself
                if file or time.monotonic() > limit:
                    raise LedgerAway(
                        f"The ledger {database.url} does not answer: {_first_line(error)}. "
                        "What it holds is kept; the same command goes on when it is back."
                    ) from error
            time.sleep(pause)
            pause = min(2.0, 1.5 * pause)

    return tried


class Base(DeclarativeBase):
    """The tables of this package. A new one needs a migration; a test compares the two."""


class Money(TypeDecorator[Decimal]):
    """An exact amount, kept as whole billionths in 64 bits, so that databases add it exactly.

    Up to nine digits after the point and 9.2 thousand million before it.
    """

    impl = BigInteger
    cache_ok = True
    DIGITS = 9

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> int | None:
        return None if value is None else int(value.scaleb(self.DIGITS).to_integral_value())

    def process_result_value(self, value: Any, dialect: Any) -> Decimal | None:
        if value is None:
            return None
        return Decimal(int(value)).scaleb(-self.DIGITS).normalize() + 0


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, with its time zone in Python whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)


def now() -> datetime:
    return datetime.now(timezone.utc)


class Database:
    """An engine and its two kinds of transaction. url: shown to people, without its password."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.url = engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads; objects stay usable after it."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that may write; committed at its end, rolled back by an exception.

        SQLite takes the one writer's place at its begin, so that what is read in it still holds
        when it writes.
        """
        engine = self.engine.execution_options(writes=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def lock(self, session: Session, name: str) -> None:
        """Until the transaction's end, nobody else holds the lock of this name. SQLite's one writer
        needs none."""
        if self.engine.dialect.name == "postgresql":
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The database of a SQLAlchemy URL, migrated to this version.

    Raises InputError for a URL or a server that cannot be used, in words without its password.
    """
    parsed = _parsed(url)
    try:
        engine = create_engine(parsed, **_arguments(parsed))
    except ImportError as error:
        raise InputError(
            f"The ledger {parsed.render_as_string()} needs the package {error.name}: "
            f"pip install 'comfyui-fitting-room[postgres]'."
        ) from error
    if parsed.get_backend_name() == "sqlite":
        _prepare_sqlite(engine)
    database = Database(engine)
    try:
        with engine.execution_options(writes=True).begin() as connection:
            migrate(connection)
    except DBAPIError as error:
        told = str(error.orig).replace(parsed.password or "\0", "***")
        raise InputError(f"The ledger {database.url} cannot be used: {told.strip()}.") from error
    return database


def migrate(connection: Connection) -> None:
    """Brings the tables up to date; one process at a time does."""
    from .migrations import VERSION_TABLE

    if _revision(connection, VERSION_TABLE) == newest_revision():
        return  # as nearly always, and alembic takes a while to load
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    script = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found, newest = context.get_current_revision(), script.get_current_head()
    if found == newest:
        return
    if found is not None and found not in {each.revision for each in script.walk_revisions()}:
        raise InputError(
            f"The ledger was written by a newer version of this package (its revision is {found}, "
            f"known is {newest}). Update the package, or name another ledger."
        )
    from alembic.config import Config

    attributes = {"connection": connection, "version_table": VERSION_TABLE, "render_as_batch": True}
    with EnvironmentContext(
        Config(attributes=attributes), script,
        fn=lambda revision, _: script._upgrade_revs("head", revision),  # type: ignore[arg-type]
    ):  # fmt: skip
        script.run_env()


def newest_revision() -> str:
    """By the names of the migrations' files."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _revision(connection: Connection, table: str) -> str | None:
    """The one that the database is of; None where it has no tables yet."""
    if not inspect(connection).has_table(table):
        return None
    return connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalar()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError(
            "A ledger is named by a URL such as sqlite:////home/me/ledger.sqlite or "
            "postgresql://user@host/name, and this is none."
        ) from error
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InputError(
            f"A ledger is kept in SQLite or PostgreSQL, and {parsed.get_backend_name()} came."
        )
    return parsed


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _arguments(parsed: URL) -> dict[str, Any]:
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True, "connect_args": CONNECTION}


def _prepare_sqlite(engine: Engine) -> None:
    """Write-ahead log for readers beside a writer; and transactions begun by us, because Python's
    driver would begin them late and commit them at each change of the tables."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for attempt in range(50):
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except Exception as error:  # the change of mode does not wait for others by itself
                if "locked" not in str(error) or attempt == 49:
                    raise
                time.sleep(0.1)
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
