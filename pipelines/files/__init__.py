"""Published files on disk: found, fetched, converted, loaded."""
