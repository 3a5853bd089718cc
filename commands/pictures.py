"""What the commands share: pictures from files, masks from files, output and progress."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..pipelines.errors import UNREADABLE, InputError, readable

DOUBTFUL = 6
"""Exit code: the picture is written, and its fit is a guess."""


def photo(path: str) -> np.ndarray:
    """uint8 (height, width, 3) RGB; transparency is laid on white."""
    from ..pipelines.images import read_picture
    from ..pipelines.picture_files import on_white

    return np.asarray(on_white(read_picture(path)))


def alpha(path: str) -> np.ndarray | None:
    """float32 (height, width) of a picture's own transparency, None where it has none."""
    from ..pipelines.images import read_picture

    picture = read_picture(path)
    if picture.mode != "RGBA":
        return None
    return np.asarray(picture)[..., 3].astype(np.float32) / 255


def mask(path: str | None, like: np.ndarray) -> np.ndarray | None:
    """float32 (height, width) from a picture file, white = 1; of the photo's size or an error."""
    from ..pipelines.images import read_mask

    return None if path is None else read_mask(path, like)


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("-o", "--output", default=default, help=f"picture to write ({default})")


def expect_outputs(
    outputs: Sequence[str | None], inputs: Sequence[str | None], transparent: bool = False
) -> None:
    """Raises InputError, before anything is computed, for an output that is one of the inputs or
    another output, and for one whose ending names no format that holds it.

    transparent: the first output is cut out. None stands for a file that was not asked for.
    """
    from ..pipelines.images import expect_writable

    named = [path for path in outputs if path is not None]
    for place, output in enumerate(named):
        expect_writable(output, transparent and place == 0)
        for given in inputs:
            if given is not None and same_file(output, given):
                raise InputError(
                    f"{output} is the picture that is read, and writing there would destroy it. "
                    "Name another file with -o."
                )
        if any(same_file(output, other) for other in named[:place]):
            raise InputError(f"{output} was named for two pictures. Name another for one of them.")


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file, by whatever links and spellings."""
    with suppress(OSError, ValueError):
        return os.path.samefile(one, other)
    return os.path.abspath(one) == os.path.abspath(other)


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
    print(as_json(facts) if options.json else readable(sentence))


def as_json(facts: dict[str, Any]) -> str:
    """On one line, in letters that can be read, but for those that a terminal would obey."""
    text = json.dumps(facts, ensure_ascii=False)
    return json.dumps(facts) if UNREADABLE.search(text) else text


def absolute(path: str) -> str:
    return str(Path(path).resolve())
