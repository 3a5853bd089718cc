"""One gateway at a time holds a queue: whatever runs in it is its own, after a restart too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from ...pipelines.errors import InputError
from ..database import AWAY, Database

LOCK = 7_346_128_502
"""PostgreSQL's advisory lock of the gateway."""
TAKEN = "Another gateway serves the queue {url}. Stop it, or name another with --ledger."
KEEPALIVE = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""So that the server lets go of the lock of a machine that is gone without a word."""


class QueueTaken(OperationalError):
    """Another gateway has the queue."""


@contextmanager
def holding(database: Database) -> Iterator[None]:
    """Raises InputError where another gateway holds it. The system gives the lock back when a
    process ends, however it ends.

    A PostgreSQL that was restarted has forgotten the lock. So each new connection of `database`
    takes it before anything else, one connection at a time, and raises QueueTaken where another
    gateway was faster: nothing is read or written without it.
    """
    taken = TAKEN.format(url=database.url)
    if database.engine.dialect.name == "postgresql":
        with _by_each_connection(database, taken):
            yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(f"{database.engine.url.database}.gateway.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(taken) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _by_each_connection(database: Database, taken: str) -> Iterator[None]:
    wanted = [True]

    def connected(connection: Any, _: Any) -> None:
        if not wanted:
            return
        with connection.cursor() as cursor:
            for name, value in KEEPALIVE.items():
                cursor.execute(f"SET {name} = {value}")
            cursor.execute(f"SELECT pg_try_advisory_lock({LOCK})")
            (held,) = cursor.fetchone()
        connection.commit()
        if not held:
            connection.close()
            raise QueueTaken("lock", None, RuntimeError(taken))

    event.listen(database.engine, "connect", connected)
    database.engine.dispose()  # what was opened without the lock
    try:
        with database.engine.connect():
            pass
    except QueueTaken as error:
        wanted.clear()
        raise InputError(taken) from error
    try:
        yield
    finally:
        wanted.clear()
        with suppress(*AWAY), database.engine.connect() as connection:
            connection.execute(select(func.pg_advisory_unlock(LOCK)))
        database.engine.dispose()
