"""The safety filter: levels, limits, what is refused, and what becomes of a hit."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.safety.filter import (
    KINDS,
    PictureBlocked,
    SafetyVerdict,
    apply,
    apply_all,
    check,
    limits_of,
    squares,
)
from fitting_room.pipelines.safety.models import load_safety_model
from fitting_room.pipelines.safety.report import SafetyReport
from hypothesis import given, settings
from hypothesis import strategies as st

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
RECORDED = json.loads((HERE / "open_nsfw_scores.json").read_text())
JUDGED_LEVELS = ("strict", "standard", "catalogue")

unhurried = settings(max_examples=60, deadline=None)  # machines that test are often busy


def _import_script():
    spec = importlib.util.spec_from_file_location(
        "record_opennsfw", CHECKOUT / "scripts" / "record_opennsfw.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pictures = _import_script()


@pytest.fixture(scope="module")
def model():
    return load_safety_model()


@pytest.fixture(scope="module")
def skin():
    """A picture that the original network is sure about, and one that it is not."""
    scores = RECORDED["skin_shapes"]
    surest, mildest = int(np.argmax(scores)), int(np.argmin(scores))
    return pictures.skin_shapes(surest), pictures.skin_shapes(mildest)


class Fixed:
    """Gives the scores it was made with: for what is decided after the network."""

    name = "open_nsfw"
    network = torch.nn.Identity()

    def __init__(self, *scores):
        self.given = list(scores)

    def scores(self, pictures):
        return [self.given.pop(0) for _ in pictures]


def verdict(flagged, index=0, score=0.9, level="standard", kind="person"):
    return SafetyVerdict(index, kind, "open_nsfw", level, score, score, 0.5, flagged)


def grey(height=40, width=30):
    return np.full((height, width, 3), 90, dtype=np.uint8)


# Levels and limits


def test_strict_finds_in_a_tall_picture_what_squeezing_hides(model, skin):
    # One end of a 1:4 picture is the risky thing; the rest is plain.
    risky = skin[0]
    tall = np.full((4 * risky.shape[0], *risky.shape[1:]), 200, dtype=np.uint8)
    tall[-risky.shape[0] :] = risky
    (strict,) = check([tall], "person", level="strict", model=model)
    (standard,) = check([tall], "person", level="standard", model=model)
    assert not standard.flagged
    assert strict.flagged
    assert strict.whole == pytest.approx(standard.score)
    assert strict.score == pytest.approx(model.scores([risky])[0], abs=0.01)


@unhurried
@given(st.integers(1, 90), st.integers(1, 90))
def test_squares_cover_every_pixel_with_overlap(height, width):
    picture = np.arange(height * width).reshape(height, width, 1).repeat(3, axis=2)
    parts = squares(picture)
    if max(height, width) <= 1.1 * min(height, width):
        assert parts == []
        return
    side = min(height, width)
    assert all(part.shape == (side, side, 3) for part in parts)
    assert len(np.unique(np.concatenate([part.reshape(-1, 3) for part in parts])[:, 0])) == (
        height * width
    )


@unhurried
@given(st.floats(0, 1), st.sampled_from(KINDS))
def test_a_level_that_lets_more_through_never_flags_more(score, kind):
    flags = [
        check([grey(30, 30)], kind, level=level, model=Fixed(score))[0].flagged
        for level in JUDGED_LEVELS
    ]
    assert flags == sorted(flags, reverse=True)


@unhurried
@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(KINDS))
def test_a_score_that_reaches_the_limit_is_a_hit(score, limit, kind):
    (found,) = check([grey()], kind, thresholds={kind: limit}, model=Fixed(score))
    assert found.flagged == (score >= limit)
    assert (found.limit, found.score) == (limit, score)


def test_limits_are_shown_and_edited_per_kind():
    assert limits_of("standard") == {"person": 0.5, "garment": 0.5, "result": 0.5}
    (person,) = check([grey()], "person", thresholds={"garment": 0.1}, model=Fixed(0.3))
    (garment,) = check([grey()], "garment", thresholds={"garment": 0.1}, model=Fixed(0.3))
    assert (person.limit, person.flagged) == (0.5, False)
    assert (garment.limit, garment.flagged) == (0.1, True)


def test_off_judges_nothing_and_needs_no_model():
    verdicts = check([grey(), grey()], "result", level="off", model=None)
    assert [v.flagged for v in verdicts] == [False, False]
    assert [v.score for v in verdicts] == [None, None]


def test_a_score_that_is_no_number_does_not_pass():
    (found,) = check([grey()], "person", model=Fixed(math.nan))
    assert found.flagged
    report = SafetyReport((found,), "blank")
    assert "no readable score" in report.text()
    assert json.loads(report.to_json())["pictures"][0]["score"] is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "face"}, "'face'.*person, garment, result"),
        ({"level": "mild"}, "'mild'.*strict, standard, catalogue, off"),
        ({"thresholds": {"person": 7}}, "number from 0 to 1, got 7"),
        ({"thresholds": {"person": math.nan}}, "number from 0 to 1"),
        ({"thresholds": {"face": 0.5}}, "'face'"),
        ({"model": None}, "needs a model"),
        ({"pictures": [grey().astype(np.float32)]}, "float32"),
        ({"pictures": [grey(), grey()[:, :, :1]]}, "picture 2"),
        ({"pictures": [grey()[:0]]}, "uint8 RGB"),
    ],
)
def test_wrong_input_says_what_to_do(change, said):
    given_ = {"pictures": [grey()], "kind": "person", "model": Fixed(0.1)} | change
    with pytest.raises(InputError, match=said):
        check(**given_)


def test_unknown_model_names_the_known():
    with pytest.raises(InputError, match="open_nsfw, falconsai, stable_diffusion"):
        load_safety_model("nudenet")


# Actions


def test_one_hit_does_not_lose_the_others(model, skin):
    risky, mild = skin
    batch = [mild, risky, grey(300, 300)]
    verdicts = check(batch, "person", model=model)
    assert [v.flagged for v in verdicts] == [False, True, False]
    for action in ("blur", "blank", "flag"):
        passed = apply_all(batch, verdicts, action)
        assert passed[0] is mild
        assert passed[2] is batch[2]
        assert passed[1].shape == risky.shape
        assert (passed[1] is risky) == (action == "flag")


def test_blur_leaves_nothing_to_recognise(model, skin):
    blurred = apply(skin[0], verdict(True), "blur")
    # What the network flagged surely it no longer flags, and nothing finer than 1/16 is left.
    assert model.scores([blurred])[0] < 0.5
    once_more = apply(blurred, verdict(True), "blur")
    assert np.abs(once_more.astype(int) - blurred).mean() < 12
    steps = np.abs(np.diff(blurred.astype(int), axis=0)).max()
    assert steps < np.abs(np.diff(skin[0].astype(int), axis=0)).max() / 3


def test_blank_has_one_colour():
    blank = apply(pictures.texture(1), verdict(True), "blank")
    assert len(np.unique(blank)) == 1


def test_error_names_every_hit_and_can_be_told_from_other_errors():
    verdicts = [verdict(False), verdict(True, 1), verdict(True, 2, kind="garment")]
    with pytest.raises(PictureBlocked) as caught:
        apply_all([grey()] * 3, verdicts, "error")
    message = str(caught.value)
    assert "person picture 2" in message
    assert "garment picture 3" in message
    assert "catalogue" in message
    assert isinstance(caught.value, InputError)
    assert apply(grey(), verdict(False), "error").shape == (40, 30, 3)


def test_unknown_action_names_the_known():
    with pytest.raises(InputError, match="error, blur, blank, flag"):
        apply(grey(), verdict(True), "delete")
