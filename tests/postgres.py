"""A PostgreSQL server of one's own, made by initdb in a temporary folder; it can be stopped and
started again."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


def program(name):
    """Path of one of PostgreSQL's programs, None where it is not installed."""
    found = shutil.which(name)
    if found:
        return found
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(kept[-1]) if kept else None


class Postgres:
    """`with Postgres() as server:`, server.url is that of the server, without a database's name.

    Skips the test, and says so, where its programs are not installed.
    """

    def __init__(self):
        pytest.importorskip("psycopg")
        self._server, initdb = program("postgres"), program("initdb")
        if not initdb or not self._server:
            pytest.skip("PostgreSQL's programs (initdb, postgres) are not installed")
        # Not below pytest's own folder, which other runs of pytest close to everybody else.
        self.folder = Path(tempfile.mkdtemp(prefix="fitting_room_postgres_"))
        self._run = {"cwd": self.folder}
        if os.geteuid() == 0:  # the server refuses to run as root
            self._run |= {"user": "postgres", "group": "postgres"}
            shutil.chown(self.folder, "postgres", "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://tester@127.0.0.1:{self.port}"
        subprocess.run(
            [initdb, "-D", self.folder / "data", "-A", "trust", "-U", "tester", "--no-sync"],
            check=True, capture_output=True, **self._run,
        )  # fmt: skip

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [self._server, "-D", self.folder / "data", "-p", str(self.port), "-h", "127.0.0.1",
                 "-k", self.folder, "-F"],
                stdout=log, stderr=log, **self._run,
            )  # fmt: skip

    def stop(self):
        """At once: whoever is connected is thrown out."""
        self._process.send_signal(2)
        self._process.wait(timeout=60)

    def database(self, name):
        """URL of a new, empty database."""
        import psycopg

        for attempt in range(100):
            try:
                with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")
                break
            except psycopg.OperationalError:
                if attempt == 99:
                    raise
                time.sleep(0.1)
        return f"{self.url}/{name}"
