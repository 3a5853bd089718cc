"""FashionTex on tiny random files in the published layout."""

import pickle
import sys
from types import ModuleType

import pytest
import torch
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files.weights import empty, read_state
from fitting_room.pipelines.models.fashiontex.convert import read_stylegan_pickle, renamed
from fitting_room.pipelines.models.fashiontex.generator import Generator
from fitting_room.pipelines.models.fashiontex.inversion import Encoder
from fitting_room.pipelines.models.fashiontex.load import load, load_generator, load_mapper
from fitting_room.pipelines.models.fashiontex.mapper import Mapper
from fitting_room.pipelines.models.fashiontex.pictures import is_one_piece, own_texture
from tiny.fashiontex import (
    BLUR,
    GENERATOR,
    MAPPER,
    WIDTH,
    encoder_shapes,
    generator_state,
    narrow,
    write_checkpoint,
)
from tiny.weights import random_state
from tiny_diffusion import published_keys, random_pictures, shapes_of


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = tmp_path_factory.mktemp("fashiontex")
    write_checkpoint(made)
    return made


@pytest.fixture(scope="module")
def pipeline(root):
    return load(root)


def patches(seed=0):
    return random_pictures(1, 64, 64, seed), random_pictures(1, 64, 64, seed + 1)


# ------------------------------------------------------------------------------- networks


def test_the_networks_are_shaped_by_the_published_names():
    for name, make in ((MAPPER, Mapper.shaped_like), (GENERATOR, Generator)):
        shapes = published_keys("fashiontex")[name]
        with empty():
            state = {n: torch.empty(shape) for n, shape in shapes.items()}
            network = make(state)
        assert shapes_of(network) == shapes
    assert make(random_state(narrow(name))).layers == 18


def test_the_encoder_has_the_published_size():
    """267,136,704 parameters at width 512, counted on StyleGAN-Human's own class."""
    shapes = encoder_shapes()
    with empty():
        assert shapes_of(Encoder({n: torch.empty(s) for n, s in shapes.items()})) == shapes


def test_a_person_in_other_clothes(pipeline):
    codes = pipeline.invert(random_pictures(1, 256, 128))
    assert codes.shape == (1, 18, WIDTH)
    design = pipeline.read([("short shirt", "pants")], patches())
    made = pipeline(codes, design)
    assert made.shape == (1, 3, 1024, 512) and made.min() >= 0 and made.max() <= 1
    same = pipeline(codes, design, strength=0)
    assert not torch.equal(made, same)
    again = pipeline.read([("tank top", "pants")], patches())
    assert not torch.equal(design.texts[0], again.texts[0])
    assert torch.equal(design.texts[1], again.texts[1])
    moved = pipeline.moved(codes, design) - codes
    assert not moved[:, :4].any() and moved[:, 4:].all(dim=2).all()


def test_one_piece_has_one_texture(pipeline):
    upper, lower = patches()
    design = pipeline.read([("tank dress", "short dress")], (upper, lower))
    torch.testing.assert_close(design.textures[0], design.textures[1])
    two = pipeline.read([("shirt", "pants"), ("romper", "shorts")],
                        (upper.expand(2, -1, -1, -1), lower.expand(2, -1, -1, -1)))  # fmt: skip
    assert not torch.allclose(two.textures[0][0], two.textures[1][0])
    torch.testing.assert_close(two.textures[0][1], two.textures[1][1])
    assert is_one_piece("a long jumpsuit") and not is_one_piece("shirt", "pants")


def test_a_batch_equals_its_single_runs(pipeline):
    photos = random_pictures(2, 128, 64)
    codes = pipeline.invert(photos)
    torch.testing.assert_close(codes[1:], pipeline.invert(photos[1:]), atol=1e-4, rtol=1e-4)
    design = pipeline.read([("shirt", "pants")], patches())
    together = pipeline(codes, design)
    torch.testing.assert_close(together[1:], pipeline(codes[1:], design), atol=1e-4, rtol=0)


