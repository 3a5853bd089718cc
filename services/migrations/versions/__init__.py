"""One file a change of the tables. Each names the one before it as `down_revision`."""
