"""Imports the checkout once under its real name, whatever its folder is called."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # for what several tests share: tiny, goldens, required


def import_checkout() -> None:
    """Makes `import fitting_room` mean this checkout, also where it is not installed."""
    if "fitting_room" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "fitting_room", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fitting_room"] = module
    spec.loader.exec_module(module)


import_checkout()

# Files that take minutes, the longest first: started last, one worker would go on alone.
SLOWEST = (
    "test_fleet_chaos", "test_apps", "test_core_models_run", "test_browser", "test_placement",
    "test_gateway_killed", "test_core_workflows", "test_batch_engine", "test_models",
    "test_fleet_workers", "test_gateway_workers", "test_two_engines", "test_folder_cancelled",
    "test_template_browser", "test_parsing_nodes", "test_gateway_outages", "test_links",
    "test_workflows_run", "test_fleet_machines", "test_gateway",
)  # fmt: skip


def pytest_collection_modifyitems(items: list) -> None:
    engine, places = ROOT / "tests" / "engine", {name: at for at, name in enumerate(SLOWEST)}

    def place(item) -> int:
        if item.path.parent != engine:
            return len(SLOWEST) + 1
        return places.get(item.path.stem, len(SLOWEST))

    items.sort(key=place)


def pytest_configure() -> None:
    from required import required

    required()  # says at once what is misspelt
