"""FASHN VTON v1.5 on tiny random checkpoints in the published layout."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.models.fashn_vton import pictures
from fitting_room.pipelines.models.fashn_vton.load import (
    UNUSED,
    build,
    from_state,
    here,
    load,
    split,
)
from fitting_room.pipelines.models.fashn_vton.network import LastBlock, SingleBlock, rotation
from fitting_room.pipelines.models.fashn_vton.pipeline import (
    GarmentEncoding,
    PersonEncoding,
    scaled_times,
    schedule,
)
from tiny.fashn_vton import weights, write_checkpoint

ROOT = Path(__file__).resolve().parents[3]
HEIGHT, WIDTH = 60, 36


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("fashn_vton")
    write_checkpoint(root)
    return root


@pytest.fixture(scope="module")
def pipeline(folder):
    return load(folder)


def people(count=1, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return PersonEncoding(torch.rand(count, 4, HEIGHT, WIDTH, generator=generator) * 2 - 1)


def garments(count=1, seed=2, category=1):
    generator = torch.Generator().manual_seed(seed)
    seen = torch.rand(count, 4, HEIGHT, WIDTH, generator=generator) * 2 - 1
    return GarmentEncoding(seen, torch.full((count,), category))


def test_batch_of_two_equals_two_singles(pipeline):
    both_people, both_garments = people(2), garments(2)
    both_garments = GarmentEncoding(both_garments.pictures, torch.tensor([1, 3]))
    together = pipeline(both_people, both_garments, steps=3, seed=5)
    for index in range(2):
        alone = pipeline(
            PersonEncoding(both_people.pictures[index : index + 1]),
            GarmentEncoding(
                both_garments.pictures[index : index + 1],
                both_garments.categories[index : index + 1],
            ),
            steps=3,
            seed=5 + index,
        )
        torch.testing.assert_close(together[index], alone[0])
    assert (together[0] - together[1]).abs().max() > 0.01


def test_every_input_counts(pipeline):
    plain = pipeline(people(), garments(), steps=3)
    assert plain.shape == (1, 3, HEIGHT, WIDTH) and plain.min() >= 0 and plain.max() <= 1
    others = {
        "photo": (people(seed=9), garments(), {}),
        "garment": (people(), garments(seed=9), {}),
        "category": (people(), garments(category=2), {}),
        "seed": (people(), garments(), {"seed": 1}),
        "steps": (people(), garments(), {"steps": 4}),
        "guidance": (people(), garments(), {"guidance": 3.0}),
        "skip_guidance": (people(), garments(), {"skip_guidance": 2}),
        "published_times": (people(), garments(), {"published_times": True}),
    }
    for name, (person, garment, settings) in others.items():
        other = pipeline(person, garment, **{"steps": 3, **settings})
        assert (other - plain).abs().max() > 1e-4, name
    for channel in (0, 3):  # picture and pose
        changed = people()
        changed.pictures[:, channel] = 0
        assert (pipeline(changed, garments(), steps=3) - plain).abs().max() > 1e-4


class Counter:
    def __init__(self, network):
        self.calls = []
        self.hook = network.register_forward_pre_hook(lambda _, given: self.calls.append(given))

    def __enter__(self):
        return self.calls

    def __exit__(self, *_):
        self.hook.remove()


@pytest.mark.parametrize(
    ("guidance", "skip", "calls"),
    [(1.5, 1, 5), (1.5, 0, 6), (1.5, 2, 4), (1.5, 9, 3), (1.0, 0, 3)],
)
def test_what_guidance_would_throw_away_is_not_computed(pipeline, guidance, skip, calls):
    """Golden stages hold the result to that of the whole work."""
    with Counter(pipeline.transformer) as made, Counter(pipeline.modulation) as told:
        pipeline(people(), garments(), steps=3, guidance=guidance, skip_guidance=skip)
    assert len(made) == calls
    assert all(len(given[0]) == 1 for given in made)  # one picture at a time
    assert len(told) == 2 and all(len(given[0]) == 3 for given in told)  # all steps at once


def test_last_block_without_garment_equals_the_whole_block(pipeline):
    torch.manual_seed(0)
    sizes = pipeline.transformer.sizes
    whole = SingleBlock(sizes)
    last = LastBlock(whole)
    tokens, told = torch.randn(2, 30, sizes.width), torch.randn(2, 3 * sizes.width)
    by = rotation(5, 3, sizes.head_width).twice()
    with torch.no_grad():
        expected = whole(tokens, told, by)
        torch.testing.assert_close(last(tokens, told, by, dropped=15), expected[:, 15:])
        torch.testing.assert_close(last(tokens, told, by, dropped=0), expected)


def test_stages_are_placed_in_order_and_may_stop_a_run(pipeline):
    placed = []
    pipeline.place = placed.append
    try:
        pipeline(people(), garments(), steps=2)
        assert placed == ["modulate", "denoise"]

        def stop(stage):
            raise KeyboardInterrupt(stage)

        pipeline.place = stop
        with pytest.raises(KeyboardInterrupt, match="modulate"):
            pipeline(people(), garments(), steps=2)
    finally:
        pipeline.place = lambda stage: None


def test_preview_of_each_step(pipeline):
    seen = []
    pipeline(people(), garments(), steps=3, progress=lambda *step: seen.append(step))
    assert [(done, total) for done, total, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    for _, _, step in seen:
        preview = step.preview()
        assert preview.shape == (1, 3, HEIGHT, WIDTH) and 0 <= preview.min() <= preview.max() <= 1
    last = seen[-1][2]
    torch.testing.assert_close(last.clean, last.latents)


def test_times():
    assert schedule(30)[0] == 0 and schedule(30)[-1] == 1
    assert np.allclose(schedule(30)[1:4], [0.0076, 0.0157, 0.0242], atol=5e-5)
    rounded = scaled_times(schedule(30), rounded=True)
    assert rounded[-8:].tolist() == [424, 470, 528, 592, 668, 756, 868, 1000]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_finite_and_near(folder, pipeline, dtype):
    exact = pipeline(people(), garments(), steps=3)
    half = load(folder, dtype=dtype)
    assert {each.dtype for each in half.transformer.parameters()} == {dtype}
    made = half(people(), garments(), steps=3)
    assert made.isfinite().all() and made.dtype == torch.float32
    assert (made - exact).abs().mean() < 0.02


def test_sizes_come_from_the_tensors():
    state = weights(width=64, head=64, mixer=1, double=3, single=2)
    made = from_state(state, source="here")
    sizes = made.transformer.sizes
    assert (sizes.width, sizes.heads, sizes.head_width, sizes.patch) == (64, 1, 64, 12)
    assert (sizes.mixer_blocks, sizes.double_blocks, sizes.single_blocks) == (1, 3, 2)
    assert made(people(), garments(), steps=1).isfinite().all()


def test_full_size_keys_exactly():
    """The published names and shapes, none missing, none left over, and as many parameters."""
    keys = ROOT / "tests" / "golden" / "fashn_vton" / "full_size_keys.json"
    published = json.loads(keys.read_text())["model.safetensors"]
    networks = build(published)
    parts = split({name: torch.empty(shape, device="meta") for name, shape in published.items()})
    variant = VARIANTS["fashn_vton/v1_5"]
    for network, part in zip((networks.modulation, networks.transformer), parts, strict=True):
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        assert shapes == {name: tuple(tensor.shape) for name, tensor in part.items()}
    assert {UNUSED} == {name for name in published if not any(here(name) in p for p in parts)}
    counts = [sum(each.numel() for each in network.parameters())
              for network in (networks.transformer, networks.modulation)]  # fmt: skip
    assert [part.parameters for part in variant.parts] == counts
    assert sum(counts) == 971_813_808
    whole = 8 + 39_560 + 2 * (sum(counts) + 432)
    assert variant.sources[0].files[0].size == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("single_blocks.1.linear2.bias"), "single_blocks.1.linear2.bias"),
        (lambda state: state.update(extra=torch.zeros(1)), "extra"),
        (lambda state: state.pop(UNUSED), UNUSED),
        (lambda state: state.pop("double_blocks.0.img_mod.lin.weight"), "img_mod.lin.weight"),
        (lambda state: state.update({"x_embedder.proj.weight": torch.zeros(64, 6, 12, 12)}),
         "wanted .64, 7, 12, 12"),
    ],
)  # fmt: skip
def test_checkpoint_that_does_not_fit_exactly(change, message):
    state = weights()
    change(state)
    with pytest.raises(MissingFiles, match=message):
        from_state(state, source="somewhere/model.safetensors")


def test_another_models_checkpoint(tmp_path):
    from safetensors.torch import save_file

    flux = {"double_blocks.0.img_attn.qkv.weight": torch.zeros(4, 4)}
    save_file(flux, tmp_path / "model.safetensors")
    with pytest.raises(MissingFiles, match="not a FASHN VTON checkpoint.*looks like a FLUX"):
        load(tmp_path)
    with pytest.raises(MissingFiles, match="no such file"):
        load(tmp_path / "nowhere")


class Hostile:
    def __reduce__(self):
        return (Path.touch, (Path("this_must_not_be_made"),))


def test_hostile_pickle_in_the_files_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"t_embedder.mlp.out_layer.weight": Hostile()}, tmp_path / "model.bin")
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        load(tmp_path)
    assert not (tmp_path / "this_must_not_be_made").exists()


def test_sizes_that_do_not_fit(pipeline):
    odd = PersonEncoding(torch.zeros(1, 4, 50, 36))
    with pytest.raises(InputError, match="multiples of 12"):
        pipeline(odd, GarmentEncoding(torch.zeros(1, 4, 50, 36), torch.tensor([1])), steps=1)
    with pytest.raises(InputError, match="one size"):
        pipeline(people(), GarmentEncoding(torch.zeros(1, 4, 48, 36), torch.tensor([1])), steps=1)
    with pytest.raises(InputError, match="At least one step"):
        pipeline(people(), garments(), steps=0)


# ------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("size", [(100, 75), (40, 90), (72, 48), (20, 20), (61, 37)])
def test_picture_is_fitted_whole_on_black(size):
    picture = np.full((*size, 3), 200, dtype=np.uint8)
    made, bars = pictures.fitted(picture, 48, 72)
    assert made.shape == (72, 48, 3)
    assert (bars.cropped(made) == 200).all()
    assert made.astype(int).sum() == bars.cropped(made).astype(int).sum()  # black around it
    assert abs(bars.left - bars.right) <= 1 and abs(bars.top - bars.bottom) <= 1
    assert 0 in (bars.left + bars.right, bars.top + bars.bottom)


def test_small_photos_are_not_enlarged_first():
    small = np.zeros((30, 20, 3), dtype=np.uint8)
    assert pictures.shrunk(small, 48, 72) is small
    assert pictures.shrunk(np.zeros((300, 100, 3), np.uint8), 48, 72).shape == (72, 24, 3)


def test_too_narrow_a_picture():
    line = np.zeros((5000, 1, 3), dtype=np.uint8)
    for fit in (pictures.shrunk, pictures.fitted):
        with pytest.raises(InputError, match="too narrow"):
            fit(line, 48, 72)


@pytest.mark.parametrize("size", [(420, 151), (366, 160), (1000, 490), (500, 300), (294, 142)])
def test_first_resize_is_that_of_pillow_13(size):
    """With which the cases were recorded: to the bit, whichever Pillow is here, on noise."""
    import PIL
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    made = pictures.shrunk(picture, 96, 144)
    assert max(made.shape[:2]) == 144
    if int(PIL.__version__.split(".")[0]) == 13:
        wanted = Image.fromarray(picture).resize(made.shape[1::-1], Image.Resampling.LANCZOS)
        assert np.array_equal(made, np.array(wanted))
