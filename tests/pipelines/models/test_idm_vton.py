"""IDM-VTON on a tiny checkpoint in the published layout. Its stages: tests/goldens/idm_vton.py."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from fitting_room.pipelines.diffusion.run import every_pair
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files import convert, locate
from fitting_room.pipelines.models.idm_vton.load import (
    build,
    load,
    load_network,
    split_resampler,
)
from fitting_room.pipelines.models.idm_vton.prompts import Prompts
from safetensors.torch import save_file

MODEL = Path(__file__).resolve().parents[2] / "golden" / "idm_vton"
CHECKPOINT = MODEL / "dataset_nocfg" / "checkpoint"
WIDTH, HEIGHT = 96, 64
CLOSE = 2e-5  # other batch sizes add up in another order


@pytest.fixture(scope="module")
def pipeline():
    return load(CHECKPOINT)


def random_pictures(count, seed, width=WIDTH, height=HEIGHT, channels=3):
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(count, channels, 4, 5, generator=generator)
    return torch.nn.functional.interpolate(small, (height, width), mode="bilinear")


@pytest.fixture(scope="module")
def people(pipeline):
    return pipeline.encode_person(
        random_pictures(2, 0), random_pictures(2, 1, channels=1), random_pictures(2, 2)
    )


@pytest.fixture(scope="module")
def garments(pipeline):
    return pipeline.encode_garment(random_pictures(2, 3), Prompts.of(["skirt", "shirts"]))


def one_of(encoding, row):
    """A single person or garment of an encoding of two."""
    if hasattr(encoding, "mask"):
        rows = torch.tensor([row])
        return type(encoding)(
            encoding.masked.rows(rows), encoding.body.rows(rows), encoding.mask[rows]
        )
    own, both = [row], [row, len(encoding.latents)]
    return type(encoding)(
        encoding.latents[own], encoding.garment_text[own], encoding.text[both],
        encoding.vectors[both], encoding.image[both],
    )  # fmt: skip


# --------------------------------------------------------------------------------- published size


def published_configs():
    tower = {"block_out_channels": [320, 640, 1280], "norm_num_groups": 32,
             "attention_head_dim": [5, 10, 20], "cross_attention_dim": 2048,
             "transformer_layers_per_block": [1, 2, 10], "addition_time_embed_dim": 256,
             "projection_class_embeddings_input_dim": 2816, "sample_size": 128}  # fmt: skip
    sizes = {
        "unet": tower,
        "unet_encoder": tower,
        "vae": {"block_out_channels": [128, 256, 512, 512], "norm_num_groups": 32},
        "text_encoder": {"hidden_size": 768, "intermediate_size": 3072, "vocab_size": 49408,
                         "num_attention_heads": 12, "num_hidden_layers": 12,
                         "projection_dim": 768},
        "text_encoder_2": {"hidden_size": 1280, "intermediate_size": 5120, "vocab_size": 49408,
                           "num_attention_heads": 20, "num_hidden_layers": 32,
                           "projection_dim": 1280},
        "image_encoder": {"hidden_size": 1280, "intermediate_size": 5120,
                          "num_attention_heads": 16, "num_hidden_layers": 32,
                          "projection_dim": 1024},
    }  # fmt: skip
    return {
        folder: json.loads((CHECKPOINT / folder / "config.json").read_text()) | size
        for folder, size in sizes.items()
    }


def test_published_names_and_shapes_fit_exactly():
    keys = json.loads((MODEL / "full_size_keys.json").read_text())
    networks = build(published_configs()).by_folder()
    assert set(networks) == set(keys)
    for folder, network in networks.items():
        # One number stands for all of a tensor: no memory is taken.
        state = {name: torch.zeros(1).expand(shape) for name, shape in keys[folder].items()}
        if folder == "unet":
            state, resampler = split_resampler(state, "unet")
            assert len(resampler.layers) == 4
        load_network(network, state, folder, folder)
        assert not any(tensor.is_meta for tensor in network.state_dict().values())
        name, tensor = next(iter(state.items()))
        with pytest.raises(MissingFiles, match=r"Missing \(1\)"):
            load_network(network, {n: t for n, t in state.items() if n != name}, folder, folder)
        with pytest.raises(MissingFiles, match=r"Left over \(1\): another"):
            load_network(network, state | {"another": tensor}, folder, folder)


# --------------------------------------------------------------------------------- batches, seeds


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_batch_equals_singles(pipeline, people, garments, guidance):
    both = pipeline(people, garments, steps=3, guidance=guidance, seed=7)
    assert both.shape == (2, 3, HEIGHT, WIDTH)
    for row in (0, 1):
        alone = pipeline(
            one_of(people, row), one_of(garments, row), steps=3, guidance=guidance, seed=7 + row
        )
        assert (alone[0] - both[row]).abs().max() < CLOSE


def test_every_person_in_every_garment(pipeline, people, garments):
    made = pipeline(people, garments, steps=2, seed=[1, 2, 3, 4], pairs=every_pair(2, 2))
    assert len(made) == 4
    second_in_first = pipeline(one_of(people, 1), one_of(garments, 0), steps=2, seed=3)
    assert (second_in_first[0] - made[2]).abs().max() < CLOSE
    one_garment = pipeline(people, one_of(garments, 0), steps=2, seed=[1, 3])
    assert (one_garment - made[[0, 2]]).abs().max() < CLOSE


def test_seed_and_guidance_matter(pipeline, people, garments):
    made = pipeline(people, garments, steps=2, seed=1)
    assert torch.equal(made, pipeline(people, garments, steps=2, seed=1))
    assert (made - pipeline(people, garments, steps=2, seed=5)).abs().max() > 1e-3
    assert (made - pipeline(people, garments, steps=2, seed=1, guidance=4.0)).abs().max() > 1e-3


# ---------------------------------------------------------------------------------- what is saved


class Counter:
    """Rows that each call of a network was given."""

    def __init__(self, network) -> None:
        self.rows = []
        self.hook = network.register_forward_pre_hook(
            lambda _, args: self.rows.append(len(args[0]))
        )

    def __enter__(self):
        return self.rows

    def __exit__(self, *_):
        self.hook.remove()


def test_no_unconditional_half_without_guidance(pipeline, people, garments):
    with Counter(pipeline.denoiser) as rows:
        pipeline(people, garments, steps=2, guidance=1.0)
        pipeline(people, garments, steps=2, guidance=2.0)
    assert rows == [2, 2, 4, 4]


def test_garment_network_runs_for_garments_alone(pipeline, people, garments):
    with Counter(pipeline.reference) as rows:
        pipeline(people, one_of(garments, 0), steps=2, guidance=2.0)
    assert rows == [1, 1]


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_garment_read_ahead(pipeline, people, garments, guidance):
    ahead = pipeline.read_ahead(garments, steps=3)
    with Counter(pipeline.reference) as rows:
        made = pipeline(people, ahead, steps=3, guidance=guidance)
    assert rows == []
    assert torch.equal(made, pipeline(people, garments, steps=3, guidance=guidance))
    with Counter(pipeline.reference) as rows:  # other timesteps, but for the last one, 1
        pipeline(people, ahead, steps=2, guidance=guidance)
    assert rows == [2]


def test_garment_too_large_to_keep(pipeline, garments):
    with pytest.raises(InputError, match="for 3 steps takes.*are allowed"):
        pipeline.read_ahead(garments, steps=3, most_bytes=1000)


def test_nothing_stays_on_the_networks(pipeline, people, garments):
    def stop(done, total, step):
        raise KeyboardInterrupt

    before = {name: tensor.clone() for name, tensor in pipeline.denoiser.state_dict().items()}
    with pytest.raises(KeyboardInterrupt):
        pipeline(people, garments, steps=2, progress=stop)
    assert not any(block._forward_hooks for block in pipeline.reference.modules())
    after = pipeline.denoiser.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


# --------------------------------------------------------------------------- stages and schedules


def test_stages_in_order(people, garments):
    placed, seen = [], []
    pipeline = load(CHECKPOINT)
    pipeline.place = placed.append
    pipeline.encode_garment(random_pictures(1, 3), Prompts.of(["skirt"]))
    pipeline.encode_person(
        *(random_pictures(1, s, channels=c) for s, c in ((0, 3), (1, 1), (2, 3)))
    )
    pipeline(people, garments, steps=2, progress=lambda done, total, step: seen.append(
        (done, total, tuple(step.preview().shape))))  # fmt: skip
    assert placed == ["encode", "text", "look", "encode", "denoise", "decode"]
    assert set(placed) <= set(pipeline.STAGES)
    for attributes in pipeline.STAGES.values():
        assert all(isinstance(getattr(pipeline, name), torch.nn.Module) for name in attributes)
    assert seen == [(1, 2, (2, 3, 8, 12)), (2, 2, (2, 3, 8, 12))]


@pytest.mark.parametrize("scheduler", ["dpmpp_2m", "unipc", "euler", "lcm"])
def test_schedulers(pipeline, people, garments, scheduler):
    made = pipeline(people, garments, steps=2, scheduler=scheduler)
    assert made.isfinite().all() and made.min() >= 0 and made.max() <= 1


def test_start_from_a_picture(pipeline, people, garments):
    start, steps = random_pictures(2, 9), []
    pipeline(
        people, garments, steps=4, strength=0.5, start=start,
        progress=lambda done, total, step: steps.append(total),
    )  # fmt: skip
    assert steps == [2, 2]
    with pytest.raises(InputError, match="needs a picture to start from"):
        pipeline(people, garments, steps=4, strength=0.5)


def test_half_precision(people, garments):
    made = load(CHECKPOINT, dtype=torch.bfloat16)(people, garments, steps=2)
    assert made.dtype == torch.float32 and made.isfinite().all()


# -------------------------------------------------------------------------------------- bad input


def test_bad_input_is_told(pipeline, people, garments):
    with pytest.raises(InputError, match="multiples of 8 pixels; 97x64 came"):
        pipeline.encode_garment(random_pictures(1, 0, width=97), Prompts.of(["skirt"]))
    with pytest.raises(InputError, match="2 garments and 1 descriptions came"):
        pipeline.encode_garment(random_pictures(2, 0), Prompts.of(["skirt"]))
    photo = random_pictures(1, 0)
    with pytest.raises(InputError, match="mask must be.*1 of 96x64; 1 of 64x64 came"):
        pipeline.encode_person(photo, torch.zeros(1, 1, 64, 64), photo)
    with pytest.raises(InputError, match="DensePose picture must be.*2 of 96x64 came"):
        pipeline.encode_person(photo, photo[:, :1], random_pictures(2, 0))
    other = pipeline.encode_garment(random_pictures(2, 0, width=64), Prompts.of(["a", "b"]))
    with pytest.raises(InputError, match="the garment is 64x64, the photo 96x64"):
        pipeline(people, other)
    with pytest.raises(InputError, match="steps must be a whole number from 1 up; 0 came"):
        pipeline(people, garments, steps=0)
    with pytest.raises(InputError, match="must be one of published"):
        pipeline(people, garments, scheduler="ddim")


# ------------------------------------------------------------------------------------- checkpoint


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(CHECKPOINT, tmp_path / "copy")
    return tmp_path / "copy"


def test_lora_in_place_of_the_denoiser(copy):
    (copy / "unet" / "diffusion_pytorch_model.bin").unlink()
    save_file(
        {"unet.down_blocks.1.attentions.0.to_q.lora_A.weight": torch.ones(4, 8)},
        copy / "unet" / "diffusion_pytorch_model.safetensors",
    )
    with pytest.raises(MissingFiles, match="not the try-on UNet of IDM-VTON.*a LoRA"):
        load(copy)


def test_another_model_in_place_of_the_garment_network(copy):
    file = copy / "unet_encoder" / "diffusion_pytorch_model.safetensors"
    shutil.copy(copy / "vae" / "diffusion_pytorch_model.safetensors", file)
    with pytest.raises(MissingFiles, match="UNet2DConditionModel; it looks like a VAE") as caught:
        load(copy)
    assert str(file) in str(caught.value) and "Missing (" in str(caught.value)


def test_missing_and_broken_files(copy):
    shutil.rmtree(copy / "tokenizer_2")
    with pytest.raises(MissingFiles, match=r"tokenizer_2.vocab\.json was wanted"):
        load(copy)
    (copy / "vae" / "config.json").write_text("{")
    with pytest.raises(MissingFiles, match="not a JSON file"):
        load(copy)


def test_dresscode_network_from_its_own_folder(copy, tmp_path, people, garments, pipeline):
    shutil.move(copy / "unet", tmp_path / "dresscode" / "unet")
    made = load(copy, unet_root=tmp_path / "dresscode")(people, garments, steps=2)
    assert torch.equal(made, pipeline(people, garments, steps=2))


def test_installed_and_converted(tmp_path, monkeypatch, people, garments, pipeline):
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path))
    root = tmp_path / "idm_vton"
    shutil.copytree(CHECKPOINT, root)
    with pytest.raises(MissingFiles, match="cut short or another file"):
        locate.find("idm_vton/vitonhd")
    located = locate.adopt("idm_vton/vitonhd", root)
    (written,) = convert.convert_variant(located, "fp16", delete_originals=True)
    assert written == root / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    made = load(locate.find("idm_vton/vitonhd").root, dtype=torch.float16)(
        people, garments, steps=2
    )
    half = load(CHECKPOINT, dtype=torch.float16)(people, garments, steps=2)
    assert torch.equal(made, half)