def test_the_patch_of_the_own_clothes():
    photo = torch.zeros(1, 3, 1024, 512)
    photo[:, :, 257:321, 200:264] = 1
    assert own_texture(photo, "upper").all() and not own_texture(photo, "lower").any()


@pytest.mark.parametrize("size", [(64, 64), (100, 60)])
def test_a_person_that_is_not_aligned(pipeline, size):
    with pytest.raises(InputError, match=f"twice as high as wide.*{size[1]}x{size[0]} came"):
        pipeline.invert(random_pictures(1, *size))


def test_words_that_are_missing(pipeline):
    with pytest.raises(InputError, match="Both garments must be named"):
        pipeline.read([("shirt", " ")], patches())
    with pytest.raises(InputError, match="0 or more"):
        pipeline(torch.zeros(1, 18, WIDTH), pipeline.read([("a", "b")], patches()), strength=-1)


# ------------------------------------------------------------------------------- files


def nvidia_state(state):
    """The same generator under the names of the published pickle."""
    made = {"mapping.w_avg": torch.full((WIDTH,), 0.5), "synthesis.b4.resample_filter": BLUR}
    for name, tensor in state.items():
        kind = name.split(".")
        if kind[0] == "style":
            made[f"mapping.fc{int(kind[1]) - 1}.{kind[2]}"] = tensor
    made["synthesis.b4.const"] = state["input.input"][0]
    places = [("conv1", "synthesis.b4.conv1", 0)] + [
        (f"convs.{n}", f"synthesis.b{2 ** (n // 2 + 3)}.conv{n % 2}", n + 1) for n in range(16)
    ]
    for name, old, noise in places:
        made |= {
            f"{old}.weight": state[f"{name}.conv.weight"][0],
            f"{old}.bias": state[f"{name}.activate.bias"],
            f"{old}.affine.weight": state[f"{name}.conv.modulation.weight"],
            f"{old}.affine.bias": state[f"{name}.conv.modulation.bias"],
            f"{old}.noise_strength": state[f"{name}.noise.weight"][0],
            f"{old}.noise_const": state[f"noises.noise_{noise}"][0, 0],
        }
    pictures = [("to_rgb1", 4)] + [(f"to_rgbs.{n}", 2 ** (n + 3)) for n in range(8)]
    for name, side in pictures:
        old = f"synthesis.b{side}.torgb"
        made |= {
            f"{old}.weight": state[f"{name}.conv.weight"][0],
            f"{old}.bias": state[f"{name}.bias"].flatten(),
            f"{old}.affine.weight": state[f"{name}.conv.modulation.weight"],
            f"{old}.affine.bias": state[f"{name}.conv.modulation.bias"],
        }
    return made


def persistent(meta):
    raise AssertionError("the code in the pickle was to be run")


class Saved:
    """A network object as NVIDIA's code pickles it."""

    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": "G",
                "state": self.state}  # fmt: skip
        return persistent, (meta,)


def saved(state):
    """Objects inside objects, by the dots of the names."""
    own = {n: torch.nn.Parameter(t) for n, t in state.items() if "." not in n}
    inner = {}
    for name, tensor in state.items():
        if "." in name:
            first, rest = name.split(".", 1)
            inner.setdefault(first, {})[rest] = tensor
    buffers = {n: own.pop(n).data for n in list(own) if n.startswith(("w_avg", "noise_const"))}
    return Saved({"training": False, "_parameters": own, "_buffers": buffers,
                  "_modules": {n: saved(s) for n, s in inner.items()}})  # fmt: skip


