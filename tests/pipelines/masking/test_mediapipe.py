"""The networks give what they gave when they were recorded, and what the published files give.

The latter is for developers: it needs ai-edge-litert and, in FITTING_ROOM_MEDIAPIPE, MediaPipe's
wheel or a folder with its .tflite files."""

import importlib
import os
import sys
import threading
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.masking.body import find_people, load_body_model
from fitting_room.pipelines.masking.mediapipe.crops import TurnedSquare, cut_out, put_back
from fitting_room.pipelines.masking.mediapipe.decoding import (
    BODY_POINTS,
    CROP_SIZE,
    decode_landmarks,
    sigmoid,
)
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
SOURCE = os.environ.get("FITTING_ROOM_MEDIAPIPE", "")
ASTRONAUT = ROOT / "tests" / "data" / "astronaut.png"


@pytest.fixture(scope="module")
def model():
    return load_body_model()


@pytest.fixture(scope="module")
def halved():
    """The astronaut in (3, 256, 256)."""
    photo = np.asarray(Image.open(ASTRONAUT).convert("RGB")).astype(np.float32) / 255
    small = photo[::2, ::2] + photo[1::2, ::2] + photo[::2, 1::2] + photo[1::2, 1::2]
    return small.transpose(2, 0, 1) / 4


# ------------------------------------------------------------------ as recorded


@pytest.fixture(scope="module")
def recorded():
    """Of the same weights, run by torch."""
    with np.load(ROOT / "tests" / "data" / "mediapipe_astronaut.npz") as found:
        return dict(found)


def test_detector_as_recorded(model, halved, recorded):
    boxes, scores = model.detect(halved[:, 16:240, 16:240])
    assert np.abs(scores - recorded["scores"]).max() < 0.002  # logits of -100 to 2
    assert np.abs(boxes[recorded["best"]] - recorded["boxes"]).max() < 0.002  # pixels of 224


def test_landmarks_as_recorded(model, halved, recorded):
    landmarks, heat, flag, mask = model.landmarks(halved)
    assert np.abs(landmarks - recorded["landmarks"]).max() < 0.002  # pixels of 256
    assert np.abs(heat[:, ::8, ::8] - recorded["heat"]).max() < 0.002  # logits
    assert flag == pytest.approx(float(recorded["flag"][0]), abs=2e-4)
    assert np.abs(sigmoid(mask)[::4, ::4] - recorded["mask"]).max() < 1e-4


def test_segmentation_as_recorded(model, halved, recorded):
    person = model.segment(halved)
    assert np.abs(person[::4, ::4] - recorded["segmentation"]).max() < 1e-4


