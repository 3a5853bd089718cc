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


def pytest_configure() -> None:
    from required import required

    required()  # says at once what is misspelt
