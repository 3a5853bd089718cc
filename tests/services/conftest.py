"""A real PostgreSQL server for the tests that want one, where the machine has its programs."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


def postgres_program(name):
    found = shutil.which(name)
    if found:
        return found
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(kept[-1]) if kept else None


@pytest.fixture(scope="session")
def postgres_server():
    """URL of an empty server, without a database's name."""
    pytest.importorskip("psycopg")
    initdb, server = postgres_program("initdb"), postgres_program("postgres")
    if not initdb or not server:
        pytest.skip("PostgreSQL's programs (initdb, postgres) are not installed")
    # Not below pytest's own folder, which other runs of pytest close to everybody else.
    folder = Path(tempfile.mkdtemp(prefix="fitting_room_postgres_"))
    account = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        account = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    run = {"cwd": folder, **account}
    subprocess.run(
        [initdb, "-D", data, "-A", "trust", "-U", "tester", "--no-sync"],
        check=True, capture_output=True, **run,
    )  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [server, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
            stdout=log, stderr=log, **run,
        )  # fmt: skip
    try:
        yield f"postgresql://tester@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server, request):
    """URL of a database of the test's own."""
    import time

    import psycopg

    name = f"test_{abs(hash(request.node.nodeid))}"
    for attempt in range(100):
        try:
            with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            break
        except psycopg.OperationalError:
            if attempt == 99:
                raise
            time.sleep(0.1)
    return f"{postgres_server}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_address(request, tmp_path):
    """URL of an empty ledger, once of each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return request.getfixturevalue("postgres_url")
