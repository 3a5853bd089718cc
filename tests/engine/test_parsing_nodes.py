"""Parsing, pose, DensePose and the mask rules on them, through the engine on tiny networks."""

import io
import json
import shutil

import numpy as np
import pytest
import tiny
from fitting_room.services.engine import EngineError, cached_nodes, failure
from PIL import Image

PERSON = {"class_type": "LoadImage", "inputs": {"image": "fitting_room_person.jpg"}}
# Not in the engine's cache when a network must not be there.
OTHER = {"class_type": "LoadImage", "inputs": {"image": "fitting_room_person_mirrored.jpg"}}
BODY = {"class_type": "FittingRoomBodyPose", "inputs": {"image": ["person", 0], "person": 0}}
MASK = {
    "class_type": "FittingRoomGarmentMask",
    "inputs": {
        "image": ["person", 0], "category": "upper", "sleeves": "auto", "grow": 0.0,
        "feather": 0.0, "body": ["body", 0],
    },
}  # fmt: skip
PARSING = {
    "class_type": "FittingRoomParsing",
    "inputs": {"image": ["person", 0], "source": "schp", "detail": "published", "labels": ""},
}
POSE = {
    "class_type": "FittingRoomOpenPose",
    "inputs": {"image": ["person", 0], "source": "openpose", "person": 0},
}
DENSEPOSE = {
    "class_type": "FittingRoomDensePose",
    "inputs": {"image": ["person", 0], "rendering": "coloured", "threshold": 0.05},
}


def graph(**nodes):
    """Nodes by name, with the person and the body."""
    return json.loads(json.dumps({"person": PERSON, "body": BODY, **nodes}))


def keep(nodes, **links):
    """Adds what shows pictures ("IMAGE") or text to a graph."""
    for name, link in links.items():
        kind, given = "PreviewImage", "images"
        if name.startswith("text"):
            kind, given = "PreviewAny", "source"
        nodes[name] = {"class_type": kind, "inputs": {given: link}}
    return nodes


def run(engine, nodes):
    history = engine.run(nodes)
    assert failure(history) is None, json.dumps(failure(history), indent=1)[:3000]
    return history


def picture(engine, history, name):
    (found,) = history["outputs"][name]["images"]
    return np.asarray(Image.open(io.BytesIO(engine.picture(found))).convert("RGB"))


def text(history, name="text"):
    return history["outputs"][name]["text"][0]


def with_input(node, **inputs):
    return {**node, "inputs": {**node["inputs"], **inputs}}


def refused(engine, nodes):
    """The message that the failed node shows."""
    found = failure(engine.run(nodes))
    assert found is not None and engine.alive
    return found["exception_message"]


@pytest.mark.parametrize("source", ["schp", "schp_atr", "schp_lip"])
@pytest.mark.parametrize("detail", ["published", "photo"])
def test_parsing_shows_labels_of_the_photo_s_size(engine, source, detail):
    nodes = graph(parsing=with_input(PARSING, source=source, detail=detail, body=["body", 0]))
    nodes["mask"] = {"class_type": "MaskToImage", "inputs": {"mask": ["parsing", 2]}}
    history = run(engine, keep(nodes, seen=["parsing", 1], mask_seen=["mask", 0]))
    photo = Image.open(engine.base / "input" / "fitting_room_person.jpg")
    seen = picture(engine, history, "seen")
    assert seen.shape[1::-1] == photo.size
    assert (seen != np.asarray(photo.convert("RGB"))).any()
    assert set(np.unique(picture(engine, history, "mask_seen"))) <= {0, 255}


def test_a_parser_of_transformers_stands_in_for_schp(bare):
    tiny.install(bare.base, ["human_parsing/segformer"])
    nodes = graph(person=OTHER, parsing=with_input(PARSING, source="segformer", body=["body", 0]),
                  mask=with_input(MASK, model="leffa/virtual_tryon"))  # fmt: skip
    history = run(bare, keep(nodes, seen=["parsing", 1], text=["mask", 2]))
    assert picture(bare, history, "seen").any()
    assert "the published rule of leffa/virtual_tryon; parsing by Segformer" in text(history)


