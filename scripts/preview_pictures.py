"""Draws what the README and the template browser show of the preview: run it when the preview
changes.

    python scripts/preview_pictures.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from runpy import run_path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / "workflows"
GAP = 8  # pixels between pictures


def sample(name: str) -> Image.Image:
    return Image.open(ROOT / "samples" / name).convert("RGB")


def dressed(person: str, garment: str) -> Image.Image:
    from fitting_room.services.backends.preview import PreviewBackend
    from fitting_room.services.request import TryOnRequest

    photo, product = (np.asarray(sample(name)) for name in (person, garment))
    return Image.fromarray(PreviewBackend().run(TryOnRequest(photo, (product,))).picture)


def row(pictures: Sequence[Image.Image], height: int) -> Image.Image:
    scaled = [p.resize((round(p.width * height / p.height), height)) for p in pictures]
    width = sum(picture.width for picture in scaled) + GAP * (len(scaled) - 1)
    canvas, left = Image.new("RGB", (width, height), "white"), 0
    for picture in scaled:
        canvas.paste(picture, (left, 0))
        left += picture.width + GAP
    return canvas


def labelled(picture: Image.Image, text: str) -> Image.Image:
    """With a line of text at the foot."""
    canvas = Image.new("RGB", (picture.width, picture.height + 48), (32, 34, 40))
    canvas.paste(picture)
    place = (picture.width // 2, picture.height + 24)
    font = ImageFont.load_default(24)
    ImageDraw.Draw(canvas).text(place, text, fill=(240, 240, 240), font=font, anchor="mm")
    return canvas


def main() -> None:
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    person, shirt, stripes = (sample(n) for n in ("person.jpg", "tshirt.png", "stripes.png"))
    in_shirt, in_stripes = (dressed("person.jpg", f"{n}.png") for n in ("tshirt", "stripes"))
    people = [dressed(f"person{n}.jpg", "stripes.png") for n in ("_mirrored", "_close")]
    made = {
        ROOT / "docs/images/before_after.jpg": row(
            [person, shirt, in_shirt, stripes, in_stripes], 420
        ),
        WORKFLOWS / "preview_try_on.jpg": row([person, in_shirt], 256),
        WORKFLOWS / "preview_batch_of_people.jpg": row([in_stripes, *people], 180),
        WORKFLOWS / "preview_then_finish.jpg": labelled(
            row([shirt, in_shirt], 280), "Preview first, then finish"
        ),
        WORKFLOWS / "guarded_try_on.jpg": labelled(row([person, in_shirt], 256), "Guarded try-on"),
        WORKFLOWS / "fashn_vton.jpg": labelled(row([person, shirt], 300), "FASHN VTON"),
        WORKFLOWS / "fashn_vton_worn.jpg": labelled(
            row([person, sample("person_close.jpg")], 300), "FASHN VTON, worn garment"
        ),
    }
    for path, picture in made.items():
        picture.save(path, quality=88)


if __name__ == "__main__":
    main()
