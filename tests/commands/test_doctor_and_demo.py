"""doctor tells what is there; demo makes a picture, with or without an engine that works."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def test_doctor(run):
    done = run("doctor", "--json")
    facts = done.facts
    assert done.code == (0 if facts["ready"] else 3)
    assert facts["packages"]["torch"] and facts["python"]
    from fitting_room.pipelines.catalog.models import VARIANTS

    assert [model["name"] for model in facts["models"]] == list(VARIANTS)


def test_doctor_tells_what_is_installed_and_what_is_incomplete(run, tmp_path):
    import tiny

    models = tmp_path / "models"
    models.mkdir()
    tiny.write("ootdiffusion/hd", models)
    tiny.write("openpose/body", models)
    (file,) = models.glob("**/body_pose_model.pth")
    file.write_bytes(file.read_bytes()[:1000])
    done = run("doctor")
    lines = {line.split()[0]: line for line in done.out.splitlines() if "/" in line.split()[0]}
    assert "ready" in lines["ootdiffusion/hd"]
    assert "incomplete" in lines["openpose/body"]
    assert "fitting-room download openpose/body" in lines["openpose/body"]
    assert "absent" in lines["leffa/virtual_tryon"]


def test_doctor_where_the_engine_s_folder_is_wrong(run, monkeypatch, tmp_path):
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    done = run("doctor", "--json")
    assert done.code in (0, 3) and str(tmp_path) in done.facts["engine_problem"]


def picture(path):
    with Image.open(path) as found:
        return np.asarray(found.convert("RGB"))


def test_demo_without_an_engine(run, tmp_path):
    done = run("demo", "--library", "-o", tmp_path / "demo.png", "--json")
    assert done.code == 0 and done.facts["backend"] == "library"
    before = picture(ROOT / "samples" / "person.jpg")
    assert (picture(tmp_path / "demo.png") != before).any(-1).mean() > 0.1
    told = run("inspect", tmp_path / "demo.png", "--json").facts
    assert told["ai_made"] is None and "composite" in str(told)  # the warp generates nothing


STOPS = "import sys; print('its last words'); sys.exit(1)"
ANSWERS_ONCE = """
import http.server, os, sys
class Once(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{}')
    def do_POST(self):
        print('its last words', flush=True)
        os._exit(1)
port = int(sys.argv[sys.argv.index('--port') + 1])
http.server.HTTPServer(('127.0.0.1', port), Once).serve_forever()
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A folder with a main.py of these words, as COMFYUI_PATH."""

    def made(words):
        (tmp_path / "engine").mkdir()
        (tmp_path / "engine" / "main.py").write_text(words)
        monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "engine"))
        monkeypatch.setenv("COMFYUI_PYTHON", sys.executable)

    return made


@pytest.mark.parametrize("words", [STOPS, ANSWERS_ONCE], ids=["at its start", "at the first run"])
def test_demo_goes_on_without_an_engine_that_dies(run, engine, tmp_path, words):
    engine(words)
    done = run("demo", "-o", tmp_path / "demo.png", "--json")
    assert done.code == 0 and done.facts["backend"] == "library"
    assert "its last words" in done.error and "Going on without ComfyUI" in done.error
    assert (tmp_path / "demo.png").is_file()


def test_demo_where_the_engine_s_folder_is_wrong(run, monkeypatch, tmp_path):
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    done = run("demo", "-o", tmp_path / "demo.png")
    assert done.code == 0 and "there is no ComfyUI" in done.error


def test_as_a_module():
    """python -m, from anywhere, under the package's own name."""
    code = "from conftest import import_checkout; import_checkout(); " \
           "import sys; from fitting_room.commands.main import main\n" \
           "import fitting_room.services.gateway.server, fitting_room.services.desk\n" \
           "import fitting_room.services.batch.makers, fitting_room.services.batch.gallery\n" \
           "try: main(['--help'])\n" \
           "finally: print('heavy:', {'torch', 'ray', 'cv2'} & set(sys.modules))"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
    )  # fmt: skip
    assert done.returncode == 0 and "Exit codes: 0 done" in done.stdout
    assert "heavy: set()" in done.stdout, "who only carries pictures needs no torch"
