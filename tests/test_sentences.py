"""What a user of the apps is told stands in Chinese as well: locales/zh/main.json.

How the page looks a sentence up: web/sentences.js.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAIRS = json.loads((ROOT / "locales" / "zh" / "main.json").read_text("utf-8"))
SENTENCES = PAIRS["fittingRoom"]["sentences"]
KINDS = {
    "InputError", "NobodyFound", "NoGarmentFound", "MissingFiles", "PictureBlocked", "NotAligned",
}  # fmt: skip
REFUSING = (
    "nodes/convert.py", "nodes/crop.py", "nodes/dressing.py", "nodes/folder.py", "nodes/guard.py",
    "nodes/marking.py", "pipelines/alignment.py", "pipelines/colour_cast.py",
    "pipelines/picture_files.py", "pipelines/files/licences.py", "pipelines/files/locate.py",
    "pipelines/garment/*.py", "pipelines/masking/body.py", "pipelines/masking/embedded.py",
    "pipelines/masking/placed.py", "pipelines/masking/select.py", "pipelines/masking/wishes.py",
    "pipelines/models/checks.py", "pipelines/models/door.py", "pipelines/models/framing.py",
    "pipelines/models/garment_photo.py", "pipelines/models/fashn_vton/reading.py",
    "pipelines/preview/*.py", "pipelines/safety/filter.py",
)  # fmt: skip
"""Where what stops an app is said."""
DOUBTING = (
    "pipelines/garment/*.py", "pipelines/preview/*.py", "pipelines/masking/placed.py",
    "pipelines/models/changed.py",
)  # fmt: skip
"""Where every sentence is a refusal, or says why a result is doubtful."""
UNSEEN = {
    "The model's picture was moved onto the photo: {}.",
    "The model's colours were set to the photo's: {}.",
}
"""What was done, told in a report that no app shows."""


def files(patterns):
    return sorted({path for pattern in patterns for path in ROOT.glob(pattern)})


def template(node: ast.AST) -> str:
    """A string of the code with {} in place of what changes; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.strip()
    if isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
        return "".join(map(str, parts)).strip()
    return ""


def strings(tree: ast.AST) -> Iterator[str]:
    """All but docstrings."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    told |= {id(p) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
             for p in node.values}  # fmt: skip
    return (template(node) for node in ast.walk(tree) if id(node) not in told)


def refusals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS:
            yield from filter(None, map(template, node.args))


def plain(english):
    return re.sub(r"\{\d+\}", "{}", english)


def read(path):
    return ast.parse(path.read_text("utf-8"))


KNOWN = {plain(english) for english, _ in SENTENCES}


@pytest.mark.parametrize("path", files(REFUSING), ids=lambda path: path.stem)
def test_every_refusal_is_translated(path):
    assert sorted(set(refusals(read(path))) - KNOWN - {"{}"}) == []


@pytest.mark.parametrize("path", files(DOUBTING), ids=lambda path: path.stem)
def test_every_doubt_is_translated(path):
    sentences = {text for text in strings(read(path)) if re.fullmatch(r"[A-Z{][^|]* .*\.", text)}
    assert sorted(sentences - KNOWN - UNSEEN) == []


def test_every_translated_sentence_is_said():
    rooms = ("nodes", "pipelines", "services")
    said = {text for room in rooms for path in (ROOT / room).rglob("*.py")
            for text in strings(read(path))}  # fmt: skip
    assert sorted(KNOWN - said) == []


def test_each_holds_what_changes():
    for english, chinese in SENTENCES:
        places = re.findall(r"\{\d+\}", english)
        assert places == [f"{{{number}}}" for number in range(len(places))], english
        assert sorted(re.findall(r"\{\d+\}", chinese)) == places, english
        assert re.search("[\u4e00-\u9fff]", chinese), english
    assert len(KNOWN) == len(SENTENCES), "each stands once"
