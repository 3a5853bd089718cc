"""A real ComfyUI for the tests in this folder; they skip, and say so, where there is none.

Where $FITTING_ROOM_REQUIRE names `engine`, `browser`, `ray` or `postgres`, none of that suite may
be skipped.
"""

import json
import sys
from pathlib import Path

import pytest
import tiny
from required import refuse_skip
from stand_in import StandIn

sys.path.insert(0, str(Path(__file__).parent))  # for the modules that several tests here share

import core_models  # noqa: E402
from disks import disk  # noqa: E402, F401 - a fixture
from gateways import two_engines  # noqa: E402, F401 - a fixture
from pages import browser, page  # noqa: E402, F401 - fixtures

ROOT = Path(__file__).resolve().parents[2]
IN_THE_PAGE = (
    "test_apps.py", "test_browser.py", "test_bypassed.py", "test_chinese_page.py",
    "test_gateway_page.py", "test_template_browser.py",
)  # fmt: skip


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if item.path.name.startswith("test_fleet"):
        refuse_skip(report, "engine", "ray", "postgres")
    if item.path.name == "test_gateway_outages.py":
        refuse_skip(report, "postgres")
    refuse_skip(report, "browser" if item.path.name in IN_THE_PAGE else "engine")
    return report


@pytest.fixture(scope="session")
def engine_folder():
    from fitting_room.services.engine import find_engine

    folder = find_engine()
    if folder is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to its folder to run the engine tests")
    return folder


@pytest.fixture(scope="session")
def service():
    """A stand-in of a hosted service, whose key the engine has in its environment."""
    with StandIn() as running:
        yield running


@pytest.fixture(scope="session")
def engine(engine_folder, tmp_path_factory, service):
    """With tiny models installed as if they had been downloaded."""
    from fitting_room.services.engine import Engine

    base = tmp_path_factory.mktemp("engine")
    tiny.install(base)
    core_models.install(base)
    extra = Path(__file__).parent / "test_nodes"
    with pytest.MonkeyPatch.context() as environment:
        for name, value in service.variables.items():
            environment.setenv(name, value)
        environment.setenv("FITTING_ROOM_HOME", str(base / "home"))
        with Engine(engine_folder, base, more=(extra,)) as running:
            yield running


@pytest.fixture
def graph():
    """Reads workflows/api/<name>.json."""

    def read(name: str) -> dict:
        return json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text("utf-8"))

    return read
