"""Models that read the person themselves, behind the door: real body model, real pictures, tiny
random checkpoints of CatVTON without a mask, LaDI-VTON and SieveNet."""

from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.errors import InputError, MissingFiles, NobodyFound
from fitting_room.pipelines.files.locate import find
from fitting_room.pipelines.masking.body import find_body, load_body_model
from fitting_room.pipelines.masking.installed import InstalledNetworks
from fitting_room.pipelines.models import door, person
from fitting_room.pipelines.models.common import GarmentView, Settings, Sight
from fitting_room.pipelines.models.person import masked_body
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
SIZES = {
    "catvton/maskfree": (96, 128),
    "ladi_vton/dresscode": (96, 128),
    "sievenet/upper": (192, 256),
}
MASKED = ["ladi_vton/dresscode", "sievenet/upper"]


def sample(name):
    pixels = np.array(Image.open(SAMPLES / name).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def torso():
    mask = torch.zeros(1, 1, 512, 512)
    mask[:, :, 300:500, 120:400] = 1
    return mask


@pytest.fixture(scope="module")
def body():
    return load_body_model()


@pytest.fixture(scope="module")
def readers(tmp_path_factory, body):
    models = tiny.install(tmp_path_factory.mktemp("read"), [*SIZES, "human_parsing/pth"])
    return InstalledNetworks(lambda: [models], lambda load, *paths: load(*paths), lambda: body)


@pytest.fixture(scope="module", params=SIZES)
def variant(request):
    return VARIANTS[request.param]


@pytest.fixture(scope="module")
def pipelines(readers):
    return {
        name: door.load_pipeline(find(name, folders=readers.folders()), torch.float32)
        for name in SIZES
    }


def sight(variant, mask=None, name="person.jpg", framing="fit"):
    mask = torso() if mask is None and variant.name in MASKED else mask
    return Sight(sample(name), mask, *SIZES[variant.name], framing)


@pytest.mark.parametrize("framing", ["fit", "reference"])
def test_a_photo_is_dressed_and_keeps_what_is_not_repainted(variant, pipelines, readers, framing):
    pipeline, view = pipelines[variant.name], sight(variant, framing=framing)
    seen = door.see(variant, view, readers, "upper")
    person = door.encode_person(pipeline, variant, seen.person)
    size = SIZES[variant.name]
    picture = door.frame_garment(variant, sample("tshirt.png"), *size, framing)
    garment = door.encode_garment(pipeline, variant, GarmentView(picture, "upper"), readers)
    settings = Settings(steps=2, guidance=2.0)
    (made,) = door.dress(pipeline, variant, [person], [garment], [(0, 0)], settings)
    assert made.shape == (1, 3, size[1], size[0]) and made.isfinite().all()
    done = door.put_back(variant, view, seen, made, settings)
    outside = (done.repainted == 0).expand_as(view.photo)
    assert outside.any() and torch.equal(done.photo[outside], view.photo[outside])
    assert seen.person.notes  # by what it was read


def test_the_person_under_the_mask_is_read(body, readers):
    """Of two people the one that the mask covers, whoever is larger."""
    photo = sample("person.jpg")
    both = torch.cat([photo, torch.nn.functional.pad(photo[..., ::2, ::2], (0, 0, 256, 0))], dim=3)
    width = both.shape[-1]
    for left, right in ((0, 512), (512, width)):
        mask = torch.zeros(1, 1, 512, width)
        mask[..., 400:500, left:right] = 1
        found = masked_body(readers, Sight(both, mask, 96, 128))
        assert left <= (found.box[0] + found.box[2]) / 2 <= right
    alone = masked_body(readers, Sight(photo, None, 96, 128))
    assert alone.box == find_body(body, (photo[0].permute(1, 2, 0) * 255).byte().numpy()).box


def test_of_two_people_around_a_mask_the_nearer_is_read(readers, monkeypatch):
    """A child before a grown-up lies in both boxes."""
    from types import SimpleNamespace

    people = [SimpleNamespace(box=(0, 0, 400, 500)), SimpleNamespace(box=(250, 250, 390, 490))]
    monkeypatch.setattr(person, "find_people", lambda *_: people)
    monkeypatch.setattr(person, "find_body", lambda model, photo, index=0: index)
    photo = torch.zeros(1, 3, 512, 512)
    for (left, top, right, bottom), wanted in (((280, 300, 380, 480), 1), ((10, 10, 200, 480), 0),
                                               ((240, 240, 400, 500), 1)):  # fmt: skip
        mask = torch.zeros(1, 1, 512, 512)
        mask[..., top:bottom, left:right] = 1
        assert masked_body(readers, Sight(photo, mask, 96, 128)) == wanted


def test_nobody_is_told(variant, readers):
    empty = torch.full((1, 3, 512, 512), 0.5)
    with pytest.raises(NobodyFound):
        view = sight(variant)
        door.see(variant, Sight(empty, view.mask, view.width, view.height), readers, "upper")


def test_models_that_repaint_want_a_mask(readers):
    for name in MASKED:
        with pytest.raises(InputError, match="none came"):
            door.see(VARIANTS[name], Sight(sample("person.jpg"), None, *SIZES[name]), readers)


def test_sievenet_has_one_size_and_wants_a_parser(tmp_path, body, readers):
    variant = VARIANTS["sievenet/upper"]
    with pytest.raises(InputError, match="192x256 alone; 96x128 came"):
        door.see(variant, Sight(sample("person.jpg"), torso(), 96, 128), readers)
    models = tiny.install(tmp_path, [variant.name])
    nothing = InstalledNetworks(lambda: [models], lambda load, *paths: load(*paths), lambda: body)
    with pytest.raises(MissingFiles, match="fitting-room download human_parsing"):
        door.see(variant, sight(variant), nothing)


def test_files_that_come_by_hand_are_told_of(tmp_path):
    for name, words in (("sievenet/upper", "Google Drive"), ("fashiontex/own", "published none")):
        with pytest.raises(MissingFiles, match=f"(?s){words}.*{tmp_path}"):
            find(name, folders=[tmp_path])


def test_clothes_from_words_behind_the_door(tmp_path):
    models = tiny.install(tmp_path, ["fashiontex/own"])
    variant = VARIANTS["fashiontex/own"]
    pipeline = door.load_pipeline(find(variant.name, folders=[models]), torch.float16)
    person = torch.rand(1, 3, 256, 128, generator=torch.Generator().manual_seed(0))
    cloth = torch.rand(1, 3, 90, 70, generator=torch.Generator().manual_seed(1))
    words = ("short shirt", "pants")
    own = door.design(pipeline, variant, person, words, (None, None), 0.1)
    other = door.design(pipeline, variant, person, words, (cloth, None), 0.1)
    assert own.shape == (1, 3, 1024, 512) and not torch.equal(own, other)
    with pytest.raises(InputError, match="twice as high as wide"):
        door.design(pipeline, variant, person[:, :, :128], words, (None, None), 0.1)
