"""Run by alembic, which loads this file by its path, for `services.database.migrate`.

`alembic revision` is not used here: write the next file in `versions/` by hand, from the one
before it. tests/services/test_database.py compares the result with the tables in the code.
"""

from alembic import context

context.configure(**context.config.attributes)
context.run_migrations()
