"""An engine's answers and its end, on a process that is no ComfyUI; the real one: tests/engine."""

import sys

import pytest
from fitting_room.services import engine as services
from fitting_room.services.engine import Engine, EngineError, failure, find_engine

SERVES = """
import http.server, os, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def answer(self, status, content):
        self.send_response(status); self.end_headers(); self.wfile.write(content)
    def do_GET(self):
        if self.path == '/dies':
            print('its last words', flush=True); os._exit(3)
        if self.path == '/cut':
            self.send_response(200); self.send_header('Content-Length', '99'); self.end_headers()
            self.wfile.write(b'{'); return
        known = {'/page': b'<html>', '/system_stats': b'{}'}
        self.answer(200 if self.path in known else 404, known.get(self.path, b'nothing here'))
    def do_POST(self):
        self.answer(400, b'{"error": {"message": "no such node"}, "node_errors": {}}')
port = int(sys.argv[sys.argv.index('--port') + 1])
http.server.HTTPServer(('127.0.0.1', port), Answers).serve_forever()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    found = tmp_path / "engine"
    found.mkdir()
    (found / "main.py").write_text(SERVES)
    monkeypatch.setenv("COMFYUI_PYTHON", sys.executable)
    return found


@pytest.fixture
def running(folder, tmp_path):
    with Engine(folder, tmp_path / "base") as engine:
        yield engine


def test_an_engine_whose_folder_went_with_it_is_an_engine_error_too(running):
    """As when somebody else ends it and clears away its folder while it is asked."""
    running.log.unlink()
    with pytest.raises(EngineError, match="has stopped(.|\n)*log cannot be read"):
        running.get("/dies")


@pytest.mark.parametrize("call", [lambda e: e.get("/dies"), lambda e: e.get_bytes("/dies")])
def test_an_engine_that_dies_leaves_its_last_words(running, call):
    with pytest.raises(EngineError, match="has stopped(.|\n)*its last words"):
        call(running)
    assert not running.alive
    for later in (lambda: running.get("/system_stats"), lambda: running.post("/free", {}),
                  lambda: running.run({})):  # fmt: skip
        with pytest.raises(EngineError, match="its last words"):
            later()


def test_answers_that_cannot_be_used(running):
    with pytest.raises(EngineError, match="404 to /nowhere"):
        running.get("/nowhere")
    with pytest.raises(EngineError, match="no JSON"):
        running.get("/page")
    with pytest.raises(EngineError, match="does not answer|has stopped"):
        running.get("/cut")
    with pytest.raises(EngineError, match="refused the workflow(.|\n)*no such node"):
        running.run({})


def test_an_engine_that_does_not_start(folder, tmp_path):
    (folder / "main.py").write_text("raise SystemExit('a package is missing')")
    with pytest.raises(EngineError, match="did not start(.|\n)*a package is missing"):
        Engine(folder, tmp_path / "base").__enter__()


def test_a_python_that_is_not_there(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COMFYUI_PYTHON", str(tmp_path / "no_python"))
    with pytest.raises(EngineError, match="cannot be started with(.|\n)*no_python"):
        Engine(folder, tmp_path / "base").__enter__()


def test_find_engine(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("COMFYUI_PATH", str(folder))
    assert find_engine() == folder
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"no ComfyUI \(main.py\) in it"):
        find_engine()
    monkeypatch.delenv("COMFYUI_PATH")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(services, "PACKAGE", tmp_path / "package")
    assert find_engine() is None
    other = tmp_path / "comfy" / "ComfyUI"
    other.mkdir(parents=True)
    (other / "main.py").touch()
    assert find_engine() == other


def test_failure_of_an_interrupted_run_has_words():
    told = {"prompt_id": "1", "node_id": "7", "node_type": "FittingRoomTryOn", "executed": []}
    history = {"status": {"messages": [["execution_start", {}], ["execution_interrupted", told]]}}
    problem = failure(history)
    assert problem["exception_message"] == "The run was interrupted at the node FittingRoomTryOn."
    assert problem["exception_type"] == "Interrupted" and problem["node_id"] == "7"
    assert failure({"status": {"messages": [["execution_success", {}]]}}) is None