def test_parsing_by_onnx(bare):
    tiny.install(bare.base, ["human_parsing/onnx"])
    nodes = graph(person=OTHER, mask=with_input(MASK, model="idm_vton/vitonhd"))
    report = text(run(bare, keep(nodes, text=["mask", 2])))
    assert "the published rule of idm_vton/vitonhd; parsing by SCHP" in report


def test_pose_by_vitpose(bare):
    tiny.install(bare.base, ["vitpose/base_simple"])
    nodes = graph(person=OTHER, pose=with_input(POSE, source="vitpose"))
    history = run(bare, keep(nodes, drawn=["pose", 1]))
    assert picture(bare, history, "drawn").any()


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [(100, 100, None), (3000, 4000, None), (24, 24, "at least 32 on each side")],
    ids=["100x100", "12 megapixels", "24x24"],
)
def test_photos_of_any_size(engine, width, height, message):
    scaled = {"class_type": "ImageScale", "inputs": {
        "image": ["person", 0], "upscale_method": "bilinear", "width": width, "height": height,
        "crop": "disabled"}}  # fmt: skip
    nodes = graph(
        small=scaled,
        parsing=with_input(PARSING, image=["small", 0]),
        parts=with_input(DENSEPOSE, image=["small", 0]),
        mask=with_input(MASK, image=["small", 0], rule="catvton", parsing=["parsing", 0],
                        densepose=["parts", 0]),
    )  # fmt: skip
    nodes["body"]["inputs"]["image"] = ["small", 0]
    history = engine.run(keep(nodes, seen=["mask", 1]))
    found = failure(history)
    assert engine.alive
    if message:
        assert found is not None and message in found["exception_message"]
    else:
        assert found is None, found["exception_message"]
        assert picture(engine, history, "seen").shape == (height, width, 3)


