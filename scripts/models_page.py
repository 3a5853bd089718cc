"""Writes the tables of docs/models.md from the catalogue: `python scripts/models_page.py`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "models.md"

BYTES = {"float32": 4, "16 bits": 2, "float8 storage": 1}
WORKING = 2.0e9
"""Beside the weights: about 1.2 GB for three feature maps of the VAE's decoder at 768x1024 (256
channels in 16 bits; tiling lowers it) and 0.8 GB for the card's own use."""
WORKING_IN_PIXELS = 1.2e9
"""Of FASHN VTON at 576x864: 0.4 GB for what a block holds at its fullest, counted with
torch's dispatch, and 0.8 GB for the card's own use. It has no VAE."""
PIXEL_PARTS = ("transformer", "modulation")
CARDS = (4, 6, 8, 10, 12, 16, 24, 32, 48)


def tables() -> dict[str, str]:
    """Each table by the name of its place on the page."""
    return {
        "variants": "\n".join(_variants()),
        "tools": "\n".join(_tools()),
        "files": "\n".join(_files()),
        "memory": "\n".join(_memory()),
        "cards": "\n".join(_cards()),
        "schedulers": "\n".join(_schedulers()),
    }


def page(text: str) -> str:
    """`text` with every table between its two markers replaced."""
    for name, table in tables().items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = text.split(start)
        text = before + start + table + "\n" + end + rest.split(end)[1]
    return text


def _catalog() -> Iterable[Any]:
    if "fitting_room" not in sys.modules:
        # tests/conftest.py imports the checkout under its name, whatever its folder is called.
        spec = importlib.util.spec_from_file_location("conftest", ROOT / "tests" / "conftest.py")
        assert spec and spec.loader
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    from fitting_room.pipelines.catalog.models import VARIANTS

    return VARIANTS.values()


def _by_parts() -> dict[tuple, str]:
    """Names of the variants that have the same networks, by these."""
    names: dict[tuple, str] = {}
    for variant in _catalog():
        names[variant.parts] = ", ".join(filter(None, (names.get(variant.parts), variant.name)))
    return names


def _variants() -> Iterator[str]:
    catalog = _catalog()
    from fitting_room.pipelines.catalog.models import made_for

    yield "| Model | What it does | Garments | Made for | May a shop use it? | Get it |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for each in catalog:
        if each.kind != "tool":
            yield (
                f"| **{each.title}** | {each.does} | {', '.join(each.categories) or '-'} | "
                f"{made_for(each)} | **{each.licence.shop}**: {each.licence.for_a_shop} "
                f"[{each.licence.name}]({each.licence.url}) | `fitting-room download {each.name}`, "
                f"{_download_size(each)} |"
            )


def _tools() -> Iterator[str]:
    yield "| Network | What it does | May a shop use it? | Get it |"
    yield "| --- | --- | --- | --- |"
    for each in _catalog():
        if each.kind == "tool":
            yield (
                f"| **{each.title}** | {each.does} | **{each.licence.shop}**: "
                f"{each.licence.for_a_shop} [{each.licence.name}]({each.licence.url}) | "
                f"`fitting-room download {each.name}`, {_download_size(each)} |"
            )


def _files() -> Iterator[str]:
    yield "| Model | Repository | File | Bytes | SHA-256 |"
    yield "| --- | --- | --- | --- | --- |"
    seen = set()
    for variant in _catalog():
        for source in variant.sources:
            for file in source.files:
                key = (source.repository, source.below, file.path)
                if key in seen or not (file.size or file.sha256):
                    continue
                seen.add(key)
                path = f"{source.below}/{file.path}" if source.below else file.path
                about = "about " if file.derived else ""
                size = f"{about}{file.size:,}" if file.size else "not listed"
                digest = f"`{file.sha256[:16]}…`" if file.sha256 else "-"
                yield f"| {variant.name} | {source.repository} | `{path}` | {size} | {digest} |"


def _memory() -> Iterator[str]:
    yield f"| Model | Part | Parameters | {' | '.join(BYTES)} |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for parts, names in _by_parts().items():
        for part in parts:
            sizes = " | ".join(_in_words(part.parameters * each) for each in BYTES.values())
            yield f"| {names} | {part.name} | {part.parameters:,} | {sizes} |"
            names = ""


def _cards() -> Iterator[str]:
    yield "| Model | Whole, 16 bits | Whole, float8 storage | One network at a time, 16 bits |"
    yield "| --- | ---: | ---: | ---: |"
    for parts, names in _by_parts().items():
        unets = [part.parameters for part in parts if "UNet" in part.name]
        pixels = [part.parameters for part in parts if part.name in PIXEL_PARTS]
        counts, working = (unets, WORKING) if unets else (pixels, WORKING_IN_PIXELS)
        if counts:
            needs = (2 * sum(counts), sum(counts), 2 * max(counts))
            yield f"| {names} | {' | '.join(_card(each, working) for each in needs)} |"


def _schedulers() -> Iterator[str]:
    from fitting_room.pipelines.diffusion.schedulers import LEAST_STEPS

    yield "| Scheduler | Useful from |"
    yield "| --- | ---: |"
    for name, steps in LEAST_STEPS.items():
        yield f"| {name} | {steps} steps |"


def _download_size(variant: Any) -> str:
    known = sum(file.size or 0 for source in variant.sources for file in source.files)
    unknown = any(
        not file.size and not file.path.endswith((".json", ".txt"))
        for source in variant.sources
        for file in source.files
    )
    if known > 1e6:
        return f"{_in_words(known)}{' and more' if unknown else ''}"
    return f"about {_in_words(4 * variant.parameters)}"


def _card(weights: float, working: float) -> str:
    total = weights + working
    card = next(size for size in CARDS if size * 2**30 >= total)
    return f"{_in_words(total)}: {card} GB card"


def _in_words(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
