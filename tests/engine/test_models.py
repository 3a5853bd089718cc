"""Try-on models through the real engine, on tiny checkpoints installed as if downloaded.

Every model workflow is run by test_workflows_run.py; here is what they promise.
"""

import io
import json
import shutil
import threading
import time

import numpy as np
import pytest
import tiny
from drawn_people import draw_trousers
from fitting_room.pipelines.files.locate import RECEIPT
from fitting_room.services.engine import EngineError, cached_nodes, failure
from PIL import Image

PEOPLE = ("fitting_room_person.jpg", "fitting_room_person_mirrored.jpg")


def picture(name):
    return {"class_type": "LoadImage", "inputs": {"image": name}}


def graph_of(variant="ootdiffusion/hd", **changes):
    """person -> mask; model, garment -> encode; try on -> save. changes: node={input: value}."""
    nodes = {
        "load": {
            "class_type": "FittingRoomLoadModel",
            "inputs": {"variant": variant, "precision": "auto", "compile": False, "folder": ""},
        },
        "person": picture(PEOPLE[0]),
        "garment": picture("fitting_room_tshirt.png"),
        "body": {
            "class_type": "FittingRoomBodyPose",
            "inputs": {"image": ["person", 0], "person": 0},
        },
        "mask": {
            "class_type": "FittingRoomGarmentMask",
            "inputs": {
                "image": ["person", 0], "body": ["body", 0], "category": "upper",
                "sleeves": "long", "grow": 0.0, "feather": 0.0,
            },
        },
        "encode": {
            "class_type": "FittingRoomEncodeGarment",
            "inputs": {
                "model": ["load", 0], "garment": ["garment", 0], "category": "upper",
                "description": "", "width": 96, "height": 128, "framing": "fit",
                "ahead_steps": 0,
            },
        },
        "try": {
            "class_type": "FittingRoomTryOn",
            "inputs": {
                "model": ["load", 0], "image": ["person", 0], "garment": ["encode", 0],
                "mask": ["mask", 0], "seed": 3, "steps": 2, "guidance": 2.0,
                "scheduler": "published", "framing": "fit", "context": 0.25, "feather": 8,
                "accelerated": False, "pairing": "one to one", "strength": 1.0,
            },
        },
        "save": {
            "class_type": "SaveImage",
            "inputs": {"images": ["try", 0], "filename_prefix": "models"},
        },
        "before": {
            "class_type": "SaveImage",
            "inputs": {"images": ["person", 0], "filename_prefix": "before"},
        },
        "masks": {"class_type": "MaskToImage", "inputs": {"mask": ["mask", 0]}},
        "seen": {
            "class_type": "SaveImage",
            "inputs": {"images": ["masks", 0], "filename_prefix": "mask"},
        },
    }  # fmt: skip
    for node, inputs in changes.items():
        if "class_type" in inputs:
            nodes[node] = inputs
        else:
            nodes[node]["inputs"].update(inputs)
    return nodes


def people_batch(**changes):
    """graph_of with both people as one batch."""
    batch = {"images.image0": ["person", 0], "images.image1": ["second", 0]}
    changes.setdefault("try", {})["image"] = ["batch", 0]
    return graph_of(
        second=picture(PEOPLE[1]),
        batch={"class_type": "BatchImagesNode", "inputs": batch},
        body={"image": ["batch", 0]},
        mask={"image": ["batch", 0]},
        **changes,
    )


def shown(engine, history, node="save"):
    assert failure(history) is None, failure(history)["exception_message"]
    return [
        np.asarray(Image.open(io.BytesIO(engine.picture(found))).convert("RGB"))
        for found in history["outputs"][node]["images"]
    ]