@pytest.fixture
def nvidia(monkeypatch):
    """NVIDIA's module by name, so that pickles name it."""
    module = ModuleType("torch_utils.persistence")
    module._reconstruct_persistent_obj = persistent
    monkeypatch.setattr(persistent, "__module__", "torch_utils.persistence")
    monkeypatch.setattr(persistent, "__qualname__", "_reconstruct_persistent_obj")
    monkeypatch.setitem(sys.modules, "torch_utils", ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", module)


def test_the_published_pickle_is_read_once_and_nothing_in_it_runs(tmp_path, nvidia):
    state = generator_state()
    path = tmp_path / "stylegan_human_v2_1024.pkl"
    path.write_bytes(pickle.dumps({"G_ema": saved(nvidia_state(state)), "D": None}))
    found = read_stylegan_pickle(path)
    assert found.pop("latent_avg").tolist() == [0.5] * WIDTH
    assert {n.removeprefix("g_ema."): shape for n, shape in
            ((n, list(t.shape)) for n, t in found.items())} == narrow(GENERATOR)  # fmt: skip
    for name, tensor in state.items():
        assert torch.equal(found[f"g_ema.{name}"], tensor)
    generator, mean = load_generator(tmp_path)
    path.unlink()  # the converted file stands in for it now
    again, mean_again = load_generator(tmp_path)
    assert torch.equal(mean, mean_again)
    tensors = generator.state_dict()
    assert all(torch.equal(tensors[name], each) for name, each in again.state_dict().items())


def test_published_widths_are_renamed_too():
    shapes = published_keys("fashiontex")[GENERATOR]
    with empty():
        state = nvidia_state({name: torch.empty(shape) for name, shape in shapes.items()})
        made = renamed(state)
    made = {n.removeprefix("g_ema."): list(t.shape) for n, t in made.items() if n != "latent_avg"}
    assert made == shapes


class Hostile:
    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("how", ["open", "torch.load", "other pickle"])
def test_a_hostile_pickle_runs_nothing(tmp_path, nvidia, how):
    ran = tmp_path / "ran"
    call = {
        "open": (open, (str(ran), "w")),
        "torch.load": (torch.load, (str(tmp_path / "stylegan_human_v2_1024.pkl"),)),
        "other pickle": (pickle.loads, (pickle.dumps(Hostile((open, (str(ran), "w")))),)),
    }[how]
    path = tmp_path / "stylegan_human_v2_1024.pkl"
    path.write_bytes(pickle.dumps({"G_ema": Hostile(call)}))
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        load_generator(tmp_path)
    assert not ran.exists() and not list(tmp_path.glob("*.safetensors"))


def test_a_pickle_of_another_network(tmp_path, nvidia):
    path = tmp_path / "stylegan_human_v2_1024.pkl"
    path.write_bytes(pickle.dumps({"G_ema": saved({"mapping.w_avg": torch.zeros(4)})}))
    with pytest.raises(MissingFiles, match="not StyleGAN-Human's generator: it lacks 'synthesis"):
        load_generator(tmp_path)


def test_nobody_published_a_mapper(tmp_path):
    with pytest.raises(MissingFiles, match="published no trained mapper"):
        load_mapper(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("last.ckpt", {"state_dict": {"net.decoder.x": torch.zeros(1)}}, "mapper"),
        ("stylegan_human_v2_1024.pth", {"g_ema": {"input.input": torch.zeros(1)}}, "generator"),
        ("e4e_w+.pt", {"state_dict": {"encoder.x": torch.zeros(1)}}, "e4e encoder"),
    ],
)
def test_files_of_something_else(tmp_path, file, content, words):
    write_checkpoint(tmp_path)
    torch.save(content, tmp_path / file)
    with pytest.raises(MissingFiles, match=f"does not hold .*{words}"):
        load(tmp_path)


def test_the_mean_code_may_lie_beside_the_generator(tmp_path):
    write_checkpoint(tmp_path)
    encoder = {n: t.clone() for n, t in read_state(tmp_path / "e4e_w+.pt").items()}
    torch.save({"state_dict": encoder}, tmp_path / "e4e_w+.pt")
    with pytest.raises(MissingFiles, match="latent_avg"):
        load(tmp_path)
    torch.save({"g_ema": generator_state(), "latent_avg": torch.ones(WIDTH)},
               tmp_path / "stylegan_human_v2_1024.pth")  # fmt: skip
    assert load(tmp_path).mean_code.tolist() == [1.0] * WIDTH
