"""Times the safety filter and the marks, beside the embedded preview that they guard.

    python benchmarks/safety.py --person PHOTO --garment PHOTO [--threads 2] [--repeats 5]

Without photos it takes the shipped samples. Prints the best of the repeats in milliseconds and the
share of a preview; both are warm, as in a server's second run. `added` is what a guarded
preview costs more: both inputs and the result checked at standard, the result saved with all marks
instead of plain.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


SAMPLES = {"person": "person.jpg", "garment": "tshirt.png"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--person", type=Path)
    parser.add_argument("--garment", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    from fitting_room.pipelines.images import read_picture

    person, garment = (
        np.array(read_picture(given or ROOT / "samples" / SAMPLES[name]).convert("RGB"))
        for name, given in (("person", arguments.person), ("garment", arguments.garment))
    )
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        measure(person, garment, Path(folder), arguments.repeats)


def measure(person: np.ndarray, garment: np.ndarray, folder: Path, repeats: int) -> None:
    from fitting_room.pipelines.garment.read import read_garment
    from fitting_room.pipelines.marks.provenance import GENERATED, UNMARKED, save_picture
    from fitting_room.pipelines.marks.visible_label import VisibleLabel
    from fitting_room.pipelines.masking.body import find_body, load_body_model
    from fitting_room.pipelines.preview.pipeline import PreviewPipeline
    from fitting_room.pipelines.safety.filter import check
    from fitting_room.pipelines.safety.models import load_safety_model

    body_model, filter_model = load_body_model(), load_safety_model()

    def preview() -> np.ndarray:
        body = find_body(body_model, person)
        return PreviewPipeline()(person, body, read_garment(garment)).picture

    result = preview()

    def checked(level: str) -> Callable[[], object]:
        def work() -> None:
            for kind, picture in (("person", person), ("garment", garment), ("result", result)):
                check([picture], kind, level=level, model=filter_model)

        return work

    def saved(kind: str, **options: object) -> Callable[[], object]:
        return lambda: save_picture(folder / "result", result, format=kind, **options)

    whole = milliseconds(preview, repeats)
    rows = {
        "preview": whole,
        "load the filter": milliseconds(load_safety_model, repeats),
        "check one picture, standard": milliseconds(
            lambda: check([result], "result", model=filter_model), repeats
        ),
        "check three pictures, standard": milliseconds(checked("standard"), repeats),
        "check three pictures, strict": milliseconds(checked("strict"), repeats),
    }
    for kind in ("png", "jpeg", "webp"):
        rows[f"save {kind}, plain"] = milliseconds(saved(kind, marks=UNMARKED), repeats)
        rows[f"save {kind}, marks and label"] = milliseconds(
            saved(kind, marks=GENERATED, label=VisibleLabel()), repeats
        )
    rows["added"] = (
        rows["check three pictures, standard"]
        + rows["save png, marks and label"]
        - rows["save png, plain"]
    )
    print(f"result {result.shape[1]}x{result.shape[0]}, {torch.get_num_threads()} threads")
    for name, value in rows.items():
        print(f"{name:34}{value:9.1f} ms   x{value / whole:.3f}")


if __name__ == "__main__":
    main()
