"""What a mask rule needs and nobody gave is read by what is installed; the mask of a bare photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .given import combined
from .installed import (
    CLOTHES_PARSERS,
    DENSEPOSE,
    OPENPOSE,
    PARSING,
    VITPOSE,
    InstalledNetworks,
)
from .refine import MaskOptions
from .rules import RULES
from .select import AUTO, EMBEDDED, GENERAL_RULE, ChosenMask, best_mask, rule_of, with_neck
from .sources import Sources, cut, read_sources

if TYPE_CHECKING:
    from .body import Body


def known_sources(
    photo: np.ndarray,
    networks: InstalledNetworks,
    category: str,
    model: str | None = None,
    rule: str = AUTO,
    *,
    body: Body | None = None,
    parsing: Sources | None = None,
    densepose: Sources | None = None,
    keypoints: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> Sources:
    """What is given of the person in a photo, and what the mask rule needs beyond that, read by
    what is installed. Nothing else is read.

    photo: uint8 (height, width, 3) RGB. The rule is the named one; or else that of the model, or
    the general one where the model's does not know the category. Without both only what is given
    counts. parsing, densepose, keypoints: as `combined` takes them.
    Raises NobodyFound, InputError.
    """
    known = _combined(photo, body, parsing, densepose, keypoints)
    for name in rules_for(category, model, rule):
        lacking = lacking_for(name, known)
        chosen = _networks_for(lacking, networks, RULES[name].keypoints and known.points is None)
        if chosen is None:
            continue
        if not chosen:
            return known
        read = read_sources(photo, **chosen, body=body)
        if parsing is None:
            return _combined(photo, body, read, densepose, keypoints)
        return _with(known, read)
    return known


def rules_for(category: str, model: str | None, rule: str) -> list[str]:
    """The published rules that may draw the mask, in the order of `best_mask`."""
    own = rule_of(model)
    names = {AUTO: [own, GENERAL_RULE] if own else [], EMBEDDED: []}.get(rule, [rule])
    return [name for name in names if name and category in RULES[name].categories]


def lacking_for(rule: str, known: Sources) -> set[str]:
    """What would have to be read for a rule: of "atr", "lip", "densepose", "pose"."""
    maps = with_neck(known).maps
    lacking = {name for name in RULES[rule].maps if name not in maps}
    if "atr_neck" in lacking:  # the neck comes from the LIP map, or from key points
        lacking = lacking - {"atr_neck"} | ({"atr", "lip"} - set(maps))
    if "lip_neck" in lacking:  # it comes from the LIP map
        lacking = lacking - {"lip_neck"} | {"lip"}
    if RULES[rule].keypoints and known.keypoints is None:
        lacking.add("pose")
    return lacking


def _networks_for(
    lacking: set[str], networks: InstalledNetworks, without_body: bool
) -> dict[str, Any] | None:
    """The networks for what is lacking, as `read_sources` takes them; None where one that the rule
    cannot do without is not installed. without_body: nothing else knows where the joints are."""
    chosen: dict[str, Any] = {}
    if "densepose" in lacking and not networks.installed(DENSEPOSE):
        return None
    parsed = sorted(lacking & {"atr", "lip"})
    if parsed and any(map(networks.installed, PARSING)):
        chosen |= dict(zip(parsed, networks.schp(*parsed), strict=True))
    elif parsed:
        found = next(filter(networks.installed, CLOTHES_PARSERS), None)
        # A clothes parser knows ATR's labels; the neck then comes from key points.
        if found is None or "atr" not in parsed or "densepose" in lacking:
            return None
        chosen["atr"] = networks.installed_clothes_parser(found)
    if "densepose" in lacking:
        chosen["densepose"] = networks.densepose()
    if "pose" in lacking:
        pose = next(filter(networks.installed, (OPENPOSE, VITPOSE)), None)
        if pose is None and without_body:
            return None
        if pose is not None:
            chosen["pose"] = networks.openpose() if pose == OPENPOSE else networks.vitpose()
    return chosen


def _combined(
    photo: np.ndarray,
    body: Body | None,
    parsing: Sources | None,
    densepose: Sources | None,
    keypoints: Any,
) -> Sources:
    """`combined`, with the key points that were read beside the parsing where none are given."""
    known = combined(photo, body, parsing, densepose, keypoints)
    if known.keypoints is None and parsing is not None:
        return replace(known, keypoints=parsing.keypoints)
    return known


def _with(known: Sources, read: Sources) -> Sources:
    """What is known, and beyond it what was read in another part of the photo."""
    maps = {name: cut(read.map_of_photo(name), known.part) for name in read.maps}
    points = known.keypoints
    if points is None and read.keypoints is not None and (found := read.points) is not None:
        points = found.shifted(*known.part)
    parser = known.parser or read.parser
    return replace(known, maps={**maps, **known.maps}, keypoints=points, parser=parser)


def automatic_mask(
    photo: np.ndarray,
    body: Body,
    category: str,
    model: str,
    networks: InstalledNetworks,
    sleeves: str = "long",
) -> ChosenMask:
    """The best mask for a model of the catalogue: its published rule where what that needs is
    installed, else from the body alone.

    photo: uint8 (height, width, 3) RGB. category: upper, lower or dress. sleeves: of the garment,
    for the mask from the body. Raises InputError.
    """
    height, width = photo.shape[:2]
    made = best_mask(known_sources(photo, networks, category, model, body=body), category, model)
    if made.rule != EMBEDDED:
        return made
    sources = Sources(width, height, body=body)
    options = MaskOptions(sleeves=sleeves)
    shaped = best_mask(sources, category, rule=EMBEDDED, options=options)
    return ChosenMask(shaped.mask, made.rule, made.why)
