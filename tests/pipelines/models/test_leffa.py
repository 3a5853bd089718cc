"""Leffa on tiny random checkpoints in the published layout."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.diffusion.run import (
    check_category,
    check_guidance,
    every_pair,
    pair_up,
)
from fitting_room.pipelines.diffusion.schedulers import NAMES
from fitting_room.pipelines.diffusion.token_store import TokenStore
from fitting_room.pipelines.errors import InputError, MissingFiles, NobodyFound, NoGarmentFound
from fitting_room.pipelines.masking.densepose import load_densepose
from fitting_room.pipelines.models.leffa import pictures
from fitting_room.pipelines.models.leffa.load import BASES, build, load, prepare
from safetensors.numpy import load_file
from tiny.leffa import write_checkpoint
from tiny.weights import published_configs, published_shapes

ROOT = Path(__file__).resolve().parents[3]


def published(variant):
    return published_configs("leffa/" + variant.removesuffix("_dc"))


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    made = {}
    for variant in ("virtual_tryon", "pose_transfer"):
        made[variant] = tmp_path_factory.mktemp(variant)
        write_checkpoint(made[variant], variant)
    return made


@pytest.fixture(autouse=True)
def nothing_kept(pipelines):
    """Each test begins as after loading."""
    for pipeline in pipelines.values():
        pipeline.unconditional = TokenStore()


@pytest.fixture(scope="module")
def pipelines(roots):
    return {variant: load(root, variant) for variant, root in roots.items()}


@pytest.fixture(scope="module", params=["virtual_tryon", "pose_transfer"])
def pipeline(request, pipelines):
    return pipelines[request.param]


@pytest.fixture(scope="module")
def tryon(pipelines):
    return pipelines["virtual_tryon"]


def random_pictures(count, height, width, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def people(pipeline, count=1, height=64, width=40, seed=0):
    mask = torch.zeros(count, 1, height, width)
    mask[:, :, 8:48, 8:32] = 1
    if pipeline.variant == "pose_transfer":
        mask[:] = 1
    return pipeline.encode_person(
        random_pictures(count, height, width, seed), mask,
        random_pictures(count, height, width, seed + 100),
    )  # fmt: skip


def garments(pipeline, count=1, height=64, width=40, seed=7):
    return pipeline.encode_garment(random_pictures(count, height, width, seed))


def one(encoding, index):
    """A single person or garment of a batch."""
    cut = slice(index, index + 1)
    if hasattr(encoding, "latents"):
        return type(encoding)(encoding.latents[cut])
    return type(encoding)(
        encoding.masked.rows(torch.tensor([index])), encoding.mask[cut], encoding.body[cut]
    )


class Calls:
    """Batch sizes with which networks run."""

    def __init__(self, **networks):
        self.rows = {name: [] for name in networks}
        self.hooks = [
            network.register_forward_pre_hook(
                lambda _, args, name=name: self.rows[name].append(len(args[0]))
            )
            for name, network in networks.items()
        ]

    def __enter__(self):
        return self.rows

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


# ------------------------------------------------------------------------------- published sizes


@pytest.mark.parametrize("variant", ["virtual_tryon", "pose_transfer"])
def test_published_networks_take_exactly_the_published_names(variant):
    networks = build(**{f"{part}_config": each for part, each in published(variant).items()})
    ours = {}
    for prefix, network in (
        ("vae.", networks.vae), ("unet_encoder.", networks.reference), ("unet.", networks.denoiser)
    ):  # fmt: skip
        ours |= {prefix + n: list(t.shape) for n, t in network.state_dict().items()}
    assert ours == published_shapes("leffa", f"{variant}.pth")


@pytest.mark.parametrize(
    ("variant", "dead"), [("virtual_tryon", 89_682_884), ("pose_transfer", 1_123_675_524)]
)
def test_dead_weights_are_let_go(variant, dead):
    networks = build(**{f"{part}_config": each for part, each in published(variant).items()})

    def count():
        return sum(
            math.prod(parameter.shape)
            for unet in (networks.reference, networks.denoiser)
            for parameter in unet.parameters()
        )

    before = count()
    prepare(networks)
    assert before - count() == dead


# ------------------------------------------------------------------------------- runs


def test_a_run_is_its_seed(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    runs = [pipeline(person, garment, steps=2, seed=seed) for seed in (3, 3, 4)]
    assert runs[0].shape == (1, 3, 64, 40)
    assert runs[0].min() >= 0 and runs[0].max() <= 1
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("accelerated", [False, True])
def test_a_batch_equals_its_single_runs(pipeline, accelerated):
    person, garment = people(pipeline, 2), garments(pipeline, 2)
    pairs = every_pair(2, 2)
    options = {"steps": 2, "accelerated": accelerated, "guidance": 2.0}
    together = pipeline(person, garment, pairs=pairs, seed=20, **options)
    for index, (p, g) in enumerate(pairs):
        alone = pipeline(one(person, p), one(garment, g), seed=20 + index, **options)
        torch.testing.assert_close(together[index : index + 1], alone, atol=2e-5, rtol=0)


def test_batches_of_pictures_encode_like_single_ones(pipeline):
    photos, bodies = random_pictures(2, 64, 40), random_pictures(2, 64, 40, 100)
    mask = torch.ones(2, 1, 64, 40)
    mask[:, :, :32] = pipeline.variant == "pose_transfer"
    both = pipeline.encode_person(photos, mask, bodies)
    for index in range(2):
        cut = slice(index, index + 1)
        alone = pipeline.encode_person(photos[cut], mask[cut], bodies[cut])
        torch.testing.assert_close(both.masked.moments[cut], alone.masked.moments)
        assert torch.equal(both.mask[cut], alone.mask) and torch.equal(both.body[cut], alone.body)
    clothes = random_pictures(2, 64, 40, 3)
    code = pipeline.encode_garment(clothes, seed=5)
    alone = pipeline.encode_garment(clothes[1:], seed=5)
    torch.testing.assert_close(code.latents[1:], alone.latents)


@pytest.mark.parametrize("size", [(40, 64), (72, 56), (8, 8)])
def test_any_size_of_multiples_of_8(pipeline, size):
    made = pipeline(people(pipeline, 1, *size), garments(pipeline, 1, *size), steps=1)
    assert made.shape[-2:] == size and made.isfinite().all()


def test_a_garment_of_another_size(pipeline):
    made = pipeline(people(pipeline), garments(pipeline, 1, 48, 64), steps=1)
    assert made.shape == (1, 3, 64, 40) and made.isfinite().all()


def test_guidance_of_one_runs_no_unconditional_half(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    with Calls(denoiser=pipeline.denoiser, reference=pipeline.reference) as rows:
        without = pipeline(person, garment, steps=2, guidance=1.0)
    assert rows == {"denoiser": [1, 1], "reference": [1, 1]}
    with Calls(denoiser=pipeline.denoiser, reference=pipeline.reference) as rows:
        formula = pipeline(person, garment, steps=2, guidance=1 + 1e-6)
    assert rows == {"denoiser": [2, 2], "reference": [1, 1, 1, 1]}
    torch.testing.assert_close(without, formula, atol=1e-4, rtol=0)


def test_the_reference_runs_one_zero_row_and_each_garment_once(pipeline):
    person, garment = people(pipeline, 2), garments(pipeline)
    with Calls(denoiser=pipeline.denoiser, reference=pipeline.reference) as rows:
        pipeline(person, garment, steps=2)
    assert rows == {"denoiser": [4, 4], "reference": [1, 1, 1, 1]}  # garment, zero; twice
    with Calls(reference=pipeline.reference) as rows:
        pipeline(person, garment, steps=3, accelerated=True)
    assert rows == {"reference": [1, 1]}


def test_the_zero_row_is_read_once_for_a_checkpoint_size_and_time(pipeline):
    person, first, second = people(pipeline), garments(pipeline), garments(pipeline, seed=5)
    alone = pipeline(person, second, steps=2)
    pipeline.unconditional = TokenStore()
    pipeline(person, first, steps=2)
    with Calls(reference=pipeline.reference) as rows:
        after = pipeline(person, second, steps=2)
    assert rows == {"reference": [1, 1]} and torch.equal(after, alone)
    with Calls(reference=pipeline.reference) as rows:  # switched off: every run reads it
        pipeline.unconditional = TokenStore(0)
        off = [pipeline(person, second, steps=2) for _ in range(2)]
    assert rows == {"reference": [1] * 8} and all(torch.equal(each, alone) for each in off)


def test_tokens_read_ahead_lie_in_main_memory_within_a_limit(pipeline):
    garment = garments(pipeline)
    with pytest.raises(InputError, match="Keep fewer garments"):
        pipeline.read_ahead(garment, steps=3, accelerated=False, most_bytes=1000)
    ahead = pipeline.read_ahead(garment, steps=3, accelerated=False)
    kept = [each for tokens in ahead.tokens.values() for each in tokens.values()]
    assert all(each.device.type == "cpu" and len(each) == 1 for each in kept)


@pytest.mark.parametrize("accelerated", [False, True])
def test_tokens_read_ahead_give_the_same_pictures(pipeline, accelerated):
    person, garment = people(pipeline), garments(pipeline)
    settings = {"steps": 3, "accelerated": accelerated}
    expected = pipeline(person, garment, **settings)
    ahead = pipeline.read_ahead(garment, **settings)
    assert len(ahead.tokens) == (1 if accelerated else 3)
    with Calls(reference=pipeline.reference, encoder=pipeline.vae.encoder) as rows:
        actual = pipeline(person, ahead, **settings)
    assert rows == {"reference": [], "encoder": []}
    assert torch.equal(actual, expected)


def test_hidden_photos_are_encoded_once(pipelines):
    with Calls(encoder=pipelines["pose_transfer"].vae.encoder) as rows:
        code = people(pipelines["pose_transfer"], 3)
    assert rows == {"encoder": [1]} and len(code.masked.moments) == 3


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_from_noise_and_from_a_picture(tryon, name):
    person, garment = people(tryon), garments(tryon)
    start = random_pictures(1, 64, 40, 9)
    steps = []
    whole = tryon(person, garment, steps=4, scheduler=name)
    part = tryon(person, garment, steps=4, scheduler=name, strength=0.5, start=start,
                 progress=lambda done, total, _: steps.append((done, total)))  # fmt: skip
    assert whole.isfinite().all() and part.isfinite().all() and not torch.equal(whole, part)
    assert steps == ([(1, 4), (2, 4), (3, 4), (4, 4)] if name == "lcm" else [(1, 2), (2, 2)])


def test_stages_progress_and_previews(pipeline):
    seen, steps = [], []
    pipeline.place = seen.append
    try:
        person, garment = people(pipeline), garments(pipeline)
        pipeline(person, garment, steps=3, progress=lambda *args: steps.append(args))
    finally:
        pipeline.place = lambda stage: None
    assert seen == ["encode", "encode", "read_and_denoise", "decode"]
    assert set(seen) <= set(pipeline.STAGES)
    assert all(hasattr(pipeline, name) for names in pipeline.STAGES.values() for name in names)
    assert [(done, total) for done, total, _ in steps] == [(1, 3), (2, 3), (3, 3)]
    for _, _, step in steps:
        picture = step.preview()
        assert picture.shape == (1, 3, 8, 5) and picture.min() >= 0 and picture.max() <= 1


def test_only_what_a_stage_runs_is_asked_for(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    seen = []
    pipeline.place = seen.append
    try:
        pipeline(person, garment, steps=3, accelerated=True)
        ahead = pipeline.read_ahead(garment, steps=3, accelerated=True).to("cpu")
        pipeline(person, ahead, steps=3, accelerated=True)
        pipeline(person, pipeline.read_ahead(garment, steps=2, accelerated=False), steps=2)
    finally:
        pipeline.place = lambda stage: None
    run = ["denoise", "decode"]
    assert seen == ["read", *run, "read", *run, "read", *run]


class Stop(Exception):
    pass


def test_stopping_leaves_nothing_behind(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    expected = pipeline(person, garment, steps=2)

    def stop(*_):
        raise Stop

    with pytest.raises(Stop):
        pipeline(person, garment, steps=2, progress=stop)
    pipeline.place = stop
    with pytest.raises(Stop):
        pipeline(person, garment, steps=2)
    pipeline.place = lambda stage: None
    assert torch.equal(pipeline(person, garment, steps=2), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits(roots, tryon, dtype):
    half = load(roots["virtual_tryon"], "virtual_tryon", dtype=dtype)
    assert {p.dtype for u in (half.vae, half.reference, half.denoiser) for p in u.parameters()} == {
        dtype
    }
    exact = tryon(people(tryon), garments(tryon), steps=2)
    rough = half(people(half), garments(half), steps=2)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < (0.01 if dtype == torch.float16 else 0.08)


# ------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("size", "words"), [((60, 40), "multiples of 8.*40x60"), ((64, 41), "multiples of 8.*41x64")]
)
def test_sizes_that_do_not_fit(tryon, size, words):
    picture = random_pictures(1, *size)
    with pytest.raises(InputError, match=words):
        tryon.encode_garment(picture)
    with pytest.raises(InputError, match=words):
        tryon.encode_person(picture, picture[:, :1], picture)


def test_pictures_of_different_sizes(tryon):
    photo = random_pictures(1, 64, 40)
    with pytest.raises(InputError, match="mask must be.*1 of 40x64; 1 of 40x32"):
        tryon.encode_person(photo, photo[:, :1, :32], photo)
    with pytest.raises(InputError, match="DensePose.*1 of 40x64; 2 of 40x64"):
        tryon.encode_person(photo, photo[:, :1], random_pictures(2, 64, 40))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"strength": 0.5}, "picture to start from"),
        ({"scheduler": "best"}, "one of published"),
        ({"seed": -1}, "seed"),
        ({"pairs": [(0, 1)]}, "Pairs"),
        ({"pairs": []}, "Pairs"),
        ({"strength": 0.5, "start": torch.rand(1, 3, 64, 41)}, "multiples of 8"),
    ],
)
def test_settings_that_cannot_run(tryon, settings, words):
    with pytest.raises(InputError, match=words):
        tryon(people(tryon), garments(tryon), **settings)


def test_what_a_user_sets_is_checked():
    check_guidance(1.0)
    with pytest.raises(InputError, match="1 .none. or more; 0.5"):
        check_guidance(0.5)
    with pytest.raises(InputError, match="guidance"):
        check_guidance(float("nan"))
    check_category("upper", ("upper",), "Leffa try-on")
    with pytest.raises(InputError, match="Leffa try-on was trained for upper garments.*'lower'"):
        check_category("lower", ("upper",), "Leffa try-on")
    assert pair_up(1, 3) == [(0, 0), (0, 1), (0, 2)] and pair_up(2, 2) == [(0, 0), (1, 1)]
    with pytest.raises(InputError, match="2 people and 3 garments"):
        pair_up(2, 3)


def test_a_variant_that_is_not(roots):
    with pytest.raises(InputError, match="virtual_tryon, virtual_tryon_dc, pose_transfer"):
        load(roots["virtual_tryon"], "tryon")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("unet.conv_in.bias"), "Missing .1.: conv_in.bias"),
        (lambda state: state.update({"unet.more": torch.zeros(1)}), "Left over .1.: more"),
        (lambda state: state.update({"clip.more": torch.zeros(1)}), "not a Leffa checkpoint"),
        (
            lambda state: state.update({"unet.conv_in.weight": torch.zeros(8, 9, 3, 3)}),
            "conv_in.weight: wanted .8, 12, 3, 3., found .8, 9, 3, 3.",
        ),
        (
            lambda state: [state.pop(name) for name in list(state) if "unet_encoder." in name],
            "unet_encoder",
        ),
    ],
    ids=["missing", "left over", "other part", "inpainting UNet", "no reference UNet"],
)
def test_checkpoints_that_do_not_fit(tmp_path, change, words):
    write_checkpoint(tmp_path, "virtual_tryon")
    state = torch.load(tmp_path / "virtual_tryon.pth", weights_only=True)
    change(state)
    torch.save(state, tmp_path / "virtual_tryon.pth")
    with pytest.raises(MissingFiles, match=words):
        load(tmp_path, "virtual_tryon")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(MissingFiles, match="config.json"):
        load(tmp_path, "virtual_tryon")
    write_checkpoint(tmp_path, "virtual_tryon")
    (tmp_path / "virtual_tryon.pth").unlink()
    with pytest.raises(MissingFiles, match="virtual_tryon.pth"):
        load(tmp_path, "virtual_tryon")
    (tmp_path / BASES["virtual_tryon"] / "vae" / "config.json").write_text("{")
    with pytest.raises(MissingFiles, match="not a JSON file"):
        load(tmp_path, "virtual_tryon")


# ------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("shape", [(50, 30, 3), (30, 50, 4), (40, 40), (1, 9, 3)])
def test_letterbox_keeps_the_aspect(shape):
    boxed = pictures.letterbox(np.full(shape, 40, np.uint8), 48, 64)
    assert boxed.shape == (64, 48, 3)
    rows, columns = np.nonzero((boxed == 40).all(axis=2))
    inside = (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1)
    scale = min(64 / shape[0], 48 / shape[1])
    assert inside == (int(shape[0] * scale), int(shape[1] * scale))
    assert (boxed[: rows.min()] == 255).all()


def test_letterbox_of_a_line():
    with pytest.raises(InputError, match="too narrow"):
        pictures.letterbox(np.zeros((1000, 2, 3), np.uint8), 96, 128)


def test_pictures_without_content():
    with pytest.raises(NoGarmentFound):
        pictures.centre_garment(np.zeros((20, 20, 4), np.uint8))


@pytest.fixture(scope="module")
def densepose():
    """A tiny random network and a picture in which it finds people."""
    case = ROOT / "tests" / "golden" / "densepose" / "r50_fpn_tiny"
    network = load_densepose(case / "checkpoint" / "model_final_162be9.pkl")
    return network, load_file(case / "inputs.safetensors")["image"]


@pytest.mark.parametrize("variant", pictures.VARIANTS)
def test_body_maps(densepose, variant):
    network, photo = densepose
    drawn = pictures.read_body_map(network, photo, variant)
    assert drawn.shape == photo.shape and drawn.dtype == np.uint8 and drawn.any()
    if variant == "virtual_tryon_dc":
        assert drawn.max() <= 24 and (drawn == drawn[..., :1]).all()
    if variant == "pose_transfer":
        assert drawn[..., 2].max() <= 24 and drawn[..., :2].max() == 255


def test_nobody_found_is_black_for_one_variant_alone(densepose):
    network, photo = copy.deepcopy(densepose[0]), densepose[1]
    network.roi_heads.box_predictor.cls_score.bias.copy_(torch.tensor([-1e4, 1e4]))  # background
    assert not pictures.read_body_map(network, photo, "virtual_tryon").any()
    for variant in ("virtual_tryon_dc", "pose_transfer"):
        with pytest.raises(NobodyFound, match="found nobody"):
            pictures.read_body_map(network, photo, variant)


def test_a_garment_at_the_edge_is_moved_inside():
    cutout = np.zeros((60, 100, 4), np.uint8)
    cutout[0:30, 90:100] = (200, 10, 10, 255)
    canvas = pictures.centre_garment(cutout, 48, 64)
    red = np.argwhere(canvas[..., 1] < 100)
    assert canvas.shape == (64, 48, 4) and (canvas[:8] == 255).all() and (canvas[56:] == 255).all()
    assert red[:, 1].max() == 47  # still at the right edge: the crop was moved inside the picture


def test_eight_bit_storage(roots, tryon):
    """The layerwise casting of diffusers: weights of eight bits, computed in sixteen."""
    pytest.importorskip("diffusers", minversion="0.33")
    small = load(roots["virtual_tryon"], "virtual_tryon", dtype=torch.bfloat16)
    for unet in (small.reference, small.denoiser):
        unet.enable_layerwise_casting(torch.float8_e4m3fn, torch.bfloat16)
    exact = tryon(people(tryon), garments(tryon), steps=2)
    rough = small(people(small), garments(small), steps=2)
    assert small.denoiser.conv_in.weight.dtype == torch.float8_e4m3fn
    block = small.denoiser.get_submodule("down_blocks.0.attentions.0.transformer_blocks.0")
    assert block.attn1.to_k.weight.dtype == torch.float8_e4m3fn
    assert (rough - exact).abs().mean() < 0.15


@pytest.mark.parametrize("side, kept", [(90, 88), (88, 88)])
def test_body_map_of_training_has_sides_of_multiples_of_8(side, kept):
    """Nearest pixels: no label between two others appears."""
    picture = np.zeros((120, side, 3), np.uint8)
    picture[:, side // 2 :] = (255, 255, 24)
    body = pictures.unit_body_map(picture)
    assert body.shape == (1, 3, 120, kept)
    assert set(body.unique().tolist()) == {0, 1}
