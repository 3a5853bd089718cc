"""OOTDiffusion on tiny random checkpoints in the published layout."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.diffusion.run import every_pair
from fitting_room.pipelines.diffusion.schedulers import NAMES
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.models.ootdiffusion import pictures
from fitting_room.pipelines.models.ootdiffusion.load import build, load, prepare, tokenize
from safetensors.torch import save_file
from tiny.diffusion import CLIP_PICTURES
from tiny.ootdiffusion import write_checkpoint
from tiny.weights import published_configs, published_shapes

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = published_configs("ootdiffusion")
UNET_FILE = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    made = {}
    for variant in ("hd", "dc"):
        made[variant] = tmp_path_factory.mktemp(variant)
        write_checkpoint(made[variant], variant, old_vae_names=variant == "hd")
    return made


@pytest.fixture(scope="module")
def pipelines(roots):
    return {variant: load(root, variant) for variant, root in roots.items()}


@pytest.fixture(scope="module", params=["hd", "dc"])
def pipeline(request, pipelines):
    return pipelines[request.param]


@pytest.fixture(scope="module")
def dc(pipelines):
    return pipelines["dc"]


def random_pictures(count, height=64, width=40, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def people(pipeline, count=1, height=64, width=40, seed=0):
    mask = torch.zeros(count, 1, height, width)
    mask[:, :, 8:48, 8:32] = 1
    return pipeline.encode_person(random_pictures(count, height, width, seed), mask)


def garments(pipeline, count=1, height=64, width=40, seed=7):
    return pipeline.encode_garment(random_pictures(count, height, width, seed))


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


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_take_exactly_the_published_names(name):
    file = {"reference": "unet_garm", "denoiser": "unet_vton"}.get(name, name)
    published = published_shapes("ootdiffusion", file)
    network = getattr(build(**PUBLISHED), name)
    ours = {each: list(tensor.shape) for each, tensor in network.state_dict().items()}
    if name == "text_encoder":  # transformers 5 has dropped this level of names, 4 has it
        ours = {f"text_model.{each.removeprefix('text_model.')}": s for each, s in ours.items()}
    assert ours == published


def test_dead_weights_are_let_go():
    networks = build(**PUBLISHED)
    before = sum(math.prod(each.shape) for each in networks.reference.parameters())
    prepare(networks)
    after = sum(math.prod(each.shape) for each in networks.reference.parameters())
    norm1 = 2 * 320  # of the last block: its tokens are read before it
    assert before - after == 2_455_044 - norm1


# ------------------------------------------------------------------------------- runs


def test_a_run_is_its_seed(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    runs = [pipeline(person, garment, steps=3, seed=seed) for seed in (3, 3, 4)]
    assert runs[0].shape == (1, 3, 64, 40)
    assert runs[0].min() >= 0 and runs[0].max() <= 1
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_a_batch_equals_its_single_runs(pipeline):
    photos, clothes = random_pictures(2), random_pictures(2, seed=7)
    mask = torch.zeros(2, 1, 64, 40)
    mask[0, :, 8:40], mask[1, :, 16:56] = 1, 1
    person, garment = pipeline.encode_person(photos, mask), pipeline.encode_garment(clothes)
    pairs = every_pair(2, 2)
    together = pipeline(person, garment, pairs=pairs, steps=3, seed=20)
    for index, (p, g) in enumerate(pairs):
        alone = pipeline(
            pipeline.encode_person(photos[p : p + 1], mask[p : p + 1]),
            pipeline.encode_garment(clothes[g : g + 1]),
            steps=3,
            seed=20 + index,
        )
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-4, rtol=0)


def test_garments_of_several_categories(dc):
    clothes = random_pictures(3)
    code = dc.encode_garment(clothes, ["upper", "lower", "dress"])
    for index, category in enumerate(("upper", "lower", "dress")):
        alone = dc.encode_garment(clothes[index : index + 1], category)
        torch.testing.assert_close(code.context[index : index + 1], alone.context)
    assert not torch.equal(code.context[0, 1], code.context[1, 1])


def test_context_of_the_variants(pipelines):
    lengths = {name: garments(each).context.shape[1] for name, each in pipelines.items()}
    assert lengths == {"hd": 2, "dc": 4}


@pytest.mark.parametrize("size", [(40, 64), (72, 56), (8, 8)])
def test_any_size_of_multiples_of_8(pipeline, size):
    made = pipeline(people(pipeline, 1, *size), garments(pipeline, 1, *size), steps=2)
    assert made.shape[-2:] == size and made.isfinite().all()


def test_a_garment_of_another_size(pipeline):
    made = pipeline(people(pipeline), garments(pipeline, 1, 48, 64), steps=2)
    assert made.shape == (1, 3, 64, 40) and made.isfinite().all()


def test_what_the_mask_keeps_is_the_photo(dc):
    photo = random_pictures(1)
    nothing = dc.encode_person(photo, torch.zeros(1, 1, 64, 40))
    kept = []
    dc(nothing, garments(dc), steps=4, progress=lambda done, total, step: kept.append(step.latents))
    torch.testing.assert_close(kept[-1], nothing.photo)
    assert (kept[0] - nothing.photo).abs().max() > 0.1  # as noisy as the rest until the end


@pytest.mark.parametrize("guidance", [0.5, 1.0])
def test_guidance_of_one_runs_no_unconditional_half(pipeline, guidance):
    person, garment = people(pipeline), garments(pipeline)
    with Calls(denoiser=pipeline.denoiser) as rows:
        without = pipeline(person, garment, steps=2, guidance=guidance)
    assert rows == {"denoiser": [1, 1]}
    with Calls(denoiser=pipeline.denoiser) as rows:
        formula = pipeline(person, garment, steps=2, guidance=1 + 1e-6)
    assert rows == {"denoiser": [2, 2]}
    torch.testing.assert_close(without, formula, atol=1e-4, rtol=0)


def test_a_garment_is_looked_at_once(pipeline):
    networks = {name: getattr(pipeline, name) for name in ("reference", "image_encoder")}
    with Calls(**networks, encoder=pipeline.vae.encoder) as rows:
        garment = garments(pipeline)
        pipeline(people(pipeline), garment, steps=3, pairs=[(0, 0)] * 3)
        pipeline(people(pipeline), garment, steps=3, seed=7)
    assert rows == {"reference": [2], "image_encoder": [1], "encoder": [1] * 5}


def test_constant_keys_and_values_are_projected_once(pipeline):
    calls = []
    block = pipeline.denoiser.get_submodule("down_blocks.0.attentions.0.transformer_blocks.0")
    hooks = [
        layer.register_forward_pre_hook(lambda _, args: calls.append(args[0].shape[1]))
        for layer in (block.attn1.to_k, block.attn2.to_k)
    ]
    try:
        pipeline(people(pipeline), garments(pipeline), steps=3)
    finally:
        for hook in hooks:
            hook.remove()
    own, context = 40, {"hd": 2, "dc": 4}[pipeline.variant]
    assert calls == [own, context] + [own] * 3  # garment tokens, context; then own tokens alone


def test_an_encoding_moves(dc):
    garment = garments(dc)
    moved = garment.to("cpu")
    assert torch.equal(dc(people(dc), garment, steps=2), dc(people(dc), moved, steps=2))


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_from_noise_and_from_a_picture(dc, name):
    person, garment = people(dc), garments(dc)
    start = random_pictures(1, seed=9)
    whole = dc(person, garment, steps=4, scheduler=name)
    part = dc(person, garment, steps=4, scheduler=name, strength=0.5, start=start)
    assert whole.isfinite().all() and part.isfinite().all() and not torch.equal(whole, part)


def test_more_steps_than_timesteps_differ(dc):
    assert dc(people(dc, 1, 8, 8), garments(dc, 1, 8, 8), steps=50).isfinite().all()


def test_stages_progress_and_previews(pipeline):
    seen, steps = [], []
    pipeline.place = seen.append
    try:
        garment = garments(pipeline)
        pipeline(people(pipeline), garment, steps=3, progress=lambda *args: steps.append(args))
    finally:
        pipeline.place = lambda stage: None
    assert seen == ["embed", "encode", "read", "encode", "denoise", "decode"]
    assert set(seen) == set(pipeline.STAGES)
    assert all(hasattr(pipeline, name) for names in pipeline.STAGES.values() for name in names)
    assert [(done, total) for done, total, _ in steps] == [(1, 3), (2, 3), (3, 3)]
    assert all(step.preview().shape == (1, 3, 8, 5) for _, _, step in steps)


class Stop(Exception):
    pass


def test_stopping_leaves_nothing_behind(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    expected = pipeline(person, garment, steps=2)

    def stop(*_):
        raise Stop

    with pytest.raises(Stop):
        pipeline(person, garment, steps=2, progress=stop)
    hook = pipeline.reference.mid_block.register_forward_pre_hook(stop)
    with pytest.raises(Stop):
        garments(pipeline)
    hook.remove()
    assert torch.equal(pipeline(person, garments(pipeline), steps=2), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits(roots, dc, dtype):
    half = load(roots["dc"], "dc", dtype=dtype)
    assert {p.dtype for u in (half.vae, half.reference, half.denoiser) for p in u.parameters()} == {
        dtype
    }
    assert {p.dtype for p in half.image_encoder.parameters()} == {torch.float32}
    exact = dc(people(dc), garments(dc), steps=2)
    rough = half(people(half), garments(half), steps=2)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < (0.01 if dtype == torch.float16 else 0.08)


# ------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize("category", ["lower", "dress", "shoes"])
def test_garments_that_a_variant_does_not_know(pipelines, category):
    with pytest.raises(InputError, match=f"hd was trained for upper garments.*'{category}'"):
        pipelines["hd"].encode_garment(random_pictures(1), category)
    if category == "shoes":
        with pytest.raises(InputError, match="upper and lower and dress"):
            pipelines["dc"].encode_garment(random_pictures(1), category)
    with pytest.raises(InputError, match="2 garments have 1 categories"):
        pipelines["dc"].encode_garment(random_pictures(2), ["upper"])


@pytest.mark.parametrize("size", [(60, 40), (64, 41)])
def test_sizes_that_do_not_fit(dc, size):
    picture = random_pictures(1, *size)
    for call in (lambda: dc.encode_garment(picture), lambda: dc.encode_person(picture, picture)):
        with pytest.raises(InputError, match="multiples of 8"):
            call()


def test_a_mask_of_another_size(dc):
    with pytest.raises(InputError, match="mask must be as many pictures"):
        dc.encode_person(random_pictures(1), torch.ones(1, 1, 64, 48))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"strength": 0.5}, "picture to start from"),
        ({"scheduler": "best"}, "one of published"),
        ({"seed": [1, 2]}, "seed"),
        ({"pairs": [(1, 0)]}, "Pairs"),
    ],
)
def test_settings_that_cannot_run(dc, settings, words):
    with pytest.raises(InputError, match=words):
        dc(people(dc), garments(dc), **settings)


def test_garments_of_another_model(dc):
    garment = garments(dc)
    tokens = dict(list(garment.tokens.items())[1:])
    with pytest.raises(InputError, match="same model"):
        dc(people(dc), type(garment)(garment.context, tokens), steps=1)


def test_a_variant_that_is_not(roots):
    with pytest.raises(InputError, match="hd and dc"):
        load(roots["hd"], "xl")
    with pytest.raises(MissingFiles, match="ootd_dc"):
        load(roots["hd"], "dc")


def test_files_of_another_model(tmp_path):
    write_checkpoint(tmp_path, "hd")
    unets = tmp_path / "ootd" / "ootd_hd" / "checkpoint-36000"
    reference, denoiser = (unets / name / UNET_FILE for name in ("unet_garm", "unet_vton"))
    kept = reference.read_bytes()
    reference.write_bytes(denoiser.read_bytes())  # swapped UNets differ in conv_in alone
    with pytest.raises(MissingFiles, match=r"conv_in.weight: wanted \[8, 4, 3, 3\].*8, 8, 3, 3"):
        load(tmp_path, "hd")
    reference.write_bytes(kept)
    save_file({"lora_unet_down.lora_down.weight": torch.zeros(2)}, denoiser)
    with pytest.raises(MissingFiles, match="a LoRA"):
        load(tmp_path, "hd")
    denoiser.write_bytes(kept[:200])
    with pytest.raises(MissingFiles, match="cut short"):
        load(tmp_path, "hd")


# ------------------------------------------------------------------------------- pictures and text


def test_words_are_cut_to_their_first_token(roots):
    folder = roots["dc"] / "ootd" / "tokenizer"
    words = json.loads((folder / "vocab.json").read_text("utf-8"))
    begin, end = words["<|startoftext|>"], words["<|endoftext|>"]
    assert tokenize(folder, "hd", "upper").tolist() == [[begin, end]]
    assert tokenize(folder, "dc", "upper").tolist() == [[begin, ord("u") - ord("a"), end]]
    assert tokenize(folder, "dc", "dress").tolist() == [[begin, ord("d") - ord("a"), end]]


def test_hidden_part_is_grey():
    photo, mask = torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    mask[..., 4:] = 1
    hidden = pictures.hide(photo, mask)
    assert torch.equal(hidden[..., :4], photo[..., :4])
    assert (hidden[..., 4:] == torch.tensor(127 / 255)).all()


def test_clip_sees_the_middle_of_a_tall_garment():
    picture = np.zeros((100, 50, 3), np.uint8)
    picture[40:60] = 255
    taken = pictures.clip_input(picture, {**CLIP_PICTURES, "size": {"shortest_edge": 224}})
    assert taken.shape == (1, 3, 224, 224)
    bright = (taken[0, 0] > 0).float().mean(dim=1)
    assert bright[112] == 1 and bright[0] == 0 and bright.mean() == pytest.approx(0.4, abs=0.02)
