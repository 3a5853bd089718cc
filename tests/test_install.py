"""What install.py says of a Python where something is missing."""

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def install(monkeypatch):
    spec = importlib.util.spec_from_file_location("install_under_test", ROOT / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without(monkeypatch, *names):
    version = importlib.metadata.version

    def found(name):
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", found)


def test_ready_is_said_where_all_is_there(install, capsys):
    assert install.report() == 0
    assert "the preview try-on is ready" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["scipy", "pillow", "numpy", "safetensors"])
def test_ready_is_not_said_where_the_preview_cannot_run(install, monkeypatch, capsys, name):
    without(monkeypatch, name)
    assert install.report() == 0, "an installer that fails would take the node package away"
    told = capsys.readouterr().out
    assert "ready" not in told
    assert f"the preview try-on cannot run without {name}" in told
    assert "pip install" in told


def test_what_only_the_models_need_is_told_apart(install, monkeypatch, capsys):
    without(monkeypatch, "transformers")
    install.report()
    told = capsys.readouterr().out
    assert "is ready" in told and '"transformers>=' in told
