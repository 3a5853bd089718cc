"""Every node through the real engine with generated values on every input: it runs, or it is
refused at the door, or it ends in an InputError; and the engine goes on."""

import pytest
from fitting_room.services.engine import EngineError, failure
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import examples

KINDS = {"InputError", "NobodyFound", "NoGarmentFound", "MissingFiles", "PictureBlocked"}
IMAGE = {"class_type": "LoadImage", "inputs": {"image": "fitting_room_person.jpg"}}
SHIRT = {"class_type": "LoadImage", "inputs": {"image": "fitting_room_tshirt.png"}}
BODY = {"class_type": "FittingRoomBodyPose", "inputs": {"image": ["image", 0], "person": 0}}
CUT = {
    "class_type": "FittingRoomGarmentCutout",
    "inputs": {"image": ["shirt", 0], "category": "auto"},
}
LINKS = (["image", 0], ["image", 1], ["shirt", 0], ["shirt", 1], ["body", 0], ["body", 1],
         ["cut", 0], ["cut", 1])  # fmt: skip

TEXT = st.text(st.characters(codec=None, categories=None), max_size=40) | st.sampled_from(
    ("", "/", "../..", "%batch_num%", "\ud800", "\0", "~nobody", "n" * 400, "auto", "{}")
)
ANY = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXT
    | st.lists(st.integers(0, 9), max_size=3) | st.dictionaries(TEXT, st.integers(), max_size=2)
)  # fmt: skip


@pytest.fixture(scope="module")
def nodes(engine):
    found = engine.get("/object_info")
    return {
        name: info for name, info in sorted(found.items())
        if info["python_module"].endswith("comfyui-fitting-room")
    }  # fmt: skip


def usual(kind, options):
    """A value that the input takes."""
    if kind == "IMAGE":
        return ["image", 0]
    if kind == "MASK":
        return ["image", 1]
    if kind == "FITTING_ROOM_BODY":
        return ["body", 0]
    if kind == "FITTING_ROOM_GARMENT":
        return ["cut", 0]
    if isinstance(kind, list):
        return kind[0] if kind else ""
    if kind == "COMBO":
        return (options.get("options") or [""])[0]
    return options.get("default", {"INT": 1, "FLOAT": 0.5, "BOOLEAN": False}.get(kind, ""))


def prompt_of(data, name, info):
    inputs = {}
    for group in ("required", "optional"):
        for each, (kind, *options) in info["input"].get(group, {}).items():
            if group == "optional" and data.draw(st.booleans()):
                continue
            good = usual(kind, options[0] if options else {})
            odd = data.draw(st.integers(0, 3)) == 0
            inputs[each] = data.draw(ANY | st.sampled_from(LINKS)) if odd else good
    graph = {"image": IMAGE, "shirt": SHIRT, "body": BODY, "cut": CUT}
    graph["node"] = {"class_type": name, "inputs": inputs}
    for place in range(len(info["output"])):
        graph[f"show{place}"] = {"class_type": "PreviewAny",
                                 "inputs": {"source": ["node", place]}}  # fmt: skip
    return graph


def test_any_value_on_any_input(engine, nodes):
    assert len(nodes) >= 19

    @settings(max_examples=examples(60), database=None)
    @given(st.data())
    def run(data):
        name = data.draw(st.sampled_from(sorted(nodes)))
        graph = prompt_of(data, name, nodes[name])
        try:
            problem = failure(engine.run(graph, seconds=300))
        except EngineError as error:
            assert engine.alive and "refused" in str(error), (graph, str(error)[:2000])
            return
        if problem is not None and problem["node_type"] == name:
            kind = problem["exception_type"].split(".")[-1]
            assert kind in KINDS, (graph["node"], problem["exception_message"])

    run()
    shown = {"class_type": "PreviewImage", "inputs": {"images": ["image", 0]}}
    assert failure(engine.run({"image": IMAGE, "show": shown})) is None
