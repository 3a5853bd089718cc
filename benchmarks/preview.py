"""Times the preview's stages and its memory, as ratios to decoding and resizing the same photo.

    python benchmarks/preview.py                            the shipped portrait, enlarged
    python benchmarks/preview.py --person P.jpg --garment G.jpg --repeats 5

Ratios can be compared between machines, milliseconds cannot; they are of processor time on one
thread, which other work on the machine hardly changes. Each stage is run alone on what the
stages before it gave; the best of the repeats counts. "whole" is everything a person waits for,
warm; "first use" includes loading the libraries and networks.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
SIDE = 1024  # longer side of the photo: 768x1024 for one of 3:4
Result = TypeVar("Result")


def import_checkout() -> None:
    """Makes `import fitting_room` mean this checkout, also where it is not installed."""
    spec = importlib.util.spec_from_file_location("conftest", ROOT / "tests" / "conftest.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def best(call: Callable[[], Result], repeats: int) -> tuple[float, Result]:
    """Processor milliseconds of the fastest run, and its result."""
    times, result = [], call()
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        times.append((time.process_time() - start) * 1000)
    return min(times), result


def stages(person_file: Path, garment_file: Path, repeats: int) -> dict[str, float]:
    """Milliseconds by stage."""
    began = time.process_time()
    import numpy as np
    from fitting_room.pipelines.masking import body as bodies
    from fitting_room.pipelines.preview import drawing, fill, layers, light, place, scene
    from fitting_room.pipelines.preview.garment import read_garment
    from fitting_room.pipelines.preview.matting import cut_out
    from fitting_room.pipelines.preview.pipeline import PreviewPipeline
    from PIL import Image

    picture = Image.open(person_file).convert("RGB")
    scale = SIDE / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    encoded = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(encoded, "JPEG", quality=92)

    def decode() -> np.ndarray:
        image = Image.open(io.BytesIO(encoded.getvalue())).convert("RGB")
        image.resize((size[0] // 2, size[1] // 2), Image.Resampling.LANCZOS)
        return np.asarray(image)

    photo, product = decode(), np.asarray(Image.open(garment_file).convert("RGB"))
    model = bodies.load_body_model()

    def everything() -> object:
        found = bodies.find_body(model, photo)
        return PreviewPipeline()(photo, found, read_garment(product, "upper"))

    everything()
    times = {"first use": (time.process_time() - began) * 1000}
    times["decode and resize"], _ = best(decode, repeats)
    times["detector"], _ = best(lambda: bodies.find_people(model, photo), repeats)
    found, body = best(lambda: bodies.find_body(model, photo), repeats)
    times["landmarks and segmentation"] = found - times["detector"]
    times["cut-out"], _ = best(lambda: cut_out(product), repeats)
    reading, garment = best(lambda: read_garment(product, "upper"), repeats)
    times["garment's landmarks"] = reading - times["cut-out"]
    times["scene"], here = best(lambda: scene.read_scene(photo, body), repeats)
    times["warp"], pieces = best(lambda: place.place_garment(garment, here), repeats)
    times["front"], _ = best(lambda: layers.find_front(here, "upper"), repeats)
    front = layers.find_front(here, "upper")
    old = layers.find_old(here, "upper", front)
    hidden = layers.covered_limbs(here, garment)
    times["old garment off"], _ = best(
        lambda: fill.undress(
            here.small, here.figure, here.shape, here.regions, here.frames, "upper", old, hidden
        ),
        repeats,
    )
    times["lighting"], _ = best(
        lambda: light.fold_shading(here.small, here.figure, here.regions), repeats
    )
    nothing = np.zeros(here.photo.shape[:2], np.float32)
    even = np.ones(here.small.shape[:2], np.float32)

    def draw() -> None:
        canvas = drawing.Canvas(here.photo)
        for piece in pieces:
            drawing.lay_on(here, canvas, piece, nothing, even, nothing)

    times["drawing"], _ = best(draw, repeats)
    fitted, _ = best(lambda: PreviewPipeline()(photo, body, garment), repeats)
    parts = ("scene", "warp", "front", "old garment off", "lighting", "drawing")
    times["composite"] = fitted - sum(times[part] for part in parts)
    times["whole"], _ = best(everything, repeats)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--person", type=Path, default=ROOT / "tests" / "data" / "astronaut.png")
    parser.add_argument("--garment", type=Path, default=ROOT / "samples" / "tshirt.png")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    for file in (options.person, options.garment):
        if not file.is_file():
            sys.exit(f"There is no picture {file}.")
    import_checkout()
    import torch

    torch.set_num_threads(1)
    times = stages(options.person, options.garment, options.repeats)
    unit = times["decode and resize"]
    for name, value in times.items():
        print(f"{name:28} {value:8.0f} ms  {value / unit:7.1f} x decode and resize")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory':28} {peak:8.0f} MB")


if __name__ == "__main__":
    main()
