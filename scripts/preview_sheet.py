"""Every person with every garment of a folder on one contact sheet, with the fit reports: for
whoever changes the preview, to look at before and after.

    python scripts/preview_sheet.py FOLDER [-o sheet.jpg] [--height 384] [--people 05 08]

FOLDER/person and FOLDER/garment hold the photos. Beside the sheet a text of the same name lists
every pair's level and reasons.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from fitting_room.pipelines.fit import FitReport

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
TEXT = 26  # pixels below each picture
COLOURS = {"ok": (20, 110, 40), "doubtful": (170, 100, 0), "refused": (180, 20, 20)}


@dataclass(frozen=True)
class Cell:
    """One place of the sheet: a picture, None where there is none, and what is said about it."""

    picture: np.ndarray | None
    fit: FitReport
    title: str = ""


def files(folder: Path, names: Sequence[str]) -> list[Path]:
    """The photos of a folder, of these names (parts of them) only where any are given."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return [path for path in found if not names or any(name in path.name for name in names)]


def photo(path: Path, height: int) -> np.ndarray:
    """uint8 (h, w, 3) RGB, at most so high."""
    from fitting_room.pipelines.images import read_picture

    picture = read_picture(str(path)).convert("RGB")
    picture.thumbnail((4 * height, height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def sheet_rows(
    folder: Path, height: int, people: Sequence[str], garments: Sequence[str]
) -> list[list[Cell]]:
    """One row a garment: itself, then on every person; the first row is the people."""
    from fitting_room.pipelines.errors import InputError
    from fitting_room.pipelines.fit import FitReport
    from fitting_room.pipelines.garment.read import read_garment
    from fitting_room.pipelines.masking.body import find_body, load_body_model
    from fitting_room.pipelines.preview.pipeline import PreviewPipeline

    model = load_body_model()
    head, fitters = [Cell(None, FitReport())], []
    for path in files(folder / "person", people):
        picture = photo(path, height)
        try:
            fitters.append((picture, find_body(model, picture), PreviewPipeline()))
            head.append(Cell(picture, FitReport(), path.stem))
        except InputError as error:
            print(f"{path.name}: {error}")
    rows = [head]
    for path in files(folder / "garment", garments):
        product = photo(path, max(height, 768))
        try:
            garment = read_garment(product)
        except InputError as error:
            rows.append([Cell(product, FitReport("refused", (str(error),)), path.stem)])
            continue
        title = f"{path.stem} {garment.category}, {garment.sleeves} {garment.reach:.2f}"
        row = [Cell(cut_out(garment.picture, garment.alpha), garment.fit, title)]
        for picture, body, fit_on in fitters:
            try:
                made = fit_on(picture, body, garment)
                row.append(Cell(made.picture, made.fit))
            except InputError as error:
                row.append(Cell(None, FitReport("refused", (str(error),))))
        rows.append(row)
        print(path.name, *(cell.fit.level for cell in row), flush=True)
    return rows


def cut_out(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """On a pale green that no garment has."""
    green = np.array([214, 240, 214])
    return (picture * alpha[..., None] + green * (1 - alpha[..., None])).astype(np.uint8)


def draw(rows: Sequence[Sequence[Cell]], height: int) -> Image.Image:
    """The sheet: every picture so high, its level and first reason below."""
    widest = max(
        round(cell.picture.shape[1] * height / cell.picture.shape[0])
        for row in rows for cell in row if cell.picture is not None
    )  # fmt: skip
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (columns * widest, len(rows) * (height + TEXT)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    letters = max(8, widest // 6)
    for down, row in enumerate(rows):
        for across, cell in enumerate(row):
            left, top = across * widest, down * (height + TEXT)
            if cell.picture is not None:
                picture = Image.fromarray(cell.picture)
                picture.thumbnail((widest, height), Image.Resampling.LANCZOS)
                sheet.paste(picture, (left, top))
            pen.text((left + 2, top + height), cell.title[:letters], fill="black", font=font)
            said = "" if cell.fit.level == "ok" else str(cell.fit)
            place = (left + 2, top + height + TEXT // 2)
            pen.text(place, said[:letters], fill=COLOURS[cell.fit.level], font=font)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="holds the folders person and garment")
    parser.add_argument("-o", "--output", type=Path, default=Path("preview_sheet.jpg"))
    parser.add_argument("--height", type=int, default=384, help="of each photo, pixels (384)")
    parser.add_argument("--people", nargs="*", default=(), help="only these (parts of file names)")
    parser.add_argument("--garments", nargs="*", default=(), help="only these")
    options = parser.parse_args()
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    rows = sheet_rows(options.folder, options.height, options.people, options.garments)
    draw(rows, options.height).save(options.output, quality=90)
    names = [cell.title for cell in rows[0][1:]]
    lines = []
    for row in rows[1:]:
        lines.append(f"{row[0].title}: {row[0].fit}")
        lines += [f"    {name}: {cell.fit}" for name, cell in zip(names, row[1:], strict=False)]
    options.output.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    levels = Counter(cell.fit.level for row in rows[1:] for cell in row[1:])
    refused = sum(len(row) == 1 for row in rows[1:])
    print(f"{options.output}: {dict(levels)}, {refused} garments refused")


if __name__ == "__main__":
    main()
