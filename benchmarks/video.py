"""Masks for video: seconds a frame, memory over length, and how steady they are.

    python benchmarks/video.py [frames ...]      default 60 600

Drawn frames (tests/moving_people.py): the sample's person over a room, noise, a cut, frames without
anybody. Prints one line a length.
"""

from __future__ import annotations

import resource
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import conftest  # noqa: E402, F401 - makes `fitting_room` mean this checkout
from fitting_room.pipelines.masking.body import Body, find_body, load_body_model  # noqa: E402
from fitting_room.pipelines.masking.embedded import embedded_mask  # noqa: E402
from fitting_room.pipelines.video.follow import Follower  # noqa: E402
from fitting_room.pipelines.video.measure import flicker, overlap  # noqa: E402
from fitting_room.pipelines.video.steady import steady_masks, watch  # noqa: E402
from moving_people import ground, laid  # noqa: E402


def draw(picture: np.ndarray, body: Body) -> np.ndarray:
    return embedded_mask(body, "upper", "long")


def moving(cutout: tuple[np.ndarray, np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Made one at a time, so that only the masks' own memory is seen."""
    rooms = ground(), ground(7)[::-1] // 2
    for index in range(count):
        frame = rooms[index >= 2 * count // 3]
        if not count // 3 <= index < count // 3 + 6:
            x, y = 30 + round(20 * np.sin(index / 6)), 90 + round(8 * np.sin(index / 3))
            frame = laid(frame, cutout, x, y)[0]
        noise = np.random.default_rng(index).normal(0, 3, frame.shape)
        yield (frame + noise).clip(0, 255).astype(np.uint8)


def main() -> None:
    model = load_body_model()
    photo = Image.open(ROOT / "samples" / "person_close.jpg").convert("RGB")
    pixels = np.asarray(photo.resize((256, round(256 * photo.height / photo.width))))
    cutout = pixels, find_body(model, pixels).mask
    for count in map(int, sys.argv[1:] or ["60", "600"]):
        tracemalloc.start()
        started, kept, same = time.perf_counter(), [], []
        before = None
        for one in steady_masks(moving(cutout, count), Follower(model), draw):
            if before is not None and before.shot == one.shot and one.mask.any():
                same.append(overlap(before.mask, one.mask))
            before = one
            if len(kept) < 20:
                kept.append(one.mask)
        seconds = (time.perf_counter() - started) / count
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        seen = watch(moving(cutout, min(count, 20)), Follower(model))
        single = [draw(s.picture, s.body) for s in seen if s.body is not None]
        print(
            f"{count} frames of 320x448: {seconds:.3f} s a frame, peak of arrays {peak:.1f} MiB, "
            f"process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB; blinks "
            f"{100 * flicker(kept):.2f} % (frame by frame {100 * flicker(single):.2f} %); "
            f"neighbours overlap {np.mean(same):.3f}"
        )


if __name__ == "__main__":
    main()
