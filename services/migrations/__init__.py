"""Versions of the ledger's tables, for alembic: one file a change, in `versions/`."""

VERSION_TABLE = "fitting_room_version"
"""Where a database notes its revision; a name of its own, as others use the usual one."""
