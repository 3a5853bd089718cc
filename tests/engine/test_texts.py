"""Every text of every node, in English and Chinese, and a help page in both."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def locales():
    spec = importlib.util.spec_from_file_location("l", ROOT / "scripts" / "make_locales.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wanted(engine, locales):
    return locales.english(engine.get("/object_info"))


def read(language):
    return json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text("utf-8"))


def test_english_is_generated_from_the_nodes(wanted):
    assert read("en") == wanted


def test_chinese_is_complete(wanted, locales):
    assert locales.differences(wanted, read("zh")) == []


def test_the_engine_serves_them(engine):
    served = engine.get("/i18n")
    for language in ("en", "zh"):
        for name, texts in read(language).items():
            assert served[language]["nodeDefs"][name] == texts


def test_help_pages_in_both_languages(engine, wanted):
    for name in wanted:
        for page in (f"{name}.md", f"{name}/zh.md"):
            text = engine.get_bytes(f"/extensions/comfyui-fitting-room/docs/{page}").decode()
            assert text.startswith("# ") and len(text) > 200, page