def test_one_of_ten_people(engine):
    """Every network looks at the chosen one; an eleventh is said to be missing."""
    one = Image.open(engine.base / "input" / "fitting_room_person.jpg").convert("RGB")
    crowd = Image.fromarray(np.tile(np.asarray(one.resize((320, 320))), (2, 5, 1)))
    crowd.save(engine.base / "input" / "ten_people.png")
    nodes = graph(
        person=with_input(PERSON, image="ten_people.png"),
        parsing=with_input(PARSING, body=["body", 0]),
        mask=with_input(MASK, rule="embedded", sleeves="none"),
    )
    cells = set()
    for number in (0, 4, 9):
        nodes["body"]["inputs"]["person"] = number
        nodes["shown"] = {"class_type": "MaskToImage", "inputs": {"mask": ["mask", 0]}}
        history = run(engine, keep(nodes, seen=["parsing", 1], mask_seen=["shown", 0]))
        rows, places = np.nonzero(picture(engine, history, "mask_seen")[..., 0])
        cells.add((round(float(rows.mean())) // 320, round(float(places.mean())) // 320))
    assert len(cells) == 3
    nodes["body"]["inputs"]["person"] = 10
    assert "10" in refused(engine, nodes)


def test_labels_that_do_not_exist_are_named(engine):
    nodes = graph(parsing=with_input(PARSING, labels="upper, cape"))
    message = refused(engine, keep(nodes, seen=["parsing", 1]))
    assert "no label cape" in message and "upper" in message


@pytest.mark.parametrize("rendering", ["coloured", "labels", "uv"])
def test_densepose_renderings(engine, rendering):
    nodes = graph(parts=with_input(DENSEPOSE, rendering=rendering))
    history = run(engine, keep(nodes, map=["parts", 1], seen=["parts", 2]))
    made = picture(engine, history, "map")
    assert made.shape == picture(engine, history, "seen").shape and made.any()
    if rendering == "labels":
        assert made.max() <= 24 and (made == made[..., :1]).all()
    if rendering == "uv":
        assert made[..., 2].max() <= 24


def test_key_points_of_another_node_are_drawn_alike(engine):
    nodes = graph(pose=with_input(POSE, pose=["body", 3]))
    history = run(engine, keep(nodes, own=["body", 1], drawn=["pose", 1], seen=["pose", 2]))
    own, drawn = (picture(engine, history, name) for name in ("own", "drawn"))
    assert own.any() and (np.abs(own.astype(int) - drawn).max(-1) > 8).mean() < 1e-3


def test_openpose_runs_and_says_whether_it_found_someone(engine):
    history = engine.run(keep(graph(pose=POSE), drawn=["pose", 1]))
    found = failure(history)
    if found is None:
        assert picture(engine, history, "drawn").any()
    else:
        assert "Nobody was found" in found["exception_message"]
    assert engine.alive


@pytest.mark.parametrize(
    ("rule", "title"),
    [("ootdiffusion_hd", "OOTDiffusion, half body"), ("leffa_dc", "Leffa, Dress Code"),
     ("idm_vton", "IDM-VTON"), ("ladi_dresscode", "LaDI-VTON"), ("catvton", "CatVTON"),
     ("embedded", "embedded")],
)  # fmt: skip
def test_every_rule_is_named_in_the_report(engine, rule, title):
    mask = with_input(MASK, rule=rule, parsing=["parsing", 0], densepose=["parts", 0],
                      keypoints=["body", 3])  # fmt: skip
    nodes = graph(parsing=with_input(PARSING, body=["body", 0]), parts=DENSEPOSE, mask=mask)
    history = run(engine, keep(nodes, seen=["mask", 1], text=["mask", 2]))
    assert title in text(history) and "as asked" in text(history)
    assert picture(engine, history, "seen").any()


def test_the_model_s_rule_is_read_here_where_its_networks_are_installed(engine):
    nodes = graph(mask=with_input(MASK, model="leffa/virtual_tryon", keep_hands=True))
    report = text(run(engine, keep(nodes, text=["mask", 2])))
    assert report.startswith("0: Leffa, VITON-HD model: the published rule of leffa/virtual_tryon")


def test_what_a_rule_needs_beyond_the_connected_parsing_is_read(engine):
    nodes = graph(parsing=with_input(PARSING, body=["body", 0]),
                  mask=with_input(MASK, rule="catvton", parsing=["parsing", 0]))  # fmt: skip
    report = text(run(engine, keep(nodes, text=["mask", 2])))
    assert report.startswith("0: CatVTON, and Leffa's AutoMasker, as asked")


def test_without_a_body_and_without_parsing_the_person_is_found_here(engine):
    mask = {"class_type": MASK["class_type"],
            "inputs": {k: v for k, v in MASK["inputs"].items() if k != "body"}}  # fmt: skip
    nodes = {"person": PERSON, "mask": mask}
    report = text(run(engine, keep(nodes, text=["mask", 2])))
    assert report.startswith("0: embedded mask from the body")


def test_pictures_of_other_packages_do_for_parsing_and_densepose(engine):
    mask = with_input(MASK, rule="catvton", parsing=["parsing", 0], densepose=["parts", 1])
    nodes = graph(parts=DENSEPOSE, parsing=PARSING, mask=mask)
    report = text(run(engine, keep(nodes, text=["mask", 2])))
    assert report.startswith("0: CatVTON")
    nodes["numbers"] = {"class_type": "EmptyImage",
                        "inputs": {"width": 512, "height": 512, "batch_size": 1,
                                   "color": 0x040404}}  # fmt: skip
    nodes["mask"]["inputs"].update(rule="leffa_dc", parsing=["numbers", 0])  # all upper clothes
    report = text(run(engine, nodes))
    assert report.startswith("0: Leffa, Dress Code model, as asked; key points from the embedded")


def test_a_photo_for_a_label_picture_is_refused(engine):
    for name, wanted in (("parsing", "ATR labels"), ("densepose", "DensePose in its published")):
        nodes = graph(mask=with_input(MASK, rule="catvton", **{name: ["person", 0]}))
        message = refused(engine, keep(nodes, text=["mask", 2]))
        assert wanted in message and "label picture itself" in message


def test_masks_come_from_the_cache_when_nothing_changed(engine):
    nodes = keep(graph(parsing=PARSING, mask=with_input(MASK, parsing=["parsing", 0])),
                 text=["mask", 2])  # fmt: skip
    run(engine, nodes)
    nodes["mask"]["inputs"]["grow"] = 0.1
    cached = cached_nodes(run(engine, nodes))
    assert {"parsing", "body"} <= cached and "mask" not in cached


@pytest.mark.parametrize(
    ("node", "command"),
    [(PARSING, "human_parsing/pth"), (POSE, "openpose/body"), (DENSEPOSE, "densepose/r50_fpn_s1x")],
    ids=["parsing", "pose", "densepose"],
)
def test_missing_files_name_the_command(bare, node, command):
    message = refused(bare, keep(graph(person=OTHER, node=node), seen=["node", 1]))
    assert f"fitting-room download {command}" in message


@pytest.fixture
def bare(engine):
    """The same engine with the networks taken away, for the time of a test."""
    models = engine.base / "models" / "fitting_room"
    away = models.with_name("away")
    models.rename(away)
    models.mkdir()
    yield engine
    shutil.rmtree(models)
    away.rename(models)


def test_terms_that_were_not_agreed_to_are_shown(engine):
    record = engine.base / "models" / "fitting_room" / "licences.json"
    if not record.exists():
        pytest.fail(f"{record} was to be written with the networks")
    before = record.read_text("utf-8")
    record.unlink()
    try:
        message = refused(engine, keep(graph(person=OTHER, node=DENSEPOSE), seen=["node", 2]))
    finally:
        record.write_text(before, "utf-8")
    assert "CC BY-NC" in message and "--accept-license" in message


def test_a_hostile_pickle_is_not_run(engine):
    folder = engine.base / "models" / "fitting_room" / "densepose"
    (file,) = folder.rglob("*.pkl")
    before, trace = file.read_bytes(), engine.base / "it_ran"
    command = f"open({str(trace)!r}, 'w')".encode()
    hostile = b"cbuiltins\neval\n(V" + command + b"\ntR."
    file.write_bytes(hostile + b"\0" * (len(before) - len(hostile)))
    try:
        message = refused(engine, keep(graph(person=OTHER, node=DENSEPOSE), seen=["node", 1]))
    finally:
        file.write_bytes(before)
    assert not trace.exists()
    assert str(file) in message


def test_unknown_rule_is_refused_before_anything_runs(engine):
    with pytest.raises(EngineError, match="refused"):
        engine.run(keep(graph(mask=with_input(MASK, rule="other")), text=["mask", 2]))


def test_a_batch_of_people_gets_a_mask_each(engine):
    nodes = graph(
        other=OTHER,
        both={"class_type": "ImageBatch", "inputs": {"image1": ["person", 0],
                                                     "image2": ["other", 0]}},
        parsing=with_input(PARSING, image=["both", 0], body=["body", 0]),
        parts=with_input(DENSEPOSE, image=["both", 0]),
        mask=with_input(MASK, image=["both", 0], rule="catvton", parsing=["parsing", 0],
                        densepose=["parts", 0], fill_holes=True, feather=0.1),
    )  # fmt: skip
    nodes["body"]["inputs"]["image"] = ["both", 0]
    history = run(engine, keep(nodes, seen=["mask", 1], text=["mask", 2]))
    assert len(history["outputs"]["seen"]["images"]) == 2
    assert [line[:3] for line in text(history).splitlines()] == ["0: ", "1: "]


def test_a_damaged_file_is_named(engine):
    (file,) = (engine.base / "models" / "fitting_room" / "human_parsing").rglob("*atr.pth")
    before = file.read_bytes()
    file.write_bytes(before[: len(before) // 2] + b"\0" * (len(before) - len(before) // 2))
    try:
        message = refused(engine, keep(graph(person=OTHER, node=PARSING), seen=["node", 1]))
    finally:
        file.write_bytes(before)
    assert str(file) in message
