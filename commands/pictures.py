"""What the commands share: pictures from files, masks from files, output and progress."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..pipelines.errors import InputError
from ..pipelines.images import read_picture


def photo(path: str) -> np.ndarray:
    """uint8 (height, width, 3) RGB; transparency is laid on white."""
    from PIL import Image

    picture = read_picture(path)
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    return np.asarray(picture)


def alpha(path: str) -> np.ndarray | None:
    """float32 (height, width) of a picture's own transparency, None where it has none."""
    picture = read_picture(path)
    if picture.mode != "RGBA":
        return None
    return np.asarray(picture)[..., 3].astype(np.float32) / 255


def mask(path: str | None, like: np.ndarray) -> np.ndarray | None:
    """float32 (height, width) from a picture file, white = 1; of the photo's size or an error."""
    if path is None:
        return None
    found = np.asarray(read_picture(path).convert("L"), dtype=np.float32) / 255
    if found.shape != like.shape[:2]:
        raise InputError(
            f"The mask {path} is {found.shape[1]}x{found.shape[0]} pixels and its photo "
            f"{like.shape[1]}x{like.shape[0]}. Draw it on the photo itself."
        )
    return found


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("-o", "--output", default=default, help=f"picture to write ({default})")


def add_person(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("person", help="photo of a person")
    parser.add_argument(
        "--index", type=int, default=0, help="which person: 0 is the largest in the photo"
    )


def tell(stage: str, share: float = 0.0) -> None:
    """Progress goes to standard error, so that --json alone stands on standard output."""
    print(f"{stage} …", file=sys.stderr, flush=True)


@contextmanager
def bar() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error, as a backend tells it: what is done, and which share."""
    from tqdm import tqdm

    layout = "{desc:24} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, bar_format=layout, leave=False) as shown:

        def progress(stage: str, share: float = 0.0) -> None:
            shown.set_description_str(stage, refresh=False)
            shown.update(max(share - shown.n, 0.0))
            shown.refresh()

        yield progress


def report(options: argparse.Namespace, facts: dict[str, Any], sentence: str) -> None:
    """One line for a person, or the facts as JSON."""
    print(json.dumps(facts, ensure_ascii=False) if options.json else sentence)


def absolute(path: str) -> str:
    return str(Path(path).resolve())
