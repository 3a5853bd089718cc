"""One gateway at a time holds a queue: whatever runs in it is its own, after a restart too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from ...pipelines.errors import InputError
from ..database import Database

LOCK = 7_346_128_502
"""PostgreSQL's advisory lock of the gateway."""
TAKEN = "Another gateway serves the queue {url}. Stop it, or name another with --ledger."


@contextmanager
def holding(database: Database) -> Iterator[None]:
    """Raises InputError where another gateway holds it. The system gives the lock back when a
    process ends, however it ends."""
    taken = TAKEN.format(url=database.url)
    if database.engine.dialect.name == "postgresql":
        alone = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with alone.connect() as connection:
            if not connection.scalar(select(func.pg_try_advisory_lock(LOCK))):
                raise InputError(taken)
            try:
                yield
            finally:
                connection.execute(select(func.pg_advisory_unlock(LOCK)))
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
