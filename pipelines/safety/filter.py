"""The safety filter: judges pictures, and says what becomes of those over the limit.

    model = load_safety_model()                                   # open_nsfw, shipped
    verdicts = check(photos, "person", level="standard", model=model)
    photos = apply_all(photos, verdicts, action="blur")           # one hit does not lose the others
    report = SafetyReport(tuple(verdicts), action="blur")         # safety_report.py

Pictures are uint8 (height, width, 3) RGB. What a level lets through and what no filter can do is
told in docs/safety.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import InputError
from ..images import resize

if TYPE_CHECKING:
    from torch import nn

MODELS = ("open_nsfw", "falconsai", "stable_diffusion")
KINDS = ("person", "garment", "result")
LEVELS = ("strict", "standard", "catalogue", "off")
ACTIONS = ("error", "blur", "blank", "flag")


class SafetyModel(Protocol):
    """name: key into the limits of safety.py. network: the module to place on a device."""

    name: str

    @property
    def network(self) -> nn.Module: ...

    def scores(self, pictures: Sequence[np.ndarray]) -> list[float]:
        """One score in 0..1 per uint8 (height, width, 3) RGB picture: the higher, the less safe."""
        ...


LIMITS = {"strict": 0.2, "standard": 0.5, "catalogue": 0.8}
"""Level -> a picture whose score reaches this is flagged, whatever the model and the kind.

