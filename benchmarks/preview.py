"""Times the preview's stages and its memory, as ratios to decoding and resizing the two photos.

    python benchmarks/preview.py                            the shipped portrait, enlarged
    python benchmarks/preview.py --person P.jpg --garment G.jpg --repeats 5

Ratios can be compared between machines, milliseconds cannot; they are of processor time, which
other work on the machine hardly changes; beside it is the time that passes. Their unit is one time
decoding the photos of person and garment, JPEG of the size given, and halving both. Each stage is
run alone on what the stages before it gave; the best of the repeats counts. "whole" is everything a
person waits for, warm; "first use" includes loading libraries and networks. torch is no part of it.
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


def encoded(file: Path, side: int) -> bytes:
    """A photo as JPEG, its longer side enlarged or reduced to `side`; broader than 3:4 it is cut to
    that."""
    picture = Image.open(file).convert("RGB")
    aside = max(0.0, (picture.width - 0.75 * picture.height) / 2)
    box = (aside, 0.0, picture.width - aside, float(picture.height))
    scale = side / max(picture.width - 2 * aside, picture.height)
    size = (round((picture.width - 2 * aside) * scale), round(picture.height * scale))
    written = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS, box).save(written, "JPEG", quality=92)
    return written.getvalue()


def decoded(photo: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))


def decode_and_halve(photos: list[bytes]) -> None:
    """What the stages are compared with."""
    for photo in photos:
        image = Image.open(io.BytesIO(photo)).convert("RGB")
        image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def stages(person_file: Path, garment_file: Path, side: int, repeats: int) -> dict[str, Time]:
    """Time by stage."""
    photos = [encoded(file, side) for file in (person_file, garment_file)]
    photo, product = (decoded(each) for each in photos)
    began = now()
    from fitting_room.pipelines.garment.read import read_garment
    from fitting_room.pipelines.masking import body as bodies
    from fitting_room.pipelines.preview.pipeline import PreviewPipeline
    from fitting_room.pipelines.threads import single_thread
    from fitting_room.services.backends.preview import PreviewBackend
    from fitting_room.services.request import TryOnRequest

    def everything() -> object:  # person and garment side by side
        return PreviewBackend().run(TryOnRequest(photo, (product,), category="upper"))

    everything()
    times = {"first use": now() - began}
    if "torch" in sys.modules:
        sys.exit("The preview has imported torch.")
    times["decode and resize both"], _ = best(lambda: decode_and_halve(photos), 3 * repeats)
    with single_thread():
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


def peak_memory() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--person", type=Path, default=ROOT / "tests" / "data" / "astronaut.png")
    parser.add_argument("--garment", type=Path, default=ROOT / "samples" / "tshirt.png")
    parser.add_argument("--side", type=int, default=SIDE, help="longer side of the photo (1024)")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    for file in (options.person, options.garment):
        if not file.is_file():
            sys.exit(f"There is no picture {file}.")
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    times = stages(options.person, options.garment, options.side, options.repeats)
    unit = times["decode and resize both"]
    print(f"{'':28} {'processor':>12} {'ratio':>8} {'passed':>12}")
    for name, (processor, passed) in times.items():
        print(f"{name:28} {processor:9.0f} ms {processor / unit[0]:8.1f} {passed:9.0f} ms")
    print(f"{'peak memory':28} {peak_memory():9.0f} MB")


if __name__ == "__main__":
    main()
