"""Every person with every garment of a folder, by the preview, on one contact sheet: for whoever
changes the preview next.

    python scripts/preview_sheet.py FOLDER                  FOLDER/person/* with FOLDER/garment/*
    python scripts/preview_sheet.py FOLDER --side 512 -o sheet.jpg --people model_1 00121

Look at the sheets of before and after a change. Under each picture stands its fit report, or the
sentence it was refused with. People are rows, garments columns.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from runpy import run_path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
FOOT = 44  # pixels of text below each picture
GAP = 6


def pictures_of(folder: Path, parts: list[str], side: int) -> dict[str, np.ndarray]:
    """uint8 (height, width, 3) by name, at most `side` pixels long; only names with one of the
    parts in them, if any are given."""
    from fitting_room.commands.pictures import photo

    found = {}
    for path in sorted(folder.iterdir()):
        named = not parts or any(part in path.name for part in parts)
        if path.suffix.lower() not in ENDINGS or path.name.startswith(".") or not named:
            continue
        picture = Image.fromarray(photo(str(path)))
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        found[path.stem] = np.asarray(picture)
    return found


def tried_on(person: np.ndarray, garment: np.ndarray) -> tuple[np.ndarray, str]:
    """The preview and its fit report; the plain photo where it was refused."""
    from fitting_room.pipelines.errors import InputError
    from fitting_room.pipelines.fit import FitReport
    from fitting_room.services.backends.preview import PreviewBackend
    from fitting_room.services.request import TryOnRequest

    try:
        result = PreviewBackend().run(TryOnRequest(person, (garment,)))
    except InputError as error:
        return person // 2 + 110, str(FitReport("refused", (str(error),)))
    return result.picture, f"{result.category}, {result.fit}"


def tile(picture: np.ndarray, text: str, width: int, height: int) -> Image.Image:
    """A picture over its text."""
    canvas = Image.new("RGB", (width, height + FOOT), "white")
    shown = Image.fromarray(picture)
    shown.thumbnail((width, height), Image.Resampling.LANCZOS)
    canvas.paste(shown, ((width - shown.width) // 2, height - shown.height))
    lines = textwrap.wrap(text, width // 6)[:3]
    font = ImageFont.load_default(11)
    ImageDraw.Draw(canvas).multiline_text((4, height + 2), "\n".join(lines), "black", font)
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="holds the folders person and garment")
    parser.add_argument("-o", "--output", type=Path, default=Path("preview_sheet.jpg"))
    parser.add_argument("--side", type=int, default=512, help="longer side of the photos worked on")
    parser.add_argument("--shown", type=int, default=300, help="height of a picture on the sheet")
    parser.add_argument("--people", nargs="*", default=[], help="parts of names")
    parser.add_argument("--garments", nargs="*", default=[], help="parts of names")
    options = parser.parse_args()
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    people = pictures_of(options.folder / "person", options.people, options.side)
    garments = pictures_of(options.folder / "garment", options.garments, options.side)
    height, width = options.shown, round(options.shown * 0.8)
    step = (width + GAP, height + FOOT + GAP)
    size = (step[0] * (len(garments) + 1), step[1] * (len(people) + 1))
    sheet = Image.new("RGB", size, "white")
    for column, (name, garment) in enumerate(garments.items(), 1):
        sheet.paste(tile(garment, name, width, height), (column * step[0], 0))
    for row, (name, person) in enumerate(people.items(), 1):
        sheet.paste(tile(person, name, width, height), (0, row * step[1]))
        for column, garment in enumerate(garments.values(), 1):
            made = tile(*tried_on(person, garment), width, height)
            sheet.paste(made, (column * step[0], row * step[1]))
    sheet.save(options.output, quality=90)


if __name__ == "__main__":
    main()
