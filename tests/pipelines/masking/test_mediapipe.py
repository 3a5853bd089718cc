"""The converted networks give what the published files give. For developers: needs ai-edge-litert
and, in FITTING_ROOM_MEDIAPIPE, MediaPipe's wheel or a folder with its .tflite files."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.masking.body import find_people, load_body_model
from fitting_room.pipelines.masking.mediapipe.crops import TurnedSquare, cut_out
from fitting_room.pipelines.masking.mediapipe.decoding import (
    BODY_POINTS,
    CROP_SIZE,
    decode_landmarks,
)
from PIL import Image
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[3]
SOURCE = os.environ.get("FITTING_ROOM_MEDIAPIPE", "")
ASTRONAUT = ROOT / "tests" / "data" / "astronaut.png"


@pytest.fixture(scope="module")
def converter():
    pytest.importorskip("ai_edge_litert")
    if not SOURCE or not Path(SOURCE).exists():
        pytest.skip("FITTING_ROOM_MEDIAPIPE does not name MediaPipe's wheel or a folder of .tflite")
    script = ROOT / "scripts" / "convert_mediapipe.py"
    spec = importlib.util.spec_from_file_location("convert_mediapipe", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published(converter):
    """name -> function that runs the published file on (1, 3, h, w) and gives its outputs by
    shape."""
    from ai_edge_litert.interpreter import Interpreter

    files = converter.find_files(Path(SOURCE))

    def runner(name):
        interpreter = Interpreter(model_content=files[name], num_threads=1)
        interpreter.allocate_tensors()

        def run(pixels):
            given = pixels.permute(0, 2, 3, 1).contiguous().numpy()
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
            interpreter.invoke()
            return {
                tuple(int(n) for n in output["shape"]): interpreter.get_tensor(output["index"])
                for output in interpreter.get_output_details()
            }

        return run

    return runner


@pytest.fixture(scope="module")
def model():
    return load_body_model()


@pytest.fixture(scope="module")
def pictures():
    photo = Image.open(ASTRONAUT).convert("RGB")
    noise = np.random.default_rng(1).integers(0, 256, (300, 260, 3), dtype=np.uint8)
    return [photo, photo.rotate(25), photo.resize((300, 500)), Image.fromarray(noise)]


def test_detector(model, published, pictures):
    run = published("pose_detection.tflite")
    for picture in pictures:
        crop = TurnedSquare(picture.width / 2, picture.height / 2, max(picture.size))
        pixels = cut_out(picture, crop, 224, "black") * 2 - 1
        expected = run(pixels)
        with torch.inference_mode():
            boxes, logits = model.detector(pixels)
        assert boxes.numpy() == pytest.approx(expected[1, 2254, 12], abs=0.01)
        assert logits.numpy() == pytest.approx(expected[1, 2254, 1][..., 0], abs=0.01)


def test_landmarks_within_half_a_percent_of_the_crop(model, published, pictures):
    run = published("pose_landmark_full.tflite")
    for picture in pictures:
        people = find_people(model, np.asarray(picture))
        crop = people[0].crop if people else TurnedSquare(120.0, 130.0, 200.0, 0.2)
        pixels = cut_out(picture, crop, CROP_SIZE, "nearest")
        expected = run(pixels)
        with torch.inference_mode():
            raw, heat, flag, mask = model.landmarks(pixels)
        found = decode_landmarks(raw[0].numpy(), heat[0].numpy())[:BODY_POINTS]
        published_heat = expected[1, 64, 64, 39][0].transpose(2, 0, 1)
        wanted = decode_landmarks(expected[1, 195].reshape(39, 5), published_heat)[:BODY_POINTS]
        assert np.abs(found[:, :3] - wanted[:, :3]).max() < 0.005
        # In truth they are closer by far:
        assert np.abs(raw[0].numpy() - expected[1, 195].reshape(39, 5)).max() < 0.02  # pixels
        assert np.abs(found[:, 3:] - wanted[:, 3:]).max() < 1e-4
        assert float(torch.sigmoid(flag)) == pytest.approx(float(expected[1, 1][0, 0]), abs=1e-4)
        wanted_mask = torch.sigmoid(torch.from_numpy(expected[1, 256, 256, 1][0, ..., 0]))
        assert float((torch.sigmoid(mask[0]) - wanted_mask).abs().max()) < 0.01


def test_segmentation(model, published, pictures):
    run = published("selfie_segmentation.tflite")
    for picture in pictures:
        crop = TurnedSquare(picture.width / 2, picture.height / 2, max(picture.size))
        pixels = cut_out(picture, crop, CROP_SIZE, "nearest")
        with torch.inference_mode():
            found = model.segmentation(pixels)
        assert found.numpy() == pytest.approx(run(pixels)[1, 256, 256, 1][..., 0], abs=1e-3)


def test_committed_weights_are_what_the_script_makes(converter):
    networks = converter.load_networks()
    files = converter.find_files(Path(SOURCE))
    for name, (part, target, prefixes) in converter.FILES.items():
        made = converter.convert(files[name], networks[part], prefixes)
        with safe_open(converter.FOLDER / f"{target}.safetensors", "pt") as committed:
            assert set(committed.keys()) == set(made)
            assert all(torch.equal(committed.get_tensor(key), made[key]) for key in made)
