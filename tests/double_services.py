"""The stand-ins of the hosted services, where FITTING_ROOM_DOUBLES names their folder; and what the
tests of hosted services share."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

FOLDER = os.environ.get("FITTING_ROOM_DOUBLES", "")
MISSING = "the stand-ins of the services are not here: FITTING_ROOM_DOUBLES names their folder"
needs_doubles = pytest.mark.skipif(not Path(FOLDER, "serve.py").is_file(), reason=MISSING)

SERVICES = {
    "replicate": "replicate/idm-vton",
    "fal": "fal/fashn",
    "fashn": "fashn/tryon-v1.6",
    "dashscope": "dashscope/aitryon",
    "kling": "kling/v1-5",
}
FINDS = ("replicate", "kling")
"""Services at which a submission whose answer was lost can be looked for."""


def environment(double, home):
    """Variables that point the package at a running stand-in."""
    found = {"FITTING_ROOM_HOME": str(home), "FITTING_ROOM_ALLOW_LOOPBACK": "1"}
    for name in SERVICES:
        found[f"FITTING_ROOM_{name.upper()}_URL"] = double[name]["base"]
    found["REPLICATE_API_TOKEN"] = double["replicate"]["token"]
    found["FAL_KEY"] = double["fal"]["key"]
    found["FASHN_API_KEY"] = double["fashn"]["key"]
    found["DASHSCOPE_API_KEY"] = double["dashscope"]["key"]
    found["KLING_ACCESS_KEY"] = double["kling"]["access_key"]
    found["KLING_SECRET_KEY"] = double["kling"]["secret_key"]
    return found


@contextmanager
def running_double(**settings):
    sys.path.insert(0, FOLDER)
    try:
        from tryon_double import Double
    finally:
        sys.path.remove(FOLDER)
    with Double(",".join(SERVICES), **settings) as double:
        yield double


def request(seed=0, category="upper", **more):
    """A person of flat colours and a red garment; another seed is another person."""
    from fitting_room.services.request import TryOnRequest

    random = np.random.default_rng(seed)
    person = np.full((640, 480, 3), (120, 140, 160), np.uint8)
    person[100:560, 90:390] = random.integers(0, 255, 3)
    garment = np.full((400, 400, 3), (200, 40, 40), np.uint8)
    return TryOnRequest(person, (garment,), category, model="", seed=seed, **more)


def bill(double):
    """Jobs that were billed, after those that still run had time to end."""
    jobs = double.jobs()["jobs"]
    return [job for job in jobs if job["billed"]]
