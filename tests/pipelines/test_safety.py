"""The safety filter: the port against recorded scores of the original, levels, actions, report."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines import safety
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.safety import (
    ACTIONS,
    KINDS,
    PictureBlocked,
    SafetyVerdict,
    apply,
    apply_all,
    check,
    limits_of,
    squares,
)
from fitting_room.pipelines.safety_models import load_safety_model
from fitting_room.pipelines.safety_report import SafetyReport
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
PHOTOS = CHECKOUT.parent / "shared" / "photos"
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


# The network


def test_port_gives_the_scores_of_the_original_on_noise_and_textures(model):
    scores = [model.scores([pictures.texture(seed)])[0] for seed in range(50)]
    assert len(RECORDED["textures"]) == 50
    assert np.abs(np.array(scores) - RECORDED["textures"]).max() < 0.01


def test_port_gives_the_scores_of_the_original_on_skin_coloured_shapes(model):
    recorded = np.array(RECORDED["skin_shapes"])
    scores = model.scores([pictures.skin_shapes(seed) for seed in range(len(recorded))])
    assert np.abs(np.array(scores) - recorded).max() < 0.01
    # These show nothing, and the original flags many of them: what hits are tested with.
    assert 10 < (recorded >= 0.5).sum() < len(recorded)
    assert ((np.array(scores) >= 0.5) == (recorded >= 0.5)).all()


def test_batch_is_the_singles(model):
    batch = [pictures.texture(seed) for seed in range(6)]
    singles = [model.scores([picture])[0] for picture in batch]
    assert model.scores(batch) == pytest.approx(singles, abs=1e-4)
    assert model.scores([]) == []


def test_weights_travel_whole():
    file = CHECKOUT / "pipelines" / "opennsfw" / "open_nsfw.safetensors"
    assert 11e6 < file.stat().st_size < 13e6


def test_other_weights_are_refused(tmp_path):
    from fitting_room.pipelines.opennsfw.network import load_open_nsfw
    from safetensors.torch import save_file

    save_file({"stem.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "other.safetensors")
    with pytest.raises(MissingFiles, match="Missing .107.: stem.bias"):
        load_open_nsfw(tmp_path / "other.safetensors")


# False positives


def photos_of_scikit_image():
    from importlib.util import find_spec

    found = find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        return []
    folder = Path(found.submodule_search_locations[0]) / "data"
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))


def shared_photos(kind):
    return sorted((PHOTOS / kind).glob("*.*g")) if PHOTOS.is_dir() else []


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("result", photos_of_scikit_image()),
        ("person", shared_photos("person")),
        ("garment", shared_photos("garment")),
    ],
    ids=("scikit-image", "people", "garments"),
)
def test_no_ordinary_photo_is_flagged_at_standard_or_strict(model, kind, files):
    if not files:
        pytest.skip("these photos are not on this machine")
    batch = [np.array(Image.open(path).convert("RGB")) for path in files]
    # Strict judges the whole picture as well, with a lower limit: it implies standard.
    verdicts = check(batch, kind, level="strict", model=model)
    assert [(files[v.index].name, v.score) for v in verdicts if v.flagged] == []
    assert all(v.whole <= v.score < limits_of("open_nsfw", "standard")[kind] for v in verdicts)


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
    assert limits_of("open_nsfw", "standard") == {"person": 0.5, "garment": 0.5, "result": 0.5}
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
        ({"thresholds": {"person": 7}}, "number from -1 to 1.*7"),
        ({"thresholds": {"person": math.nan}}, "number from -1 to 1"),
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


# Report

verdicts_of_any_kind = st.builds(
    SafetyVerdict,
    index=st.integers(0, 50),
    kind=st.sampled_from(KINDS),
    model=st.sampled_from(tuple(safety.LIMITS)),
    level=st.sampled_from(JUDGED_LEVELS),
    score=st.floats(-1, 1) | st.just(math.nan),
    whole=st.floats(-1, 1),
    limit=st.floats(-1, 1),
    flagged=st.booleans(),
) | st.builds(
    SafetyVerdict,
    index=st.integers(0, 50),
    kind=st.sampled_from(KINDS),
    model=st.just("none"),
    level=st.just("off"),
    score=st.none(),
    whole=st.none(),
    limit=st.none(),
    flagged=st.just(False),
)


@unhurried
@given(st.lists(verdicts_of_any_kind, max_size=6), st.sampled_from(ACTIONS))
def test_report_tells_everything_once(verdicts, action):
    report = SafetyReport(tuple(verdicts), action)
    read = json.loads(report.to_json())
    assert read["flagged"] == any(v.flagged for v in verdicts) == report.flagged
    assert [p["flagged"] for p in read["pictures"]] == list(report.flags)
    assert read["action"] == action
    for language in ("en", "zh"):
        lines = report.text(language).splitlines()
        assert len(lines) == 1 + len(verdicts)
        for line, found in zip(lines[1:], verdicts, strict=True):
            assert str(found.index + 1) in line
    assert [p["score"] for p in read["pictures"]] == [
        None if v.score is None or math.isnan(v.score) else v.score for v in verdicts
    ]


def test_report_joins_the_kinds_of_a_run():
    person = SafetyReport((verdict(False, score=0.1),), "blur")
    result = SafetyReport((verdict(True, kind="result"),), "blur")
    whole = person.joined([result])
    assert whole.flags == (False, True)
    assert whole.text() == (
        "Safety filter: 1 of 2 pictures flagged.\n"
        "person 1: open_nsfw, level standard, score 0.100, limit 0.500: passed\n"
        "result 1: open_nsfw, level standard, score 0.900, limit 0.500: flagged, blurred"
    )
    assert "结果 1" in whole.text("zh")
    with pytest.raises(InputError, match="en or zh"):
        whole.text("de")


# Optional models, in the published layout with tiny random weights


def tiny_clip():
    vision = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    text = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "vocab_size": 50, "bos_token_id": 48, "eos_token_id": 49,
    }  # fmt: skip
    return {"text_config": text, "vision_config": vision, "projection_dim": 16}


@pytest.fixture
def published_checker(tmp_path):
    """The folder of CompVis/stable-diffusion-safety-checker with its names, and the module."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from safetensors.torch import save_file
    from transformers import CLIPConfig

    torch.manual_seed(0)
    checker = StableDiffusionSafetyChecker(CLIPConfig(**tiny_clip())).eval()
    with torch.no_grad():
        for table in (checker.concept_embeds, checker.special_care_embeds):
            table.copy_(torch.randn_like(table))
        # Concepts near the limit, so that either decision occurs.
        checker.concept_embeds_weights.fill_(0.33)
        checker.special_care_embeds_weights.fill_(0.2)
    names = {}
    for name, tensor in checker.state_dict().items():
        inner = name.removeprefix("vision_model.").removeprefix("vision_model.")
        published = f"vision_model.vision_model.{inner}" if name.startswith("vision_") else name
        names[published] = tensor.contiguous()
    names["vision_model.vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    save_file(names, tmp_path / "model.safetensors")
    checker.config.save_pretrained(tmp_path)
    processor = {
        "crop_size": 32, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
        "do_resize": True, "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], "size": 32,
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    return tmp_path, checker


def test_stable_diffusion_checker_decides_as_diffusers_does(published_checker):
    folder, checker = published_checker
    model = load_safety_model("stable_diffusion", folder)
    batch = [pictures.texture(seed) for seed in range(24)]
    pixels = model.processor(images=batch, return_tensors="pt")["pixel_values"]
    _, decided = checker(pixels, torch.zeros(len(batch), 3, 8, 8))
    verdicts = check(batch, "result", level="standard", model=model)
    assert [v.flagged for v in verdicts] == decided
    assert {True, False} == set(decided)


def test_stable_diffusion_checker_lists_what_is_missing(published_checker):
    from safetensors.torch import load_file, save_file

    folder, _ = published_checker
    state = load_file(folder / "model.safetensors")
    del state["concept_embeds"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(MissingFiles, match="concept_embeds"):
        load_safety_model("stable_diffusion", folder)


@pytest.fixture
def published_classifier(tmp_path):
    """The folder of Falconsai/nsfw_image_detection, and the module."""
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(1)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=32, patch_size=8, id2label={0: "normal", 1: "nsfw"},
        label2id={"normal": 0, "nsfw": 1},
    )  # fmt: skip
    network = ViTForImageClassification(config).eval()
    network.save_pretrained(tmp_path)
    processor = {
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3,
        "image_processor_type": "ViTImageProcessor", "image_std": [0.5] * 3, "resample": 2,
        "rescale_factor": 1 / 255, "size": {"height": 32, "width": 32},
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    return tmp_path, network


def test_falconsai_gives_the_probability_of_its_label(published_classifier):
    folder, network = published_classifier
    model = load_safety_model("falconsai", folder)
    batch = [pictures.texture(seed) for seed in range(4)]
    pixels = model.processor(images=batch, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        wanted = network(pixels).logits.softmax(dim=1)[:, 1]
    assert model.scores(batch) == pytest.approx(wanted.tolist(), abs=1e-5)
    assert model.scores([]) == []


def test_absent_model_names_the_command(tmp_path):
    with pytest.raises(MissingFiles, match="fitting-room download safety/falconsai"):
        load_safety_model("falconsai", tmp_path)