@pytest.mark.parametrize(
    "variant, framing",
    [
        ("ootdiffusion/hd", "fit"),
        ("ootdiffusion/hd", "reference"),
        ("leffa/virtual_tryon", "reference"),
        ("idm_vton/vitonhd", "reference"),
    ],
)
def test_pixels_outside_the_mask_come_back_unchanged(engine, variant, framing):
    graph = graph_of(variant, encode={"framing": framing}, **{"try": {"framing": framing}})
    history = engine.run(graph)
    before, made = (shown(engine, history, node)[0].astype(int) for node in ("before", "save"))
    mask = shown(engine, history, "seen")[0][..., 0]
    difference = np.abs(made - before).max(-1)
    assert not difference[mask == 0].any()
    assert (difference[mask == 255] > 2).mean() > 0.5


@pytest.mark.parametrize("variant", ["ootdiffusion/dc", "idm_vton/dresscode"])
@pytest.mark.parametrize("category", ["lower", "dress"])
def test_lower_body_and_dresses(engine, variant, category):
    if category == "lower":
        Image.fromarray(draw_trousers()).save(engine.base / "input" / "trousers.png")
    garment = {"image": "trousers.png"} if category == "lower" else {}
    graph = graph_of(
        variant, garment=garment, mask={"category": category}, encode={"category": category}
    )
    history = engine.run(graph)
    (made,), (before,) = (shown(engine, history, node) for node in ("save", "before"))
    mask = shown(engine, history, "seen")[0].max(-1) > 0
    assert (made[~mask] == before[~mask]).all() and (made[mask] != before[mask]).any()


def test_trousers_in_an_upper_body_model_are_refused_however_they_are_called(engine):
    Image.fromarray(draw_trousers()).save(engine.base / "input" / "trousers.png")
    for called in ("auto", "upper"):
        graph = graph_of(garment={"image": "trousers.png"}, encode={"category": called})
        problem = failure(engine.run(graph))
        assert problem is not None and problem["node_type"] == "FittingRoomEncodeGarment"
        assert "upper" in problem["exception_message"] and "lower" in problem["exception_message"]


def test_compiled_blocks_draw_the_same(engine):
    """Without a graphics card it wants a C++ compiler; where there is none, that is said."""
    (plain,) = shown(engine, engine.run(graph_of()))
    history = engine.run(graph_of(load={"compile": True}))
    if not any(map(shutil.which, ("g++", "clang++", "cl"))):
        assert "compiler" in failure(history)["exception_message"].lower()
        return
    (compiled,) = shown(engine, history)
    assert np.abs(plain.astype(int) - compiled).max() <= 2


def test_free_lets_everything_go(engine):
    """And the next run works as the first one did."""
    graph = graph_of(**{"try": {"seed": 77}})
    (first,) = shown(engine, engine.run(graph))
    engine.post("/free", {"unload_models": True, "free_memory": True})
    time.sleep(3)  # the engine's worker looks once a second
    history = engine.run(graph)
    assert not cached_nodes(history)
    (again,) = shown(engine, history)
    assert (first == again).all()
    assert "leak" not in engine.log.read_text("utf-8", errors="replace").lower()


@pytest.mark.parametrize("variant", ["ootdiffusion/hd", "idm_vton/vitonhd"])
def test_new_person_or_seed_does_not_encode_the_garment_again(engine, variant):
    engine.run(graph_of(variant))
    cached = cached_nodes(engine.run(graph_of(variant, person=picture(PEOPLE[1]))))
    assert {"load", "garment", "encode"} <= cached
    assert not {"body", "mask", "try"} & cached
    cached = cached_nodes(engine.run(graph_of(variant, **{"try": {"seed": 77}})))
    assert "encode" in cached and "try" not in cached


def test_picture_of_a_batch_is_that_of_a_single_run_with_its_seed(engine):
    together = shown(engine, engine.run(people_batch()))
    assert len(together) == 2
    alone = graph_of(person=picture(PEOPLE[1]), **{"try": {"seed": 4}})
    assert np.array_equal(together[1], shown(engine, engine.run(alone))[0])


