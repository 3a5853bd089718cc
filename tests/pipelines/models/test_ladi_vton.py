"""LaDI-VTON on tiny random checkpoints in the published layout."""

from inspect import signature

import numpy as np
import pytest
import torch
from fitting_room.pipelines.diffusion.run import every_pair
from fitting_room.pipelines.diffusion.schedulers import NAMES
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files.weights import empty, load_strict, match_prefix
from fitting_room.pipelines.models.ladi_vton.load import build, load
from fitting_room.pipelines.models.ladi_vton.pictures import pose_map
from fitting_room.pipelines.models.ladi_vton.skips import SkipAdapters
from fitting_room.pipelines.models.ladi_vton.warping import Matching, Refinement
from fitting_room.pipelines.models.ladi_vton.words import PLACEHOLDER, InversionAdapter, text_states
from tiny.ladi_vton import TEXT, VISION, write_checkpoint
from tiny_diffusion import (
    PUBLISHED,
    Calls,
    Stop,
    present_names,
    published_keys,
    random_pictures,
    shapes_of,
)

SIZES = PUBLISHED["ladi_vton"]
TRAINED = {
    "unet": "unet (extended_unet: unet_{dataset}.pth)",
    "emasc": "emasc (emasc_{dataset}.pth)",
    "inversion_adapter": "inversion_adapter (inversion_adapter_{dataset}.pth)",
    "tps": "tps (warping_{dataset}.pth['tps'])",
    "refinement": "refinement (warping_{dataset}.pth['refinement'])",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = tmp_path_factory.mktemp("ladi")
    write_checkpoint(made, "dresscode")
    return made


@pytest.fixture(scope="module")
def pipeline(root):
    return load(root, "dresscode")


def people(pipeline, count=1, height=64, width=40, seed=0):
    mask = torch.zeros(count, 1, height, width)
    mask[:, :, 8:48, 8:32] = 1
    points = np.random.default_rng(seed).uniform(0, 40, (count, 18, 2))
    poses = torch.stack([pose_map(each, width, height) for each in points])
    return pipeline.encode_person(random_pictures(count, height, width, seed), mask, poses)


def garments(pipeline, count=1, height=64, width=40, seed=7, category="upper"):
    return pipeline.encode_garment(random_pictures(count, height, width, seed), category)


# ------------------------------------------------------------------------------- published sizes


def test_published_networks_take_exactly_the_published_names():
    keys = published_keys("ladi_vton")
    networks = build(**SIZES)
    assert shapes_of(networks.denoiser) == keys[TRAINED["unet"]]
    assert shapes_of(networks.vae) == present_names(
        keys["base vae (stable-diffusion-2-inpainting/vae)"]
    )
    text = keys["base text_encoder (stable-diffusion-2-inpainting/text_encoder)"]
    vision = keys["vision (CLIP-ViT-H-14-laion2B-s32B-b79K, vision part)"]
    for network, shapes, prefix in (
        (networks.text_encoder, text, "text_model."),
        (networks.vision_encoder, vision, "vision_model."),
    ):
        published = match_prefix(network, shapes, prefix)
        left = {n for n in published if n not in shapes_of(network)}
        assert all("position_ids" in n or "projection" in n for n in left)
        assert shapes_of(network) == {n: s for n, s in published.items() if n not in left}


def test_the_trained_networks_are_shaped_by_the_published_names():
    keys = published_keys("ladi_vton")
    config = build(**SIZES).vision_encoder.config
    for name, make in (
        ("tps", Matching.shaped_like), ("refinement", Refinement.shaped_like),
        ("emasc", SkipAdapters.shaped_like),
        ("inversion_adapter", lambda s: InversionAdapter(config, 5120, 16384)),
    ):  # fmt: skip
        shapes = keys[TRAINED[name]]
        with empty():
            state = {n: torch.empty(shape) for n, shape in shapes.items()}
            network = make(state)
        assert shapes_of(network) == shapes


# ------------------------------------------------------------------------------- runs


def test_a_run_is_its_seed(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    runs = [pipeline(person, garment, steps=2, seed=seed) for seed in (3, 3, 4)]
    assert runs[0].shape == (1, 3, 64, 40)
    assert runs[0].min() >= 0 and runs[0].max() <= 1
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_everything_given_counts(pipeline):
    garment = garments(pipeline)
    made = pipeline(people(pipeline), garment, steps=2)
    for other in (garments(pipeline, seed=8), garments(pipeline, category="dress")):
        assert not torch.equal(made, pipeline(people(pipeline), other, steps=2))
    assert not torch.equal(made, pipeline(people(pipeline, seed=1), garment, steps=2))


def test_a_batch_equals_its_single_runs(pipeline):
    photos, clothes = random_pictures(2, 64, 40), random_pictures(2, 64, 40, 7)
    mask = torch.zeros(2, 1, 64, 40)
    mask[0, :, 8:40] = 1
    mask[1, :, 16:56] = 1
    poses = torch.rand(2, 18, 64, 40, generator=torch.Generator().manual_seed(2))
    kinds = ["upper", "dress"]
    pairs = every_pair(2, 2)
    together = pipeline(
        pipeline.encode_person(photos, mask, poses), pipeline.encode_garment(clothes, kinds),
        pairs=pairs, seed=20, steps=2,
    )  # fmt: skip
    for index, (p, g) in enumerate(pairs):
        person = pipeline.encode_person(photos[p, None], mask[p, None], poses[p, None])
        garment = pipeline.encode_garment(clothes[g, None], kinds[g])
        alone = pipeline(person, garment, seed=20 + index, steps=2)
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-4, rtol=0)


def test_a_pair_with_several_seeds_is_warped_once(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    networks = {"matching": pipeline.matching, "refinement": pipeline.refinement,
                "encoder": pipeline.vae.encoder}  # fmt: skip
    with Calls(**networks) as rows:
        made = pipeline(person, garment, pairs=[(0, 0)] * 3, seed=5, steps=1)
    assert rows == {"matching": [1], "refinement": [1], "encoder": [1]}
    alone = pipeline(person, garment, seed=6, steps=1)
    torch.testing.assert_close(made[1:2], alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [(40, 64), (72, 56), (16, 16)])
def test_any_size_of_multiples_of_8(pipeline, size):
    made = pipeline(people(pipeline, 1, *size), garments(pipeline, 1, *size), steps=1)
    assert made.shape[-2:] == size and made.isfinite().all()


def test_without_guidance_half_the_batch_runs(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    with Calls(denoiser=pipeline.denoiser) as rows:
        without = pipeline(person, garment, steps=2, guidance=1.0)
    assert rows == {"denoiser": [1, 1]}
    with Calls(denoiser=pipeline.denoiser) as rows:
        formula = pipeline(person, garment, steps=2, guidance=1 + 1e-6)
    assert rows == {"denoiser": [2, 2]}
    torch.testing.assert_close(without, formula, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_from_noise_and_from_a_picture(pipeline, name):
    person, garment = people(pipeline), garments(pipeline)
    start = random_pictures(1, 64, 40, 9)
    whole = pipeline(person, garment, steps=4, scheduler=name)
    part = pipeline(person, garment, steps=4, scheduler=name, strength=0.5, start=start)
    assert whole.isfinite().all() and part.isfinite().all() and not torch.equal(whole, part)


def test_stages_and_progress(pipeline):
    seen, steps = [], []
    pipeline.place = seen.append
    try:
        pipeline(people(pipeline), garments(pipeline), steps=3,
                 progress=lambda *args: steps.append(args))  # fmt: skip
    finally:
        pipeline.place = lambda stage: None
    assert seen == ["encode", "look", "word", "warp", "encode", "denoise", "decode"]
    assert all(hasattr(pipeline, name) for names in pipeline.STAGES.values() for name in names)
    assert [(done, total) for done, total, _ in steps] == [(1, 3), (2, 3), (3, 3)]
    assert steps[0][2].preview().shape == (1, 3, 8, 5)


def test_stopping_leaves_nothing_behind(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    expected = pipeline(person, garment, steps=2)

    def stop(*_):
        raise Stop

    with pytest.raises(Stop):
        pipeline(person, garment, steps=2, progress=stop)
    assert torch.equal(pipeline(person, garment, steps=2), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits(root, pipeline, dtype):
    half = load(root, "dresscode", dtype=dtype)
    assert next(half.denoiser.parameters()).dtype == dtype
    assert next(half.matching.parameters()).dtype == torch.float32
    assert next(half.refinement.parameters()).dtype == torch.float32
    exact = pipeline(people(pipeline), garments(pipeline), steps=2)
    rough = half(people(half), garments(half), steps=2)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < (0.01 if dtype == torch.float16 else 0.08)


def test_words_stand_where_the_places_are(pipeline):
    encoder = pipeline.text_encoder
    ids = torch.zeros(2, 77, dtype=torch.int64)
    ids[0, 5:21] = PLACEHOLDER
    words = torch.randn(2, 16, TEXT["hidden_size"])
    states = text_states(encoder, ids, words)
    plain = encoder(ids).last_hidden_state
    assert torch.equal(states[1], plain[1])  # no place, left as it is
    torch.testing.assert_close(states[0, :5], plain[0, :5])  # it looks back alone
    assert not torch.allclose(states[0, 5], plain[0, 5])
    torch.testing.assert_close(encoder(ids).last_hidden_state, plain)  # nothing is left behind


def test_the_adapters_answer_for_the_first_token_alone():
    """As one encoder layer of transformers, of which the first token is taken."""
    from transformers import CLIPVisionConfig
    from transformers.models.clip.modeling_clip import CLIPEncoderLayer

    config = CLIPVisionConfig(
        **{**VISION, "patch_size": 14, "hidden_act": "gelu"}, attn_implementation="eager"
    )
    adapter = InversionAdapter(config, 12, 32).eval()
    layer = CLIPEncoderLayer(config).eval()
    layer.load_state_dict(adapter.encoder_layers[0].state_dict())
    states = torch.randn(2, 5, VISION["hidden_size"])
    with torch.no_grad():
        # Which masks it takes depends on the version of transformers; it needs none.
        masks = [name for name in signature(layer.forward).parameters if name.endswith("_mask")]
        whole = layer(states, **dict.fromkeys(masks))
        whole = whole[0] if isinstance(whole, tuple) else whole
        torch.testing.assert_close(adapter.encoder_layers[0](states), whole[:, 0])


def test_pose_maps():
    points = np.zeros((18, 3), np.float32)
    points[3], points[4] = (10, 20, 0.9), (0, 12, 0.5)
    maps = pose_map(points, 40, 64)
    assert maps.shape == (18, 64, 40) and not maps[0].any()
    assert maps[3].argmax() == 20 * 40 + 10 and float(maps[3].max()) == pytest.approx(1)
    assert float(maps[3, 20, 19]) == pytest.approx(np.exp(-1), abs=1e-5)  # 9 pixels away
    assert maps[4].argmax() == 12 * 40  # on the edge, still a point


# ------------------------------------------------------------------------------- wrong input


def test_pictures_that_do_not_fit(pipeline):
    photo = random_pictures(1, 64, 40)
    pose = torch.zeros(1, 18, 64, 40)
    with pytest.raises(InputError, match="multiples of 8.*40x60"):
        pipeline.encode_person(photo[:, :, :60], photo[:, :1, :60], pose[:, :, :60])
    with pytest.raises(InputError, match="mask must be"):
        pipeline.encode_person(photo, photo[:, :1, :32], pose)
    with pytest.raises(InputError, match="18 channels; 3 came"):
        pipeline.encode_person(photo, photo[:, :1], photo)
    with pytest.raises(InputError, match="of one size"):
        pipeline(people(pipeline), garments(pipeline, 1, 48, 64), steps=1)


def test_a_garment_that_the_variant_does_not_know(root, pipeline):
    with pytest.raises(InputError, match="2 garments have 1 categories"):
        pipeline.encode_garment(random_pictures(2, 64, 40), ["upper"])
    for category in ("shoes", "overall"):
        with pytest.raises(InputError, match="upper and lower and dress"):
            garments(pipeline, category=category)
    with pytest.raises(InputError, match="vitonhd, dresscode"):
        load(root, "hd")


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("warping", lambda s: s.pop("tps"), "does not hold the warping .tps.: 'extractionA"),
        ("warping", lambda s: s.update(more=s["tps"]), "two tables.*also holds more"),
        ("warping", lambda s: s["refinement"].pop("outc.conv.bias"), "Missing .1.: outc.conv.bias"),
        ("emasc", lambda s: s.update(more=torch.zeros(1)), "Left over .1.: more"),
        ("emasc", lambda s: s.clear(), "skip adapters"),
        ("inversion_adapter", lambda s: s.pop("layers.0.weight"), "inversion adapter: 'layers.0"),
        ("unet", lambda s: s.update({"conv_in.weight": torch.zeros(8, 9, 3, 3)}), "wanted .8, 31"),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, file, change, words):
    write_checkpoint(tmp_path, "dresscode")
    path = tmp_path / f"{file}_dresscode.pth"
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    with pytest.raises(MissingFiles, match=words):
        load(tmp_path, "dresscode")


def test_a_hostile_pickle_runs_nothing(tmp_path):
    write_checkpoint(tmp_path, "dresscode")
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    torch.save({"tps": Hostile()}, tmp_path / "warping_dresscode.pth")
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        load(tmp_path, "dresscode")
    assert not ran.exists()


def test_weights_load_strictly_into_their_network():
    with pytest.raises(MissingFiles, match="Missing"):
        load_strict(SkipAdapters([(4, 4)] * 5), {}, source="nothing")