def test_several_threads_ask_at_once(model, halved):
    """OpenCV keeps inputs and results in the network itself: nobody gets another's."""
    pictures = [halved, halved[:, ::-1], halved[..., ::-1], np.zeros_like(halved)]
    alone = [model.segment(picture) for picture in pictures]
    together = threading.Barrier(len(pictures))
    wrong = []

    def work(picture, expected):
        together.wait(10)
        for _ in range(10):
            if not np.array_equal(model.segment(picture), expected):
                wrong.append(1)

    workers = [
        threading.Thread(target=work, args=pair) for pair in zip(pictures, alone, strict=True)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not wrong


# ------------------------------------------------------------------ crops


def by_hand(picture, x, y):
    """Bilinear, one place at a time; black outside."""
    height, width = picture.shape[:2]
    left, top = int(np.floor(x)), int(np.floor(y))
    total = np.zeros(picture.shape[2:])
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        weight = (1 - abs(x - column)) * (1 - abs(y - row))
        if 0 <= row < height and 0 <= column < width:
            total += weight * picture[row, column]
    return total


@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_a_crop_that_leaves_the_picture(angle):
    picture = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    crop = TurnedSquare(70.0, 30.0, 100.0, angle)
    cut = cut_out(Image.fromarray(picture), crop, 100, "black")
    for row, column in ((0, 0), (3, 90), (50, 50), (60, 99), (99, 20)):
        x, y = crop.to_picture(np.array([[(column + 0.5) / 100, (row + 0.5) / 100]]))[0] - 0.5
        assert cut[:, row, column] == pytest.approx(by_hand(picture, x, y) / 255, abs=1e-5)
    near = cut_out(Image.fromarray(picture), crop, 100, "nearest")
    assert (cut[:, 0, 0] == 0).all() and (near[:, 0, 0] > 0).any()


def test_a_mask_is_put_back_where_it_was_cut_out():
    rows, columns = np.mgrid[0:300, 0:400]
    disc = (255 * (np.hypot(rows - 160, columns - 210) < 60)).astype(np.uint8)
    picture = Image.fromarray(np.repeat(disc[..., None], 3, 2))
    crop = TurnedSquare(200.0, 150.0, 256.0, 0.4)
    cut = cut_out(picture, crop, 256, "black")[0]
    (back,) = put_back([cut], crop, (100, 50, 300, 250), 200, 200)
    assert back.dtype == np.float32 and back.min() >= 0 and back.max() <= 1
    assert ((back > 0.5) != (disc[50:250, 100:300] > 0)).mean() < 0.002


# ------------------------------------------------------------------ as published


@pytest.fixture(scope="module")
def converter():
    pytest.importorskip("ai_edge_litert")
    if not SOURCE or not Path(SOURCE).exists():
        pytest.skip("FITTING_ROOM_MEDIAPIPE does not name MediaPipe's wheel or a folder of .tflite")
    return load_converter()


def load_converter():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("convert_mediapipe")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def published(converter):
    """name -> function that runs the published file on (3, h, w) and gives its outputs by
    shape."""
    from ai_edge_litert.interpreter import Interpreter

    files = converter.find_files(Path(SOURCE))

    def runner(name):
        interpreter = Interpreter(model_content=files[name], num_threads=1)
        interpreter.allocate_tensors()

        def run(pixels):
            given = np.ascontiguousarray(pixels.transpose(1, 2, 0)[None], np.float32)
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
            interpreter.invoke()
            return {
                tuple(int(n) for n in output["shape"]): interpreter.get_tensor(output["index"])
                for output in interpreter.get_output_details()
            }

        return run

    return runner


@pytest.fixture(scope="module")
def pictures():
    photo = Image.open(ASTRONAUT).convert("RGB")
    noise = np.random.default_rng(1).integers(0, 256, (300, 260, 3), dtype=np.uint8)
    return [photo, photo.rotate(25), photo.resize((300, 500)), Image.fromarray(noise)]


def test_detector(model, published, pictures):
    run = published("pose_detection.tflite")
    for picture in pictures:
        crop = TurnedSquare(picture.width / 2, picture.height / 2, max(picture.size))
        pixels = cut_out(picture, crop, 224, "black")
        expected = run(pixels * 2 - 1)
        boxes, logits = model.detect(pixels)
        assert boxes == pytest.approx(expected[1, 2254, 12][0], abs=0.01)
        assert logits == pytest.approx(expected[1, 2254, 1][0, :, 0], abs=0.01)


def test_landmarks_within_half_a_percent_of_the_crop(model, published, pictures):
    run = published("pose_landmark_full.tflite")
    for picture in pictures:
        people = find_people(model, np.asarray(picture))
        crop = people[0].crop if people else TurnedSquare(120.0, 130.0, 200.0, 0.2)
        pixels = cut_out(picture, crop, CROP_SIZE, "nearest")
        expected = run(pixels)
        raw, heat, flag, mask = model.landmarks(pixels)
        found = decode_landmarks(raw, heat)[:BODY_POINTS]
        published_heat = expected[1, 64, 64, 39][0].transpose(2, 0, 1)
        wanted = decode_landmarks(expected[1, 195].reshape(39, 5), published_heat)[:BODY_POINTS]
        assert np.abs(found[:, :3] - wanted[:, :3]).max() < 0.005
        # In truth they are closer by far:
        assert np.abs(raw - expected[1, 195].reshape(39, 5)).max() < 0.02  # pixels
        assert np.abs(found[:, 3:] - wanted[:, 3:]).max() < 1e-4
        assert sigmoid(np.array(flag)) == pytest.approx(float(expected[1, 1][0, 0]), abs=1e-4)
        wanted_mask = sigmoid(expected[1, 256, 256, 1][0, ..., 0])
        assert np.abs(sigmoid(mask) - wanted_mask).max() < 0.01


def test_segmentation(model, published, pictures):
    run = published("selfie_segmentation.tflite")
    for picture in pictures:
        crop = TurnedSquare(picture.width / 2, picture.height / 2, max(picture.size))
        pixels = cut_out(picture, crop, CROP_SIZE, "nearest")
        wanted = run(pixels)[1, 256, 256, 1][0, ..., 0]
        assert model.segment(pixels) == pytest.approx(wanted, abs=1e-3)


def test_committed_files_are_what_the_script_makes_of_the_published(converter):
    files = converter.find_files(Path(SOURCE))
    for name, (build, prefixes) in converter.FILES.items():
        path = converter.FOLDER / f"{build.__name__}.onnx"
        source = converter.read(path)[1]
        assert sha256(files[name]).hexdigest() in source
        made = converter.convert(files[name], build, prefixes)
        assert converter.written(build, made, source) == path.read_bytes()


def test_committed_files_are_what_the_script_writes():
    """Of the weights that they hold themselves, without the published files."""
    pytest.importorskip("onnx")
    converter = load_converter()
    for build, prefixes in converter.FILES.values():
        path = converter.FOLDER / f"{build.__name__}.onnx"
        weights, source = converter.read(path)
        named = {f"{name}.{part}" for name in converter.names_in_order(build, prefixes)
                 if name != converter.DROPPED for part in ("weight", "bias")}  # fmt: skip
        assert named == set(weights)
        assert converter.written(build, weights, source) == path.read_bytes()
