"""Two engines that share one folder: both start, and neither takes anything from the other."""

import json
from pathlib import Path

from fitting_room.services.engine import Engine, failure

ROOT = Path(__file__).resolve().parents[2]


def test_two_engines_on_one_folder_both_work(engine_folder, tmp_path):
    graph = json.loads((ROOT / "workflows" / "api" / "preview_try_on.json").read_text("utf-8"))
    with Engine(engine_folder, tmp_path) as first, Engine(engine_folder, tmp_path) as second:
        assert first.base == second.base and first.port != second.port
        names = []
        for each in (first, second, first):
            history = each.run(graph)
            assert failure(history) is None, failure(history)["exception_message"]
            names += [
                found for shown in history["outputs"].values() for found in shown.get("images", ())
            ]
            assert all(each.picture(found) for found in names[-1:])
        assert first.log != second.log and first.log.is_file() and second.log.is_file()
    assert not list(tmp_path.glob("*.db*"))
