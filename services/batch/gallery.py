"""A page to look through a batch and pick: one HTML file that works from its folder, no server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...pipelines.errors import InputError
from .jobs import DONE, FAILED, LOST, REFUSED, Job, Jobs
from .listing import read
from .store import Store

PAGE = Path(__file__).with_name("gallery.html")
NAME = "gallery.html"
THUMBNAILS = "thumbnails"
SIDE = 480
"""Pixels of a thumbnail's longer side."""


def write_gallery(jobs: Jobs, store: Store) -> str:
    """Writes the page and its thumbnails beside the results; the page's name.

    Thumbnails that are there are not made again.
    """
    items = list(_items(jobs.all(DONE, FAILED, REFUSED, LOST), store))
    told = json.dumps(items, ensure_ascii=False).replace("<", "\\u003c")
    page = PAGE.read_text("utf-8").replace("__ITEMS__", told)
    store.put(NAME, page.encode("utf-8"))
    return NAME


def _items(jobs: list[Job], store: Store) -> Iterator[dict[str, Any]]:
    before: dict[str, str] = {}
    for job in jobs:
        fit = job.told.get("fit") or {}
        doubtful = bool(fit) and fit.get("level", "ok") != "ok"
        item = {
            "name": job.name,
            "person": Path(job.person).stem,
            "garment": Path(job.garment).stem,
            "personPath": job.person,
            "garmentPath": job.garment,
            "category": job.told.get("category") or job.settings.get("category", "auto"),
            "seed": job.settings.get("seed", 0),
            "doubtful": doubtful,
            "message": job.message or "; ".join(fit.get("reasons", ()) if doubtful else ()),
            "result": "",
        }
        if job.state == DONE and store.has(job.result):
            if job.person not in before:
                before[job.person] = _person(job, len(before), store)
            item |= {
                "result": job.result,
                "thumbnail": _thumbnail(job.result, job.changed, store),
                "before": before[job.person],
            }
        yield item


def _thumbnail(result: str, changed: Any, store: Store) -> str:
    name = f"{THUMBNAILS}/{Path(result).stem}.{changed:%Y%m%d%H%M%S}.jpg"
    if not store.has(name):
        store.put(name, _small(io.BytesIO(store.get(result))))
    return name


def _person(job: Job, number: int, store: Store) -> str:
    """The photo as it was dressed, small; "" where the file is gone meanwhile."""
    from PIL import Image

    name = f"{THUMBNAILS}/person-{number:05d}-{Path(job.person).stem}.jpg"
    try:
        pixels, _ = read(Path(job.person))
    except InputError:
        return ""
    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "PNG")
    store.put(name, _small(kept))
    return name


def _small(file: io.BytesIO) -> bytes:
    from PIL import Image

    from ...pipelines.images import resize

    file.seek(0)
    with Image.open(file) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    kept = io.BytesIO()
    Image.fromarray(resize(pixels, *size)).save(kept, "JPEG", quality=85)
    return kept.getvalue()
