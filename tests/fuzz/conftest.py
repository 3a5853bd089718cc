"""A small fuzzer of our own: seconds of it with every run of the tests, minutes of it by hand.

    FITTING_ROOM_FUZZ=2000 python -m pytest tests/fuzz

The number is how many examples each test tries. What hypothesis found once, it tries first again.
"""

import importlib.util
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # for what the tests here share

settings.register_profile(
    "fuzz", deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
settings.load_profile("fuzz")

_spec = importlib.util.spec_from_file_location(
    "engine_fixtures", ROOT / "tests" / "engine" / "conftest.py"
)
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
engine_folder, service = _fixtures.engine_folder, _fixtures.service
engine = _fixtures.engine
