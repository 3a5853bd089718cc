"""Whatever arrives on an input ends in a result or an InputError, and the engine goes on."""

import json

import pytest
from fitting_room.services.engine import EngineError, failure

IMAGE = {"class_type": "LoadImage", "inputs": {"image": "fitting_room_person.jpg"}}
KINDS = {"InputError", "NobodyFound", "NoGarmentFound", "MissingFiles", "PictureBlocked",
         "NobodyCould", "Refused", "Unavailable"}  # fmt: skip
"""The last ones are what a service or the router says."""

WRONG = ["text", 7, 0.5, None, {}, {"a": 1}, True]

NAN = float("nan")


@pytest.fixture(scope="module")
def nodes(engine):
    """Every node of the package as the engine describes it."""
    found = engine.get("/object_info")
    return {
        name: info for name, info in found.items()
        if info["python_module"].endswith("comfyui-fitting-room")
    }  # fmt: skip


def value_for(kind, options):
    """A value that the node takes, as far as one can be given without running another node."""
    if kind == "IMAGE":
        return ["image", 0]
    if kind == "MASK":
        return ["image", 1]
    if isinstance(kind, list):
        return kind[0] if kind else ""
    if kind == "COMBO":
        return (options.get("options") or [""])[0]
    return options.get("default", {"INT": 1, "FLOAT": 0.5, "BOOLEAN": False}.get(kind, ""))


def inputs_of(info):
    """(id, kind, options) of every input but those that open others."""
    for group in ("required", "optional"):
        for name, (kind, *options) in info["input"].get(group, {}).items():
            yield name, kind, options[0] if options else {}


def graph_with(name, info, changes):
    inputs = {
        each: value_for(kind, options) for each, kind, options in inputs_of(info)
        if each in info["input"].get("required", {})
    }  # fmt: skip
    graph = {"image": IMAGE, "node": {"class_type": name, "inputs": inputs | changes}}
    for place in range(len(info["output"])):
        shown = {"class_type": "PreviewAny", "inputs": {"source": ["node", place]}}
        graph[f"show{place}"] = shown
    return graph


def expect_words(engine, graph, what):
    """It runs, or it is refused at the door, or it ends in an error of ours in words."""
    try:
        problem = failure(engine.run(graph))
    except EngineError as error:
        assert "refused" in str(error), (what, error)
        return ""
    if problem is None:
        return ""
    assert problem["exception_type"].split(".")[-1] in KINDS, (what, problem["exception_message"])
    return problem["exception_message"]


def test_the_package_is_there(nodes):
    assert len(nodes) >= 19


def test_wrong_values_on_every_link_of_ours(engine, nodes):
    """Text, numbers and null where a client has to link: named by node and input."""
    tried = 0
    for name, info in nodes.items():
        for each, kind, _ in inputs_of(info):
            if isinstance(kind, str) and ("FITTING_ROOM" in kind or kind == "POSE_KEYPOINT"):
                for wrong in WRONG:
                    what = (name, each, wrong)
                    said = expect_words(engine, graph_with(name, info, {each: wrong}), what)
                    poses = kind == "POSE_KEYPOINT" and isinstance(wrong, dict)
                    assert each in said or wrong is None or poses, what
                    tried += each in said
    assert tried > 40


def test_wrong_values_on_images_and_masks(engine, nodes):
    for name, info in nodes.items():
        for each, kind, _ in inputs_of(info):
            if kind in ("IMAGE", "MASK"):
                for wrong in WRONG:
                    expect_words(engine, graph_with(name, info, {each: wrong}), (name, each, wrong))


@pytest.mark.parametrize(
    "text", ["\ud800", "\udfff tail", "nul \0", "\x1b[31m", "../" * 40, "é" * 300]
)
def test_any_text_in_every_text_input_leaves_the_engine_working(engine, nodes, text):
    """One that cannot be written ended the engine's worker: no later prompt ran."""
    tried = 0
    for name, info in nodes.items():
        for each, kind, options in inputs_of(info):
            if kind == "STRING" and not options.get("forceInput"):
                expect_words(engine, graph_with(name, info, {each: text}), (name, each, text))
                tried += 1
    assert tried >= 8
    shown = {"class_type": "PreviewImage", "inputs": {"images": ["image", 0]}}
    history = engine.run({"image": IMAGE, "show": shown}, seconds=60)
    assert failure(history) is None


@pytest.mark.parametrize("bad", [NAN, float("inf"), -1e30, 1e30])
def test_numbers_out_of_range_on_links_are_refused(engine, nodes, bad):
    """A widget's range is the engine's business; what a link brings, ours."""
    tried = 0
    for name, info in nodes.items():
        for each, kind, _ in inputs_of(info):
            if kind == "FLOAT":
                graph = graph_with(name, info, {each: ["number", 0]})
                graph["number"] = {"class_type": "FittingRoomTestNumber",
                                   "inputs": {"text": json.dumps(bad)}}  # fmt: skip
                said = expect_words(engine, graph, (name, each, bad))
                assert f"{each}: a number" in said, (name, each, said)
                tried += 1
    assert tried >= 5


@pytest.mark.parametrize("kind", ["nan", "empty"])
def test_odd_masks_are_refused_by_every_node(engine, nodes, kind):
    tried = 0
    for name, info in nodes.items():
        for each, type_, _ in inputs_of(info):
            if type_ == "MASK":
                graph = graph_with(name, info, {each: ["odd", 0]})
                graph["odd"] = {"class_type": "FittingRoomTestOddMask", "inputs": {
                    "image": ["image", 0], "kind": kind}}  # fmt: skip
                said = expect_words(engine, graph, (name, each, kind))
                assert said, (name, each, kind)
                tried += each in said
    assert tried >= 4
