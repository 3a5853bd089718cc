"""CatVTON on tiny random checkpoints in the published layout."""

import json
import math

import numpy as np
import pytest
import torch
from fitting_room.pipelines.diffusion.run import every_pair
from fitting_room.pipelines.diffusion.schedulers import NAMES, Schedule
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.models.catvton import pictures
from fitting_room.pipelines.models.catvton.load import (
    VARIANTS,
    build,
    load,
    prepare,
    published_scheduler,
    self_attentions,
)
from fitting_room.pipelines.models.catvton.pipeline import ETA
from safetensors.torch import load_file, save_file
from tiny.catvton import write_checkpoint
from tiny_diffusion import (
    GOLDEN,
    PUBLISHED,
    Calls,
    Stop,
    present_names,
    published_keys,
    random_pictures,
    shapes_of,
)

SCHEDULER = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
             "steps_offset": 1}  # fmt: skip
SIZES = PUBLISHED["leffa/virtual_tryon"]  # the same base model


def attention_file(root, variant):
    return root / VARIANTS[variant].attention / "attention" / "model.safetensors"


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    made = {variant: tmp_path_factory.mktemp(variant) for variant in ("mix", "maskfree")}
    for variant, root in made.items():
        write_checkpoint(root, variant)
    return made


@pytest.fixture(scope="module")
def pipelines(roots):
    return {variant: load(root, variant) for variant, root in roots.items()}


@pytest.fixture(scope="module", params=["mix", "maskfree"])
def pipeline(request, pipelines):
    return pipelines[request.param]


def people(pipeline, count=1, height=64, width=40, seed=0):
    mask = torch.zeros(count, 1, height, width)
    mask[:, :, 8:48, 8:32] = 1
    photos = random_pictures(count, height, width, seed)
    return pipeline.encode_person(photos, mask if pipeline.masked else None)


def garments(pipeline, count=1, height=64, width=40, seed=7):
    return pipeline.encode_garment(random_pictures(count, height, width, seed))


# ------------------------------------------------------------------------------- published sizes


@pytest.mark.parametrize("variant", ["mix", "maskfree"])
def test_published_networks_take_exactly_the_published_names(variant):
    published, keys = VARIANTS[variant], published_keys("catvton")
    unet, vae = build({**SIZES["unet"], "in_channels": published.channels}, SIZES["vae"])
    assert shapes_of(unet) == keys[f"{published.base}/unet"]
    assert shapes_of(vae) == present_names(keys["sd-vae-ft-mse"])
    attentions = self_attentions(unet)
    assert shapes_of(attentions) == keys["attention/model.safetensors"]
    order = json.loads((GOLDEN / "catvton" / "attention_key_map.json").read_text())
    assert {n: unet.get_submodule(name) for n, name in order.items()} == dict(attentions.items())


def test_dead_weights_are_let_go():
    unet, _ = build({**SIZES["unet"], "in_channels": 9}, SIZES["vae"])
    before = sum(math.prod(p.shape) for p in unet.parameters())
    prepare(unet)
    after = sum(math.prod(p.shape) for p in unet.parameters())
    assert (before, before - after) == (859_535_364, 43_962_560)


def test_the_self_attentions_come_from_their_own_file(roots, pipelines):
    attention = load_file(attention_file(roots["mix"], "mix"))
    for name, tensor in self_attentions(pipelines["mix"].denoiser).state_dict().items():
        assert torch.equal(tensor, attention[name])


# ------------------------------------------------------------------------------- runs