Yahoo's notes on open_nsfw: below 0.2 most likely safe, above 0.8 most likely not; halfway is the
limit of the packages that ship it. Every model's own decision is at 0.5 (safety_models.py).
"""

SQUARE_ENOUGH = 1.1
"""Pictures of longer sides at most this many times the shorter are judged whole only."""

BLURRED_SIDE = 16
"""Pixels of the longer side that are left of a blurred picture: colours, and no shapes."""

BLANK = 128


class PictureBlocked(InputError):
    """The safety filter stopped a run. The message names every picture that was over its limit."""


@dataclass(frozen=True)
class SafetyVerdict:
    """What was found about one picture.

    index: place in the batch, from 0. kind: one of KINDS. model, level: what judged it, and how.
    score: 0..1, the highest of the judged views; None where the level is off. whole: the score of
    the whole picture alone, as the published model judges it. limit: what a score has to reach.
    name: of its file, where known.
    """

    index: int
    kind: str
    model: str
    level: str
    score: float | None
    whole: float | None
    limit: float | None
    flagged: bool
    name: str = ""

    @property
    def number(self) -> str:
        """What people call it: "3 (blouse.jpg)"."""
        return f"{self.index + 1} ({self.name})" if self.name else str(self.index + 1)


def limits_of(level: str) -> dict[str, float]:
    """The limits that a level stands for, by kind of picture: what an editor starts from.

    Raises InputError for a level that does not exist, or for "off", which has none.
    """
    if level not in LIMITS:
        raise _unknown("level with limits", level, tuple(LIMITS))
    return dict.fromkeys(KINDS, LIMITS[level])


def check(
    pictures: Sequence[np.ndarray],
    kind: str,
    *,
    level: str = "standard",
    thresholds: Mapping[str, float] | None = None,
    model: SafetyModel | None,
) -> list[SafetyVerdict]:
    """One verdict per picture, in their order.

    pictures: uint8 (height, width, 3) RGB, of any sizes.
    kind: what they show: person, garment or result.
    level: "strict" judges tall and wide pictures in square parts as well and takes the highest
        score; "off" judges nothing and needs no model.
    thresholds: limits by kind that replace those of the level; kinds not named keep theirs.

    Raises InputError for an unknown kind or level, a limit that is no number, or another array.
    """
    if kind not in KINDS:
        raise _unknown("kind of picture", kind, KINDS)
    if level not in LEVELS:
        raise _unknown("level", level, LEVELS)
    for index, picture in enumerate(pictures):
        _expect_picture(picture, kind, index)
    if level == "off":
        return [
            SafetyVerdict(index, kind, "none", level, None, None, None, flagged=False)
            for index in range(len(pictures))
        ]
    if model is None:
        raise InputError(
            f"The safety filter at level {level} needs a model and got none. "
            "Load one, or set the level to off."
        )
    limit = _limit(kind, level, thresholds)
    return [
        _judge(picture, index, kind, level, limit, model) for index, picture in enumerate(pictures)
    ]


def _judge(
    picture: np.ndarray, index: int, kind: str, level: str, limit: float, model: SafetyModel
) -> SafetyVerdict:
    views = [picture, *(squares(picture) if level == "strict" else [])]
    scores = model.scores(views)
    score = math.nan if any(math.isnan(each) for each in scores) else max(scores)
    # "not below", not "above": a score that is no number must not pass.
    flagged = not score < limit
    return SafetyVerdict(index, kind, model.name, level, score, scores[0], limit, flagged)


def squares(picture: np.ndarray) -> list[np.ndarray]:
    """Square parts of a tall or wide picture, each half over the next; none of a square one.

    open_nsfw squeezes a picture into a square and cuts an edge off: a person in a tall photo comes
    out stout, and what fills one end of it is small. Squares keep the proportions.
    """
    height, width = picture.shape[:2]
    short, long = min(height, width), max(height, width)
    if long <= SQUARE_ENOUGH * short:
        return []
    count = 2 * math.ceil(long / short) - 1
    parts = []
    for number in range(count):
        start = round(number * (long - short) / (count - 1))
        span = slice(start, start + short)
        parts.append(picture[span] if height > width else picture[:, span])
    return parts


def apply(picture: np.ndarray, verdict: SafetyVerdict, action: str) -> np.ndarray:
    """What becomes of one judged picture: itself where it passed.

    picture: uint8 (height, width, 3) RGB; the result has its size.
    action: "error" raises PictureBlocked, "blur" leaves a few blotches of colour, "blank" a grey
    area, "flag" the picture as it is.
    """
    return apply_all([picture], [verdict], action)[0]


def apply_all(
    pictures: Sequence[np.ndarray], verdicts: Sequence[SafetyVerdict], action: str
) -> list[np.ndarray]:
    """`apply` for a batch; with "error" one message names every picture that was flagged."""
    if action not in ACTIONS:
        raise _unknown("action", action, ACTIONS)
    if action == "error":
        stop_on_hit(verdicts)
    return [
        _hidden(picture, action) if verdict.flagged else picture
        for picture, verdict in zip(pictures, verdicts, strict=True)
    ]


def stop_on_hit(verdicts: Sequence[SafetyVerdict]) -> None:
    """Raises PictureBlocked where a verdict is a hit, naming all of them at once."""
    hits = [verdict for verdict in verdicts if verdict.flagged]
    if not hits:
        return
    found = "; ".join(
        f"{hit.kind} picture {hit.number} scores {hit.score:.3f} and the limit of level "
        f"{hit.level} is {hit.limit:.3f}"
        for hit in hits
    )
    raise PictureBlocked(
        f"The safety filter ({hits[0].model}) stopped this run: {found}. Use another picture. "
        "For swimwear and underwear choose the level catalogue or a higher limit; to go on with a "
        "blurred picture choose the action blur."
    )


def _hidden(picture: np.ndarray, action: str) -> np.ndarray:
    if action == "blank":
        return np.full_like(picture, BLANK)
    if action == "blur":
        height, width = picture.shape[:2]
        scale = BLURRED_SIDE / max(height, width)
        tiny = (max(1, round(width * scale)), max(1, round(height * scale)))
        return resize(resize(picture, *tiny, "box"), width, height)
    return picture


def _limit(kind: str, level: str, thresholds: Mapping[str, float] | None) -> float:
    limits = limits_of(level)
    for name, value in (thresholds or {}).items():
        if name not in KINDS:
            raise _unknown("kind of picture among the thresholds", name, KINDS)
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise InputError(
                f"The threshold for {name} pictures has to be a number from 0 to 1, got {value!r}."
            )
        limits[name] = float(value)
    return limits[kind]


def _expect_picture(picture: np.ndarray, kind: str, index: int) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InputError(
            f"The safety filter takes uint8 RGB pictures of (height, width, 3); {kind} picture "
            f"{index + 1} is {picture.dtype} of {picture.shape}. Convert it first."
        )


def _unknown(what: str, got: str, known: Sequence[str]) -> InputError:
    return InputError(f"There is no {what} {got!r}. Choose one of: {', '.join(known)}.")
