"""Records the preview anew and shows before and after: run it when the preview was changed.

    python scripts/record_preview.py             all cases in tests/golden/preview
    python scripts/record_preview.py NAME…       some of them
    python scripts/record_preview.py --look      shows them, and records nothing

Writes output/preview_before_after.jpg: a row a case, person, garment, before, after, and where both
differ. Look at it before you commit what was recorded.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
CASES = ROOT / "tests" / "golden" / "preview"
SHEET = ROOT / "output" / "preview_before_after.jpg"
SIDE = 256
GAP = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--look", action="store_true", help="record nothing")
    options = parser.parse_args()
    from conftest import import_checkout

    import_checkout()
    from goldens import preview

    there = sorted(path.parent.name for path in CASES.glob("*/case.json"))
    if unknown := set(options.names) - set(there):
        parser.error(f"there is no case {', '.join(unknown)}; there are {', '.join(there)}")
    rows = []
    for name in options.names or there:
        folder = CASES / name
        case = json.loads((folder / "case.json").read_text("utf-8"))
        made = dict(preview.run(folder, case))
        before = {stage: _recorded(folder, stage) for stage in made}
        print(f"{name}: {_words(before['picture'], made['picture'])}", flush=True)
        inputs = [
            preview.picture(CASES / kind / f"{case['settings'][one]}.png")
            for kind, one in (("people", "person"), ("garments", "garment"))
        ]
        rows.append(_row([*inputs, before["picture"], made["picture"]]))
        for stage, picture in made.items() if not options.look else ():
            (folder / "expected").mkdir(exist_ok=True)
            Image.fromarray(picture).save(folder / "expected" / f"{stage}.png", optimize=True)
    SHEET.parent.mkdir(exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(SHEET, quality=92)
    print(f"{SHEET}: person, garment, before, after, difference")
    return 0


def _recorded(folder: Path, stage: str) -> np.ndarray | None:
    from goldens import preview

    path = folder / "expected" / f"{stage}.png"
    return preview.picture(path) if path.is_file() else None


def _words(before: np.ndarray | None, after: np.ndarray) -> str:
    if before is None:
        return "new"
    if before.shape != after.shape:
        return f"{before.shape[1]}x{before.shape[0]} before, {after.shape[1]}x{after.shape[0]} now"
    difference = np.abs(before.astype(int) - after).max(-1)
    return f"up to {difference.max()} levels, {(difference > 2).mean():.2%} of the pixels over 2"


def _row(pictures: list[np.ndarray | None]) -> np.ndarray:
    """Pictures side by side, the last two also as their difference, eight times as strong."""
    before, after = pictures[-2:]
    difference = None
    if before is not None and after is not None and before.shape == after.shape:
        strong = 8 * np.abs(before.astype(int) - after)
        difference = strong.clip(0, 255).astype(np.uint8)
    cells = []
    for picture in (*pictures, difference):
        cell = Image.new("RGB", (SIDE + GAP, SIDE + GAP), "white")
        if picture is not None:
            small = Image.fromarray(picture)
            small.thumbnail((SIDE, SIDE))  # only to be looked at
            cell.paste(small)
        cells.append(np.asarray(cell))
    return np.concatenate(cells, axis=1)


if __name__ == "__main__":
    sys.exit(main())
