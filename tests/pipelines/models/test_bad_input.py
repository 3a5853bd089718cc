"""What cannot work, at the door of every model: one clear sentence each, and nothing is run."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files.locate import find
from fitting_room.pipelines.masking.body import embedded_body_model
from fitting_room.pipelines.models import door
from fitting_room.pipelines.models.common import FLAT_LAY, WORN, GarmentView
from fitting_room.pipelines.models.garment_photo import read_garment
from PIL import Image
from safetensors.torch import save_file

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
TRY_ON = [variant for variant in VARIANTS.values() if variant.kind == "try_on"]
LOADED = ("fashn_vton/v1_5", "catvton/mix", "catvton/maskfree", "ladi_vton/vitonhd",
          "sievenet/upper", "fashiontex/own")  # fmt: skip
WEIGHTS = (".safetensors", ".pth", ".pt", ".pkl", ".ckpt", ".bin")


def by_name(variants):
    return [pytest.param(each, id=each.name) for each in variants]


class BodyAlone:
    """Readers of whom nothing is installed."""

    def body(self):
        return embedded_body_model()


@pytest.mark.parametrize("variant", by_name(TRY_ON))
def test_a_category_that_the_variant_was_not_trained_for(variant):
    unknown = [name for name in ("upper", "lower", "dress") if name not in variant.categories]
    for name in unknown if variant.categories else []:
        title = re.escape(variant.title)
        with pytest.raises(InputError, match=f"{title} was trained for .*{name!r}"):
            door.encode_garment(None, variant, GarmentView(torch.zeros(1, 3, 64, 64), name), None)


@pytest.mark.parametrize("variant", by_name(TRY_ON))
def test_a_worn_garment_that_was_declared_as_flat_lay_is_told(variant):
    pixels = np.array(Image.open(SAMPLES / "person.jpg").convert("RGB"))
    photo = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    taken = read_garment(variant, GarmentView(photo, photo=photo), BodyAlone(), FLAT_LAY)
    assert not taken.worn and len(taken.notes) == 1
    assert "the result may show the wearer" in taken.notes[0]


def test_a_flat_lay_that_was_declared_as_worn_is_refused():
    pixels = np.array(Image.open(SAMPLES / "tshirt.png").convert("RGB"))
    photo = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with pytest.raises(InputError, match="declared as worn, but nobody"):
        read_garment(TRY_ON[0], GarmentView(photo, photo=photo), BodyAlone(), WORN)


@pytest.mark.parametrize("variant", by_name(TRY_ON))
def test_a_size_that_is_no_multiple_of_the_step(variant):
    width = variant.width + 1
    with pytest.raises(InputError, match=f"multiples of {variant.size_step}.*{width}x"):
        door.frame_garment(variant, torch.zeros(1, 3, 50, 70), width, variant.height, "fit")


@pytest.fixture(scope="module")
def located(tmp_path_factory):
    """name -> where a tiny checkpoint of it lies."""
    models = tiny.install(tmp_path_factory.mktemp("bad"), LOADED)
    return {name: find(name, folders=[models]) for name in LOADED}


def weights_of(found):
    """The files of the model's own networks."""
    own = found.variant.sources[0].files
    paths = [path for file, path in found.files() if file in own and path.suffix in WEIGHTS]
    assert paths
    return paths


@pytest.mark.parametrize("name", LOADED)
def test_another_models_weights_in_the_place_of_each_file(name, located, tmp_path):
    found = located[name]
    assert weights_of(found)
    other = {
        "cond_stage_model.positions": torch.zeros(3, 2),
        "decoder.conv_in.weight": torch.ones(2),
    }
    for path in weights_of(found):
        kept = path.read_bytes()
        path.unlink()  # a link to what other variants share stays whole
        if path.suffix == ".safetensors":
            save_file(other, path)
        else:
            torch.save({"state_dict": other}, path)
        try:
            with pytest.raises(MissingFiles, match=re.escape(path.name)):
                door.load_pipeline(found, torch.float32)
        finally:
            path.unlink()
            path.write_bytes(kept)


class Evil:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.mkdir, (self.place,)


@pytest.mark.parametrize("name", LOADED)
@pytest.mark.parametrize("how", ["torch", "plain"])
def test_a_hostile_pickle_in_the_place_of_each_file_runs_nothing(name, how, located, tmp_path):
    found = located[name]
    for path in weights_of(found):
        done = tmp_path / "done"
        kept = path.read_bytes()
        path.unlink()
        if how == "torch":
            torch.save({"state_dict": {"x": torch.zeros(1)}, "evil": Evil(done)}, path)
        else:
            path.write_bytes(pickle.dumps(Evil(done)))
        try:
            with pytest.raises((InputError, MissingFiles)) as caught:
                door.load_pipeline(found, torch.float32)
        finally:
            path.unlink()
            path.write_bytes(kept)
        assert path.name in str(caught.value) and not done.exists()
