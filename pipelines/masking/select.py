"""The best mask for a photo and the model that will run: which rule, and why.

Each model works best with the mask rule that it was published with; that needs a parsing network
and a pose. Without them the mask comes from the embedded body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..catalog.models import VARIANTS
from ..errors import InputError
from .keypoints import KeyPoints
from .refine import MaskOptions, refined
from .rules import BODY_CATEGORIES, RULES, apply_rule, enlarged
from .rules_common import check_choice, resized_labels
from .sources import Sources, columns_of, cut, frame_region

AUTO, EMBEDDED = "auto", "embedded"

GENERAL_RULE = "catvton"
"""Where the model's own cannot be used: it takes no key points and knows every category."""

HOW_TO_GET = {
    "atr_neck": "human parsing (`fitting-room download human_parsing/pth`)",
    "atr": "human parsing (`fitting-room download human_parsing/pth`)",
    "lip": "human parsing (`fitting-room download human_parsing/pth`)",
    "lip_neck": "human parsing with LIP labels (`fitting-room download human_parsing/pth`)",
    "densepose": "DensePose (`fitting-room download densepose`)",
    "keypoints": "a pose (Body Pose, or `fitting-room download openpose`)",
}


@dataclass(frozen=True)
class ChosenMask:
    """mask: float32 (height, width), 1 = repaint; rule: a name of RULES or "embedded"; why: for the
    user."""

    mask: np.ndarray
    rule: str
    why: str


def best_mask(
    sources: Sources,
    category: str,
    model: str | None = None,
    rule: str = AUTO,
    options: MaskOptions | None = None,
) -> ChosenMask:
    """The mask of one photo, at its size.

    category: upper, lower or dress. model: catalog name of the try-on model that will run, None if
    it is not known. rule: "auto" takes the model's published rule where everything it needs is
    known, else the embedded mask; or "embedded", or a name of RULES, which then must be possible.
    Raises InputError that says what is missing, and for a mask that would repaint nothing.
    """
    options = options or MaskOptions()
    check_choice(rule, (AUTO, EMBEDDED, *RULES), "mask rule")
    check_choice(category, BODY_CATEGORIES, "category")
    sources = with_neck(sources)
    name, why = _choice(sources, category, model, rule)
    if name == EMBEDDED:
        mask = _embedded(sources, category, options)
        options = MaskOptions(fill_holes=options.fill_holes)  # it has done the others itself
    else:
        mask = _by_rule(name, sources, category)
    if options != MaskOptions():
        maps = {key: sources.map_of_photo(key) for key in sources.maps}
        mask = refined(mask, options, sources.points, maps)
    if not (mask >= 0.5).any():
        raise InputError(
            f"The mask for a garment of the category {category} is empty ({why}): the photo shows "
            "nothing there to repaint. Choose another category or rule, or draw the mask."
        )
    return ChosenMask(mask, name, why)


def _check_model(model: str | None, category: str) -> None:
    """Raises InputError for a category that a model of the catalogue was not trained for."""
    variant = VARIANTS.get(model or "")
    if variant and variant.categories and category not in variant.categories:
        raise InputError(
            f"{variant.title} was trained for {' and '.join(variant.categories)} garments, and a "
            f"mask for {category} was asked for. Choose another model, or the garment's category "
            "if it was read wrongly."
        )


def rule_of(model: str | None) -> str:
    """The mask rule that a model of the catalogue was published with; "" where there is none."""
    variant = VARIANTS.get(model or "")
    return variant.mask_rule if variant else ""


def masked_models() -> list[str]:
    """Names of the models in the catalogue that repaint what a mask covers."""
    return [name for name, variant in VARIANTS.items() if variant.mask_rule]


