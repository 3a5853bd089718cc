"""Milliseconds per picture of parsing, pose and DensePose at published size, on this processor.

    python benchmarks/preprocess.py [--repeats 3]

The networks have random weights: time does not depend on values, except that the number of people
found is fixed here to many (DensePose) and to two (OpenPose). "Steps around" is everything but the
network; beside it stands the same work in the published programs' formulation, whose result is
compared first. One thread, and processor time: other work on the machine counts little. Ratios can
be compared between machines, milliseconds cannot.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
WIDTH, HEIGHT = 384, 512  # of the copy that the published programs look at
PHOTO_WIDTH, PHOTO_HEIGHT = 768, 1024

Row = tuple[str, float, float, float]
"""What, milliseconds of the network, of the steps around, of those as published; 0 = not timed."""


def import_tests(name: str) -> ModuleType:
    """A module of tests/: conftest makes `import fitting_room` mean this checkout."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def published_shapes(model: str, file: str, prefix: str = "") -> dict:
    keys = json.loads((GOLDEN / model / "full_size_keys.json").read_text(encoding="utf-8"))[file]
    return {name.removeprefix(prefix): shape for name, shape in keys.items()}


def with_random_weights(network: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        else:
            tensor.fill_(float(name.endswith(("weight", "var"))))
    return network.eval().requires_grad_(False)


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


def photo(height: int, width: int) -> np.ndarray:
    small = np.random.default_rng(0).integers(
        0, 256, (height // 16, width // 16, 3), dtype=np.uint8
    )
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


# ------------------------------------------------------------------------------- parsing


def parsing(repeats: int) -> list[Row]:
    from fitting_room.pipelines.masking.schp.network import Schp

    rows = []
    for title, file in (
        ("Parsing, ATR", "exp-schp-201908301523-atr.pth"),
        ("Parsing, LIP", "exp-schp-201908261155-lip.pth"),
    ):
        network = with_random_weights(Schp(published_shapes("schp", file, "module.")))
        for height, width in ((HEIGHT, WIDTH), (PHOTO_HEIGHT, PHOTO_WIDTH)):
            times = parsing_times(network, photo(height, width), repeats)
            rows.append((f"{title}, {width}x{height}", *times))
    return rows


def parsing_times(network: Any, picture: np.ndarray, repeats: int) -> tuple[float, float, float]:
    from fitting_room.pipelines.masking.parsing import INPUT_SIZES
    from fitting_room.pipelines.masking.schp.warp import network_input, picture_labels

    size = INPUT_SIZES[network.labels]
    pixels = torch.from_numpy(network_input(picture, size))[None]
    with torch.inference_mode():
        scores = network(pixels)[0]
        network_time = milliseconds(lambda: network(pixels), repeats)

    def around() -> np.ndarray:
        network_input(picture, size)
        return picture_labels(scores, *picture.shape[:2], size)

    def published() -> np.ndarray:
        return published_parsing(picture, scores, size)

    same = (around() == published()).mean()
    assert same > 0.999, f"labels agree on {same:.4%} only"
    return network_time, milliseconds(around, repeats), milliseconds(published, repeats)


def published_parsing(picture: np.ndarray, scores: torch.Tensor, size: int) -> np.ndarray:
    """One warp to the input; each label's map enlarged and warped back; the best of all."""
    height, width = picture.shape[:2]
    middle = np.float32([(width - 1) / 2, (height - 1) / 2])
    side = np.float32(max(height, width) - 1)
    corner = np.float32([-side / 2, -side / 2])
    source = np.float32([middle, middle + [0, corner[1]], middle + corner])
    half = (size - 1) / 2
    target = np.float32([[half, half], [half, 0], [0, 0]])
    cv2.warpAffine(picture, cv2.getAffineTransform(source, target), (size, size))
    back = cv2.getAffineTransform(target, source)
    large = torch.nn.functional.interpolate(
        scores[None], size=size, mode="bilinear", align_corners=True
    )[0].numpy()
    warped = [cv2.warpAffine(label, back, (width, height)) for label in large]
    return np.stack(warped, axis=2).argmax(axis=2)


# ------------------------------------------------------------------------------- pose


def pose(repeats: int) -> list[Row]:
    from fitting_room.pipelines.masking.openpose.maps import frame_of, network_input
    from fitting_room.pipelines.masking.openpose.network import OpenPoseBody
    from fitting_room.pipelines.masking.openpose.people import find_people

    shapes = published_shapes("openpose", "body_pose_model.pth")
    network = with_random_weights(OpenPoseBody(shapes))
    picture = photo(HEIGHT, WIDTH)
    pixels = torch.from_numpy(network_input(frame_of(picture)))
    with torch.inference_mode():
        network_time = milliseconds(lambda: network(pixels), repeats)
    case = GOLDEN / "openpose" / "post_two_people" / "inputs.safetensors"
    from safetensors.numpy import load_file

    maps = load_file(case)
    fields, heat = maps["paf"][0], maps["heatmap"][0]

    def around():
        network_input(frame_of(picture))
        return find_people(fields, heat, HEIGHT, WIDTH)

    def published():
        return published_maps(picture, fields, heat)

    peaks, people = around()
    found, _ = published()
    assert len(people) == 2 and len(peaks) == found
    return [
        (f"OpenPose, {WIDTH}x{HEIGHT}", network_time, milliseconds(around, repeats),
         milliseconds(published, repeats))
    ]  # fmt: skip


def published_maps(picture: np.ndarray, fields: np.ndarray, heat: np.ndarray) -> tuple:
    """The published enlarging, smoothing and search for peaks, without the limbs: all maps twice
    through Lanczos, 18 Gaussians in double precision. Returns the number of peaks and the maps."""
    from scipy.ndimage import gaussian_filter

    height, width = picture.shape[:2]
    rows, columns = 184, int(184 / height * width)
    cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)

    def enlarged(small: np.ndarray) -> np.ndarray:
        large = cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_LANCZOS4)
        large = np.ascontiguousarray(large[:rows, :columns])
        return cv2.resize(large, (width, height), interpolation=cv2.INTER_LANCZOS4)

    whole = np.stack([enlarged(one) for one in heat], axis=2).astype(np.float64)
    along = np.stack([enlarged(one) for one in fields], axis=2).astype(np.float64)
    peaks = 0
    for joint in range(18):
        smooth = gaussian_filter(whole[:, :, joint], sigma=3)
        around = np.pad(smooth, 1)
        highest = (
            (smooth >= around[:-2, 1:-1]) & (smooth >= around[2:, 1:-1])
            & (smooth >= around[1:-1, :-2]) & (smooth >= around[1:-1, 2:]) & (smooth > 0.1)
        )  # fmt: skip
        peaks += int(highest.sum())
    return peaks, along


