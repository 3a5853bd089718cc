"""Times the preview's stages and its memory, as ratios to decoding and resizing the same photo.

    python benchmarks/preview.py                            the shipped portrait, enlarged
    python benchmarks/preview.py --person P.jpg --garment G.jpg --repeats 5

Ratios can be compared between machines, milliseconds cannot; they are of processor time, which
other work on the machine hardly changes; beside it is the time that passes. Each stage is run alone
on what the stages before it gave; the best of the repeats counts. "whole" is everything a person
waits for, warm; "first use" includes loading libraries (but torch, which ComfyUI has) and networks.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from fitting_room.pipelines.garment.read import Garment
    from fitting_room.pipelines.masking.body import Body

ROOT = Path(__file__).resolve().parent.parent
SIDE = 1024  # longer side of the photo: 768x1024 for one of 3:4
Result = TypeVar("Result")
Time = np.ndarray  # milliseconds (2,): of the processor, and passed


def now() -> Time:
    return np.array([time.process_time(), time.perf_counter()]) * 1000


def best(call: Callable[[], Result], repeats: int) -> tuple[Time, Result]:
    """Time of the fastest run, and its result."""
    times, result = [], call()
    for _ in range(repeats):
        start = now()
        result = call()
        times.append(now() - start)
    return np.min(times, axis=0), result


def load(
    person_file: Path, garment_file: Path, side: int
) -> tuple[Callable[[], np.ndarray], np.ndarray]:
    """How the photo is decoded, with its longer side enlarged or reduced to `side`, and the product
    picture."""
    picture = Image.open(person_file).convert("RGB")
    scale = side / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    encoded = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(encoded, "JPEG", quality=92)

    def decode() -> np.ndarray:
        image = Image.open(io.BytesIO(encoded.getvalue())).convert("RGB")
        image.resize((size[0] // 2, size[1] // 2), Image.Resampling.LANCZOS)
        return np.asarray(image)

    return decode, np.asarray(Image.open(garment_file).convert("RGB"))


def stages(person_file: Path, garment_file: Path, side: int, repeats: int) -> dict[str, Time]:
    """Time by stage."""
    decode, product = load(person_file, garment_file, side)
    photo = decode()
    began = now()
    from fitting_room.pipelines.garment.read import read_garment
    from fitting_room.pipelines.masking import body as bodies
    from fitting_room.pipelines.preview.pipeline import PreviewPipeline
    from fitting_room.services.backends.preview import PreviewBackend
    from fitting_room.services.request import TryOnRequest

    def everything() -> object:  # person and garment side by side
        return PreviewBackend().run(TryOnRequest(photo, (product,), category="upper"))

    everything()
    times = {"first use": now() - began}
    times["decode and resize"], _ = best(decode, repeats)
    model = bodies.load_body_model()
    times["detector"], _ = best(lambda: bodies.find_people(model, photo), repeats)
    found, body = best(lambda: bodies.find_body(model, photo), repeats)
    times["landmarks and segmentation"] = found - times["detector"]
    times["garment"], garment = best(lambda: read_garment(product, "upper"), repeats)
    times |= fitting_stages(photo, body, garment, repeats)
    times["fit, all of it"], _ = best(lambda: PreviewPipeline()(photo, body, garment), repeats)
    again = PreviewPipeline()
    times["fit of the next garment"], _ = best(lambda: again(photo, body, garment), repeats)
    times["whole"], _ = best(everything, repeats)
    return times


def fitting_stages(
    photo: np.ndarray, body: Body, garment: Garment, repeats: int
) -> dict[str, Time]:
    """Time by stage of the pipeline itself."""
    from fitting_room.pipelines.preview import pipeline, place, scene, undressed

    times = {}
    times["scene"], here = best(lambda: scene.read_scene(photo, body), repeats)
    times["person undressed"], person = best(lambda: undressed.read_undressed(here), repeats)
    times["warp"], pieces = best(lambda: place.place_garment(garment, here), repeats)
    times["plan"], planned = best(lambda: pipeline.plan(person, garment, pieces, 1.0), repeats)
    times["painting"], _ = best(
        lambda: pipeline.paint(photo, person, planned.maps, pieces, 1.0, None), repeats
    )
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--person", type=Path, default=ROOT / "tests" / "data" / "astronaut.png")
    parser.add_argument("--garment", type=Path, default=ROOT / "samples" / "tshirt.png")
    parser.add_argument("--side", type=int, default=SIDE, help="longer side of the photo (1024)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    options = parser.parse_args()
    for file in (options.person, options.garment):
        if not file.is_file():
            sys.exit(f"There is no picture {file}.")
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    import torch

    torch.set_num_threads(options.threads)
    times = stages(options.person, options.garment, options.side, options.repeats)
    unit = times["decode and resize"]
    print(f"{'':28} {'processor':>12} {'ratio':>8} {'passed':>12}")
    for name, (processor, passed) in times.items():
        print(f"{name:28} {processor:9.0f} ms {processor / unit[0]:8.1f} {passed:9.0f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory':28} {peak:8.0f} MB")


if __name__ == "__main__":
    main()