def test_pictures_that_go_through_together_are_those_of_single_runs(engine):
    alone = shown(engine, engine.run(people_batch()))
    for size in (2, 0):
        together = shown(engine, engine.run(people_batch(**{"try": {"batch": size}})))
        for one, other in zip(alone, together, strict=True):
            assert np.abs(one.astype(int) - other).max() <= 1


def test_a_photo_that_cannot_be_used_is_named_and_the_others_are_kept(engine):
    graph = people_batch()
    graph["report"] = {"class_type": "PreviewAny", "inputs": {"source": ["try", 2]}}
    both = shown(engine, engine.run(graph))
    graph["none"] = {
        "class_type": "SolidMask", "inputs": {"value": 0.0, "width": 512, "height": 512}
    }  # fmt: skip
    graph["one"] = {"class_type": "MaskToImage", "inputs": {"mask": ["mask", 0]}}
    graph["zero"] = {"class_type": "MaskToImage", "inputs": {"mask": ["none", 0]}}
    one = {"image": ["one", 0], "batch_index": 0, "length": 1}
    graph["first"] = {"class_type": "ImageFromBatch", "inputs": one}
    batch = {"images.image0": ["first", 0], "images.image1": ["zero", 0]}
    graph["masked"] = {"class_type": "BatchImagesNode", "inputs": batch}
    red = {"image": ["masked", 0], "channel": "red"}
    graph["back"] = {"class_type": "ImageToMask", "inputs": red}
    graph["try"]["inputs"]["mask"] = ["back", 0]
    history = engine.run(graph)
    left = shown(engine, history)
    assert len(both) == 2 and len(left) == 1 and np.array_equal(left[0], both[0])
    (told,) = history["outputs"]["report"]["text"]
    assert "Image 1 of the batch" in told and "left out" in told


def test_every_combination_of_people_and_garments(engine):
    stripes = picture("fitting_room_stripes.png")
    pair = {"images.image0": ["garment", 0], "images.image1": ["other", 0]}
    garments = {"class_type": "BatchImagesNode", "inputs": pair}
    more = {"other": stripes, "garments": garments, "encode": {"garment": ["garments", 0]}}
    graph = people_batch(**more, **{"try": {"pairing": "every combination"}})
    made = shown(engine, engine.run(graph))
    assert len(made) == 4
    assert not np.array_equal(made[0], made[1]), "another garment, another picture"


@pytest.mark.parametrize("variant", ["leffa/virtual_tryon", "idm_vton/vitonhd"])
def test_work_done_ahead_gives_the_same_picture(engine, variant):
    ahead = shown(engine, engine.run(graph_of(variant, encode={"ahead_steps": 2})))[0]
    assert np.array_equal(ahead, shown(engine, engine.run(graph_of(variant)))[0])


def test_start_picture_leads_the_result(engine):
    start = {"start": ["person", 0], "strength": 0.5, "steps": 4}
    led = shown(engine, engine.run(graph_of(**{"try": start})))[0].astype(int)
    free = shown(engine, engine.run(graph_of(**{"try": {"steps": 4}})))[0].astype(int)
    assert np.abs(led - free).max() > 10


@pytest.mark.parametrize("precision", ["fp16", "bf16", "fp8"])
def test_precisions_draw_nearly_the_same(engine, precision):
    exact = shown(engine, engine.run(graph_of()))[0].astype(float)
    other = shown(engine, engine.run(graph_of(load={"precision": precision})))[0]
    assert 0 < np.abs(other - exact).mean() < 12


def test_schedulers_of_the_node_are_those_of_the_pipelines(engine):
    from fitting_room.pipelines.diffusion.schedulers import NAMES

    inputs = engine.get("/object_info/FittingRoomTryOn")["FittingRoomTryOn"]["input"]
    assert tuple(inputs["required"]["scheduler"][1]["options"]) == NAMES


# ------------------------------------------------------------------------------- bad input