def test_a_run_is_its_seed(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    runs = [pipeline(person, garment, steps=2, seed=seed) for seed in (3, 3, 4)]
    assert runs[0].shape == (1, 3, 64, 40)
    assert runs[0].min() >= 0 and runs[0].max() <= 1
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_garment_and_photo_count(pipeline):
    garment = garments(pipeline)
    made = pipeline(people(pipeline), garment, steps=2)
    assert not torch.equal(made, pipeline(people(pipeline), garments(pipeline, seed=8), steps=2))
    assert not torch.equal(made, pipeline(people(pipeline, seed=1), garment, steps=2))


def test_a_batch_equals_its_single_runs(pipeline):
    pairs = every_pair(2, 2)
    photos, clothes = random_pictures(2, 64, 40), random_pictures(2, 64, 40, 7)
    mask = torch.zeros(2, 1, 64, 40)
    mask[0, :, 8:40] = 1
    mask[1, :, 16:56] = 1

    def person(cut):
        return pipeline.encode_person(photos[cut], mask[cut] if pipeline.masked else None)

    together = pipeline(
        person(slice(None)), pipeline.encode_garment(clothes), pairs=pairs, seed=20, steps=2
    )
    for index, (p, g) in enumerate(pairs):
        alone = pipeline(
            person(slice(p, p + 1)), pipeline.encode_garment(clothes[g : g + 1]),
            seed=20 + index, steps=2,
        )  # fmt: skip
        torch.testing.assert_close(together[index : index + 1], alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [(40, 64), (72, 56), (8, 8)])
def test_any_size_of_multiples_of_8(pipeline, size):
    made = pipeline(people(pipeline, 1, *size), garments(pipeline, 1, *size), steps=1)
    assert made.shape[-2:] == size and made.isfinite().all()


def test_without_guidance_half_the_batch_runs(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    with Calls(denoiser=pipeline.denoiser, encoder=pipeline.vae.encoder) as rows:
        without = pipeline(person, garment, steps=2, guidance=1.0)
    assert rows == {"denoiser": [1, 1], "encoder": []}
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


def test_stages_progress_and_previews(pipeline):
    seen, steps = [], []
    pipeline.place = seen.append
    try:
        pipeline(people(pipeline), garments(pipeline), steps=3,
                 progress=lambda *args: steps.append(args))  # fmt: skip
    finally:
        pipeline.place = lambda stage: None
    assert seen == ["encode", "encode", "denoise", "decode"]
    assert all(hasattr(pipeline, name) for names in pipeline.STAGES.values() for name in names)
    assert [(done, total) for done, total, _ in steps] == [(1, 3), (2, 3), (3, 3)]
    for _, _, step in steps:
        assert step.preview().shape == (1, 3, 8, 5)  # the person's half alone


def test_stopping_leaves_nothing_behind(pipeline):
    person, garment = people(pipeline), garments(pipeline)
    expected = pipeline(person, garment, steps=2)

    def stop(*_):
        raise Stop

    with pytest.raises(Stop):
        pipeline(person, garment, steps=2, progress=stop)
    assert torch.equal(pipeline(person, garment, steps=2), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits(roots, pipelines, dtype):
    half = load(roots["mix"], "mix", dtype=dtype)
    assert {p.dtype for u in (half.vae, half.denoiser) for p in u.parameters()} == {dtype}
    exact = pipelines["mix"](people(pipelines["mix"]), garments(pipelines["mix"]), steps=2)
    rough = half(people(half), garments(half), steps=2)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < (0.01 if dtype == torch.float16 else 0.08)


def test_the_last_step_adds_noise_too():
    schedule = Schedule.make("published", published_scheduler(SCHEDULER), 50, eta=ETA)
    assert schedule.timesteps[[0, -1]].tolist() == [981, 1]
    assert float(schedule.ddim_deviation(49)) == pytest.approx(0.0206, abs=5e-5)


# ------------------------------------------------------------------------------- wrong input


def test_masks_where_they_belong(pipelines):
    photo = random_pictures(1, 64, 40)
    with pytest.raises(InputError, match="none came"):
        pipelines["mix"].encode_person(photo)
    with pytest.raises(InputError, match="takes no mask"):
        pipelines["maskfree"].encode_person(photo, photo[:, :1])
    with pytest.raises(InputError, match="mask must be"):
        pipelines["mix"].encode_person(photo, photo[:, :1, :32])
    with pytest.raises(InputError, match="multiples of 8"):
        pipelines["mix"].encode_person(photo[:, :, :60], photo[:, :1, :60])
    with pytest.raises(InputError, match="multiples of 8"):
        pipelines["mix"].encode_garment(photo[:, :, :60])


def test_a_garment_of_another_size(pipeline):
    with pytest.raises(InputError, match="side by side"):
        pipeline(people(pipeline), garments(pipeline, 1, 48, 64), steps=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"strength": 0.5}, "picture to start from"),
        ({"scheduler": "best"}, "one of published"),
        ({"seed": -1}, "seed"),
        ({"pairs": [(0, 1)]}, "Pairs"),
    ],
)
def test_settings_that_cannot_run(pipeline, settings, words):
    with pytest.raises(InputError, match=words):
        pipeline(people(pipeline), garments(pipeline), **settings)


def test_a_variant_that_is_not(roots):
    with pytest.raises(InputError, match="mix, vitonhd, dresscode, maskfree"):
        load(roots["mix"], "flux")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("0.to_out.0.bias"), "Missing .1.: 0.to_out.0.bias"),
        (
            lambda state: state.update({"240.to_q.weight": torch.zeros(8, 8)}),
            "Left over .1.: 240.to",
        ),
        (lambda state: state.update({"0.to_q.weight": torch.zeros(4, 4)}), "wanted .8, 8., found"),
    ],
    ids=["missing", "left over", "of other shape"],
)
def test_attention_files_that_do_not_fit(tmp_path, change, words):
    write_checkpoint(tmp_path, "mix")
    state = load_file(attention_file(tmp_path, "mix"))
    change(state)
    save_file(state, attention_file(tmp_path, "mix"))
    with pytest.raises(MissingFiles, match=words):
        load(tmp_path, "mix")


def test_the_wrong_base_model(tmp_path):
    write_checkpoint(tmp_path, "maskfree", channels=9)
    with pytest.raises(MissingFiles, match="takes 9 channels.*instruct-pix2pix.*takes 8"):
        load(tmp_path, "maskfree")


@pytest.mark.parametrize("size", [(40, 60), (41, 61), (9, 700)])
def test_pictures_are_framed_to_the_size(size):
    photo = np.full((size[1], size[0], 3), 40, np.uint8)
    assert pictures.crop(photo, 48, 64).shape == (64, 48, 3)
    assert pictures.stretch(photo, 48, 64).shape == (64, 48, 3)
    if size[0] > 9:
        padded = pictures.pad(photo, 48, 64)
        assert padded.shape == (64, 48, 3) and (padded[32] == 40).any()


def test_a_picture_that_is_a_line():
    line = np.zeros((1, 900, 3), np.uint8)
    with pytest.raises(InputError, match="too narrow"):
        pictures.pad(line, 48, 64)
    with pytest.raises(InputError, match="too narrow"):
        pictures.crop(line, 48, 64)