def _choice(sources: Sources, category: str, model: str | None, rule: str) -> tuple[str, str]:
    if rule == EMBEDDED:
        if sources.body is None:
            raise InputError("The embedded mask needs a body. Connect Body Pose.")
        return EMBEDDED, "embedded mask from the body, as asked"
    if rule != AUTO:
        if problem := _problem(rule, sources, category):
            raise InputError(f"The mask rule {problem}.")
        return rule, f"{RULES[rule].title}, as asked{_made_from(rule, sources)}"
    own = rule_of(model)
    problems = []
    for name in dict.fromkeys(filter(None, (own, GENERAL_RULE))):
        if problem := _problem(name, sources, category):
            problems.append(problem)
            continue
        said = f"the published rule of {model}" if name == own else "parsing and DensePose known"
        said += "".join(f" ({problem})" for problem in problems)
        return name, f"{RULES[name].title}: {said}{_made_from(name, sources)}"
    if sources.body is None:
        raise InputError(f"No mask can be made: {'; '.join(problems)}; and there is no body.")
    return EMBEDDED, f"embedded mask from the body ({problems[0]})"


def _problem(rule: str, sources: Sources, category: str) -> str:
    """Why a rule cannot be used; empty if it can."""
    if category not in RULES[rule].categories:
        return f"{rule} knows only {', '.join(RULES[rule].categories)}, not {category}"
    missing = [name for name in RULES[rule].maps if name not in sources.maps]
    if RULES[rule].keypoints and sources.points is None:
        missing.append("keypoints")
    if not missing:
        return ""
    return f"{rule} needs {' and '.join(dict.fromkeys(HOW_TO_GET[name] for name in missing))}"


def _made_from(rule: str, sources: Sources) -> str:
    parser = f"; parsing by {sources.parser}" if sources.parser else ""
    borrowed = RULES[rule].keypoints and sources.keypoints is None
    return parser + ("; key points from the embedded body" if borrowed else "")


def with_neck(sources: Sources) -> Sources:
    """The sources with ATR + neck and VITON-HD's labels, where what there is gives them."""
    from .parsing import atr_with_neck, neck_by_points, vitonhd_labels

    maps = dict(sources.maps)
    if "lip" in maps and "lip_neck" not in maps:
        maps["lip_neck"] = vitonhd_labels(maps["lip"])
    if "atr_neck" in maps or "atr" not in maps:
        return replace(sources, maps=maps)
    atr = maps["atr"]
    height, width = atr.shape
    if "lip" in maps:
        maps["atr_neck"] = atr_with_neck(atr, resized_labels(maps["lip"], width, height))
    elif (points := sources.within(sources.part)[1]) is not None:
        maps["atr_neck"] = neck_by_points(atr, points.resized(width, height))
    return replace(sources, maps=maps)


def _embedded(sources: Sources, category: str, options: MaskOptions) -> np.ndarray:
    from .embedded import embedded_mask

    assert sources.body is not None
    sleeves = "long" if options.sleeves == "as rule" else options.sleeves
    return embedded_mask(
        sources.body, category, sleeves, grow=options.grow, feather=options.feather
    )


def _by_rule(name: str, sources: Sources, category: str) -> np.ndarray:
    """The rule's mask at the photo's size, made in the frame that its program works in."""
    rule, region = RULES[name], sources.part
    if rule.size is not None and sources.region is None:
        whole = [sources.map_of_photo(key) for key in rule.maps]
        region = frame_region(sources.width, sources.height, columns_of(sources.points, whole))
    maps, points = sources.within(region)
    _, _, width, height = region
    if rule.size is None:
        mask = _at_common_size(name, maps, points, category)
    else:
        mask = apply_rule(name, maps, category, points)
    if mask.shape != (height, width):
        mask = enlarged(mask, width, height, rule.enlarge)
    left, top = region[:2]
    return cut(mask, (-left, -top, sources.width, sources.height))


def _at_common_size(
    name: str, maps: Mapping[str, np.ndarray], points: KeyPoints | None, category: str
) -> np.ndarray:
    """For a rule drawn at the maps' own size, which must be one and a multiple of 4."""
    height, width = max(maps[key].shape for key in RULES[name].maps)
    padded = (0, 0, width + -width % 4, height + -height % 4)
    maps = {key: cut(resized_labels(maps[key], width, height), padded) for key in RULES[name].maps}
    return cut(apply_rule(name, maps, category, points), (0, 0, width, height))