# ------------------------------------------------------------------------------- DensePose


def densepose(repeats: int) -> list[Row]:
    from fitting_room.pipelines.masking.densepose import (
        find_people,
        network_input,
        read_densepose,
        resampled,
        whole_box,
    )
    from fitting_room.pipelines.masking.densepose_rcnn.network import DensePoseRCNN

    network = with_random_weights(
        DensePoseRCNN(published_shapes("densepose", "model_final_162be9.pkl"))
    )
    parts = network.roi_heads.box_predictor
    for part in (
        parts["cls_score"],
        parts["bbox_pred"],
        network.proposal_generator["rpn_head"].anchor_deltas,
    ):
        part.weight.mul_(1e-6)
    parts["cls_score"].bias.copy_(torch.tensor([3.0, -3.0]))
    picture = photo(HEIGHT, WIDTH)
    pixels, _, _ = network_input(picture)
    found = find_people(network, picture, 0.5)
    people = min(len(found.boxes), 10)
    boxes = found.input_boxes[:people]

    def whole():
        return read_densepose(network, picture)

    def charts():
        with torch.inference_mode():
            return network.charts(found.features, boxes[:1], with_places=False)

    def charts_of_all():
        """The published programs: charts of everyone, with U and V, each brought to its box."""
        with torch.inference_mode():
            made = network.charts(found.features, boxes)
        return [resampled(made, i, *whole_box(found.boxes[i])[2:]) for i in range(people)]

    with torch.inference_mode():
        of_two = network.charts(found.features, boxes[:2])
        assert torch.allclose(charts().fine[0], of_two.fine[0], atol=1e-2)
        backbone = milliseconds(lambda: network.features(pixels), repeats)
    return [
        (f"DensePose, pyramid alone, {pixels.shape[3]}x{pixels.shape[2]}", backbone, 0.0, 0.0),
        ("DensePose, one person's labels, all steps", milliseconds(whole, repeats), 0.0, 0.0),
        (f"DensePose, charts (published: {people} people)", 0.0, milliseconds(charts, repeats),
         milliseconds(charts_of_all, repeats)),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    import_tests("conftest")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(f"One thread, torch {torch.__version__}, OpenCV {cv2.__version__}, "
          f"median of {arguments.repeats}, milliseconds")  # fmt: skip
    print(f"{'':52} {'network':>9} {'around':>9} {'published':>9} {'ratio':>6}")
    for measure in (parsing, pose, densepose):
        for title, network, around, published in measure(arguments.repeats):
            cells = [
                f"{value:9.0f}" if value else " " * 9 for value in (network, around, published)
            ]
            ratio = f"{published / around:6.1f}" if published and around else ""
            print(f"{title:52} {' '.join(cells)} {ratio}", flush=True)


if __name__ == "__main__":
    main()
