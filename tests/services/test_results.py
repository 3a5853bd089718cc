"""The result store: hits, misses, broken files, its size, two processes."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.fit import FitReport
from fitting_room.services.request import TryOnResult
from fitting_room.services.results import ResultStore

ROOT = Path(__file__).resolve().parents[2]
KEY = "ab" + "0" * 62


def result(value=7, mask=False, **more):
    picture = np.full((48, 32, 3), value, np.uint8)
    picture[::2] += 1
    drawn = np.linspace(0, 1, 48 * 32, dtype=np.float32).reshape(48, 32) if mask else None
    more = {"fit": FitReport("doubtful", ("why",)), "warnings": ("a word",), **more}
    return TryOnResult(
        picture, drawn, "upper", "fashn", "fashn/tryon-v1.6", 3, 1.5, Decimal("0.075"), "USD",
        remote_id="job", **more,
    )  # fmt: skip


def test_a_result_comes_back_as_it_was_and_costs_nothing(tmp_path):
    store = ResultStore(tmp_path)
    path = store.put(KEY, result(mask=True))
    found = store.get(KEY)
    assert np.array_equal(found.picture, result().picture)
    assert np.array_equal(found.mask, result(mask=True).mask)
    assert (found.cost, found.seed, found.remote_id) == (0, 3, "job")
    assert (found.fit.level, found.warnings) == ("doubtful", ("a word",))
    assert path == store.path_of(KEY)


def test_the_file_says_how_it_was_made(tmp_path):
    from fitting_room.pipelines.marks.inspection import inspect_picture

    told = inspect_picture(ResultStore(tmp_path).put(KEY, result()))
    assert "trainedAlgorithmicMedia" in json.dumps(told) or told.get("ai_made")


def test_a_very_long_picture_is_kept_too(tmp_path):
    from dataclasses import replace

    store = ResultStore(tmp_path)
    long = np.full((16_400, 4, 3), 9, np.uint8)
    assert store.put(KEY, replace(result(), picture=long)).suffix == ".png"
    assert np.array_equal(store.get(KEY).picture, long)


def test_another_request_is_a_miss(tmp_path):
    ResultStore(tmp_path).put(KEY, result())
    assert ResultStore(tmp_path).get("cd" + "0" * 62) is None
    with pytest.raises(ValueError, match="hexadecimal"):
        ResultStore(tmp_path).get("../../etc/passwd")


@pytest.mark.parametrize("ending", ["png", "npy", "json"])
@pytest.mark.parametrize("how", ["cut", "changed", "gone", "empty"])
def test_a_file_that_is_not_whole_is_a_miss(tmp_path, ending, how):
    store = ResultStore(tmp_path)
    store.put(KEY, result(mask=True))
    (path,) = tmp_path.glob(f"ab/*.{ending}")
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        changed = {"cut": data[: len(data) // 2], "changed": data[:-9] + b"xxxxxxxxx", "empty": b""}
        path.write_bytes(changed[how])
    assert store.get(KEY) is None
    store.put(KEY, result(mask=True))
    assert store.get(KEY) is not None


def test_nothing_is_unpickled(tmp_path):
    store = ResultStore(tmp_path)
    store.put(KEY, result(mask=True))
    (path,) = tmp_path.glob("ab/*.npy")
    harmful = np.array([print], dtype=object)
    np.save(path, harmful, allow_pickle=True)
    import hashlib

    (sidecar,) = tmp_path.glob("ab/*.json")
    told = json.loads(sidecar.read_text())
    hashed = hashlib.sha256(path.read_bytes()).hexdigest()
    path.rename(path.with_name(f"{KEY}.{hashed[:16]}.npy"))
    told["sha256"]["npy"] = hashed
    sidecar.write_text(json.dumps(told))
    assert store.get(KEY) is None


def test_what_was_used_longest_ago_goes_first(tmp_path):
    store = ResultStore(tmp_path)
    keys = [f"{number:02x}" + "0" * 62 for number in range(8)]
    for number, key in enumerate(keys):
        store.put(key, result(number))
        os.utime(tmp_path / key[:2] / f"{key}.json", (number, number))
    one = store.size() // len(keys)
    assert store.get(keys[0]) is not None  # used just now
    small = ResultStore(tmp_path, largest=5 * one)
    small.put("ff" + "0" * 62, result())
    assert small.size() <= 5 * one
    assert small.get(keys[0]) is not None
    assert small.get(keys[1]) is None
    assert small.get("ff" + "0" * 62) is not None


PUTS = """
import sys
sys.path.insert(0, {tests!r})
import conftest
sys.path.insert(0, {services!r})
from test_results import KEY, result
from pathlib import Path
from fitting_room.services.results import ResultStore
store = ResultStore(Path({folder!r}))
for number in range(30):
    store.put(KEY, result(number % 3, mask=True))
    found = store.get(KEY)
    assert found is None or found.picture.shape == (48, 32, 3)
"""


def test_two_processes_may_keep_the_same_result_at_once(tmp_path):
    program = PUTS.format(
        tests=str(ROOT / "tests"), services=str(Path(__file__).parent), folder=str(tmp_path)
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        assert process.wait(timeout=120) == 0, process.stderr.read()
        process.stderr.close()
    assert ResultStore(tmp_path).get(KEY) is not None
    assert not list(tmp_path.rglob(".*"))