FAILS = {
    "category of another variant": (
        {"encode": {"category": "dress"}}, "FittingRoomEncodeGarment", "trained for upper"),
    "no mask": ({"try": {"mask": ["person", 1]}}, "FittingRoomTryOn", "64x64"),
    "size no multiple of 8": (
        {"encode": {"width": 100}}, "FittingRoomEncodeGarment", "multiples of 8"),
    "strength without a start": ({"try": {"strength": 0.5}}, "FittingRoomTryOn", "connect start"),
    "start of another photo": (
        {"try": {"strength": 0.5, "start": ["garment", 0]}}, "FittingRoomTryOn", "start picture"),
    "body map of another photo": (
        {"load": {"variant": "leffa/virtual_tryon"}, "try": {"body_map": ["garment", 0]}},
        "FittingRoomTryOn", "body map"),
    "compile with fp8": (
        {"load": {"precision": "fp8", "compile": True}}, "FittingRoomLoadModel", "Choose one"),
    "pose transfer model": (
        {"load": {"variant": "leffa/pose_transfer"}}, "FittingRoomEncodeGarment",
        "A try-on model was wanted"),
    "files missing": (
        {"load": {"folder": "/nowhere"}}, "FittingRoomLoadModel",
        "fitting-room download ootdiffusion/hd"),
}  # fmt: skip

REFUSED = {
    "no steps": ("try", {"steps": 0}, "value_smaller_than_min"),
    "guidance below 1": ("try", {"guidance": 0.5}, "value_smaller_than_min"),
    "unknown variant": ("load", {"variant": "sdxl/base"}, "value_not_in_list"),
    "no garment": ("try", {"garment": None}, "required_input_missing"),
    "picture for a garment": ("try", {"garment": ["garment", 0]}, "return_type_mismatch"),
}


@pytest.mark.parametrize("name", FAILS)
def test_fails_with_words(engine, name):
    changes, where, words = FAILS[name]
    problem = failure(engine.run(graph_of(**changes)))
    assert problem and problem["node_type"] == where, problem
    assert words in problem["exception_message"]
    assert problem["exception_type"].split(".")[-1] in ("InputError", "MissingFiles")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_the_door(engine, name):
    node, inputs, words = REFUSED[name]
    graph = graph_of()
    graph[node]["inputs"].update(inputs)
    graph[node]["inputs"] = {n: v for n, v in graph[node]["inputs"].items() if v is not None}
    with pytest.raises(EngineError, match=words):
        engine.run(graph)


def test_garment_of_another_model(engine):
    other = graph_of("leffa/virtual_tryon")["load"]
    graph = graph_of(other=other, **{"try": {"model": ["other", 0]}})
    problem = failure(engine.run(graph))
    assert problem and "encoded with ootdiffusion/hd" in problem["exception_message"]


def test_body_map_of_another_person(engine):
    """A body only in the corner, where no mask is."""
    corner = np.zeros((512, 512, 3), np.uint8)
    corner[:20, :20] = 200
    Image.fromarray(corner).save(engine.base / "input" / "corner.png")
    graph = graph_of("leffa/virtual_tryon", corner=picture("corner.png"))
    graph["try"]["inputs"]["body_map"] = ["corner", 0]
    problem = failure(engine.run(graph))
    assert problem and "another person" in problem["exception_message"]


def test_all_missing_files_are_named_with_one_command(engine):
    graph = graph_of("idm_vton/dresscode", load={"precision": "fp16"})
    own = engine.base / "models" / "fitting_room" / "idm_vton_dc"
    own.rename(own.with_name("away"))
    try:
        words = failure(engine.run(graph))["exception_message"]
    finally:
        own.with_name("away").rename(own)
    assert "unet/diffusion_pytorch_model.bin" in words and "unet/config.json" in words
    assert words.count("fitting-room download") == 1


def test_licence_must_be_agreed_to(engine):
    graph = graph_of(load={"precision": "bf16", "variant": "leffa/virtual_tryon"})
    record = engine.base / "models" / "fitting_room" / "licences.json"
    agreed = record.read_text("utf-8")
    without = {n: r for n, r in json.loads(agreed).items() if n != "leffa/virtual_tryon"}
    record.write_text(json.dumps(without), "utf-8")
    try:
        problem = failure(engine.run(graph))
    finally:
        record.write_text(agreed, "utf-8")
    assert problem and problem["node_type"] == "FittingRoomLoadModel"
    assert "not agreed to yet" in problem["exception_message"]
    assert "fitting-room download leffa/virtual_tryon" in problem["exception_message"]


@pytest.mark.parametrize(
    "kind, words", [("lora", "a LoRA"), ("other", "is not a Leffa checkpoint")]
)
def test_wrong_checkpoint_in_place(engine, tmp_path, kind, words):
    import torch

    tiny.write("leffa/virtual_tryon", tmp_path)
    (tmp_path / "leffa" / RECEIPT).unlink()  # a folder of the user's own
    graph = graph_of("leffa/virtual_tryon", load={"folder": str(tmp_path / "leffa")})
    names = {"lora": "unet.down.lora_A.weight", "other": "model.diffusion_model.out.weight"}
    torch.save({names[kind]: torch.zeros(2)}, tmp_path / "leffa" / "virtual_tryon.pth")
    problem = failure(engine.run(graph))
    assert problem and problem["node_type"] == "FittingRoomLoadModel"
    assert words in problem["exception_message"]


# ------------------------------------------------------------------------------- running


def test_out_of_memory_is_tried_once_more_then_told_with_numbers(engine):
    def short(times):
        node = {"model": ["load", 0], "times": times}
        return graph_of(
            load={"precision": "bf16"},
            short={"class_type": "FittingRoomTestOutOfMemory", "inputs": node},
            **{"try": {"model": ["short", 0]}},
        )

    assert shown(engine, engine.run(short(1)))
    problem = failure(engine.run(short(2)))
    assert problem and "OutOfMemoryError" in problem["exception_type"]
    for words in ("does not fit", "denoiser", "96x128", "are free now"):
        assert words in problem["exception_message"]


def test_interrupt_stops_a_run(engine):
    graph = graph_of(**{"try": {"steps": 200, "seed": 99, "samples": 16}})  # many seconds
    found = []
    running = threading.Thread(target=lambda: found.append(engine.run(graph)))
    running.start()
    while not engine.get("/queue")["queue_running"]:
        time.sleep(0.05)
    time.sleep(2)
    engine.post("/interrupt", {})
    running.join(60)
    assert found and found[0]["status"]["messages"][-1][0] == "execution_interrupted"


def test_each_step_shows_a_picture(engine):
    """Over the websocket: a frame of type 1 or 4 holds a picture, JPEG from its mark on."""
    aiohttp = pytest.importorskip("aiohttp")
    import asyncio

    graph = graph_of(**{"try": {"steps": 5, "seed": 1234}})

    async def watch():
        frames, values = [], []
        async with aiohttp.ClientSession() as session:
            address = engine.address.replace("http", "ws") + "/ws?clientId=watch"
            async with session.ws_connect(address) as socket:
                body = {"prompt": graph, "client_id": "watch"}
                await session.post(engine.address + "/prompt", json=body)
                async for message in socket:
                    if message.type == aiohttp.WSMsgType.BINARY:
                        frames.append(message.data)
                        continue
                    event = json.loads(message.data)
                    if event["type"] == "progress" and event["data"]["node"] == "try":
                        values.append((event["data"]["value"], event["data"]["max"]))
                    if event["type"] in ("execution_success", "execution_error"):
                        return frames, values

    frames, values = asyncio.run(asyncio.wait_for(watch(), 120))
    assert sum(b"\xff\xd8" in frame for frame in frames) >= 5
    assert values[-1] == (5, 5)
