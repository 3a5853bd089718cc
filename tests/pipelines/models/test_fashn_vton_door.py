"""FASHN VTON behind the door: real body model, real pictures, a tiny random checkpoint."""

from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.diffusion.latents import to_bytes
from fitting_room.pipelines.errors import InputError, MissingFiles, NobodyFound
from fitting_room.pipelines.files.locate import find
from fitting_room.pipelines.masking.body import load_body_model
from fitting_room.pipelines.masking.installed import InstalledNetworks
from fitting_room.pipelines.models import door
from fitting_room.pipelines.models.common import GarmentView, Settings, Sight, ignored
from fitting_room.pipelines.models.fashn_vton.reading import OF_FACE_AND_HANDS
from fitting_room.pipelines.models.garment_photo import read_garment
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
VARIANT = VARIANTS["fashn_vton/v1_5"]
WIDTH, HEIGHT = 144, 216


def sample(name):
    pixels = np.array(Image.open(SAMPLES / name).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module")
def body():
    return load_body_model()


def networks(models, body):
    return InstalledNetworks(lambda: [models], lambda load, *paths: load(*paths), lambda: body)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, body):
    """Nothing installed but the model itself."""
    return networks(tiny.install(tmp_path_factory.mktemp("alone"), [VARIANT.name]), body)


@pytest.fixture(scope="module")
def everything(tmp_path_factory, body):
    names = [VARIANT.name, *VARIANT.uses]
    return networks(tiny.install(tmp_path_factory.mktemp("everything"), names), body)


@pytest.fixture(scope="module")
def pipeline(alone):
    return door.load_pipeline(find(VARIANT.name, folders=alone.folders()), torch.float32)


def sight(mask=None, framing="fit", name="person.jpg"):
    return Sight(sample(name), mask, WIDTH, HEIGHT, framing)


def shirt(pipeline, readers, **how):
    photo = sample("tshirt.png")
    picture = door.frame_garment(VARIANT, photo, WIDTH, HEIGHT, "fit")
    garment = GarmentView(picture, **{"category": "upper", "photo": photo, **how})
    return door.encode_garment(pipeline, VARIANT, garment, readers)


def dressed(pipeline, readers, seen, garment, **settings):
    person = door.encode_person(pipeline, VARIANT, seen.person)
    settings = Settings(**{"steps": 2, "guidance": 1.5, **settings})
    return list(door.dress(pipeline, VARIANT, [person], [garment], [(0, 0)], settings))


@pytest.mark.parametrize("framing", ["fit", "reference"])
def test_one_download_is_enough_for_a_flat_lay(pipeline, alone, framing):
    look = sight(framing=framing)
    seen = door.see(VARIANT, look, alone, "upper")
    assert f"Pose by the embedded body model{OF_FACE_AND_HANDS}." in seen.person.notes
    assert seen.person.pose.shape == (HEIGHT, WIDTH) and seen.person.pose.any()
    (made,) = dressed(pipeline, alone, seen, shirt(pipeline, alone))
    assert made.shape == (1, 3, HEIGHT, WIDTH) and made.isfinite().all()
    back = door.put_back(VARIANT, look, seen, made, Settings())
    outside = back.repainted == 0
    assert torch.equal((back.photo * outside), (look.photo * outside))
    assert outside.float().mean() > 0.4 and not outside.all()
    assert back.fit.level == "doubtful"  # random weights draw noise
    face = back.repainted[0, 0, 40:100, 190:260]
    assert not face.any()


def test_crop_is_around_the_person_and_inside_the_photo(alone):
    wide = torch.nn.functional.pad(sample("person.jpg"), (400, 400, 0, 0), mode="replicate")
    crop = door.see(VARIANT, Sight(wide, None, WIDTH, HEIGHT), alone).crop
    assert crop.width < wide.shape[-1] / 2
    assert crop.left < 400 + 226 < crop.left + crop.width  # her nose


def test_bars_are_black_and_garment_alone_has_no_pose(pipeline, alone):
    seen = door.see(VARIANT, sight(framing="reference"), alone, "upper")
    bars = seen.person.photo[0, :, :10]
    assert not bars.any()
    person = door.encode_person(pipeline, VARIANT, seen.person)
    assert (person.pictures[0, :, :10] == -1).all()
    garment = shirt(pipeline, alone)
    assert (garment.pictures[0, 3] == -1).all() and garment.categories.tolist() == [1]
    assert garment.pictures[0, :3].max() > 0.5


@pytest.mark.parametrize(("category", "number"), [("upper", 1), ("lower", 2), ("dress", 3)])
def test_categories(pipeline, alone, category, number):
    assert shirt(pipeline, alone, category=category).categories.tolist() == [number]


def test_unknown_category(pipeline, alone):
    with pytest.raises(InputError, match="trained for upper and lower and dress"):
        shirt(pipeline, alone, category="shoes")


def test_samples_take_the_next_seeds(pipeline, alone):
    seen = door.see(VARIANT, sight(), alone, "upper")
    garment = shirt(pipeline, alone)
    three = dressed(pipeline, alone, seen, garment, samples=3, seed=4)
    (second,) = dressed(pipeline, alone, seen, garment, seed=5)
    assert len(three) == 3 and torch.equal(three[1], second)
    assert (three[0] - three[1]).abs().max() > 0.01


def test_settings_reach_the_model(pipeline, alone):
    seen, garment = door.see(VARIANT, sight(), alone), shirt(pipeline, alone)
    (plain,) = dressed(pipeline, alone, seen, garment)
    (authors,) = dressed(pipeline, alone, seen, garment, skip_guidance=1)
    assert torch.equal(plain, authors)
    for settings in ({"skip_guidance": 0}, {"published_times": True}, {"guidance": 3.0}):
        (other,) = dressed(pipeline, alone, seen, garment, **settings)
        assert not torch.equal(plain, other), settings
    assert ignored(VARIANT, Settings(published_times=True, skip_guidance=2)) == []
    (told,) = ignored(VARIANT, Settings(accelerated=True))
    assert "accelerated" in told


def test_whole_picture(pipeline, alone):
    look = sight()
    seen = door.see(VARIANT, look, alone)
    made = torch.rand(1, 3, HEIGHT, WIDTH)
    back = door.put_back(VARIANT, look, seen, made, Settings(whole_picture=True))
    assert back.repainted.all() and not back.notes
    assert (
        back.photo[..., : seen.crop.width // 2] != look.photo[..., : seen.crop.width // 2]
    ).any()


def test_mask_hides_and_limits(pipeline, alone):
    mask = torch.zeros(1, 1, 512, 512)
    mask[:, :, 250:450, 60:260] = 1
    look = sight(mask)
    seen = door.see(VARIANT, look, alone)
    person = door.encode_person(pipeline, VARIANT, seen.person)
    hidden = seen.person.mask[0, 0] >= 0.5
    grey = 127 / 127.5 - 1
    assert torch.allclose(person.pictures[0, :3][:, hidden], torch.tensor(grey), atol=1e-6)
    made = torch.rand(1, 3, HEIGHT, WIDTH)
    back = door.put_back(VARIANT, look, seen, made, Settings())
    outside = mask[0, 0] == 0
    assert torch.equal(back.photo[0][:, outside], look.photo[0][:, outside])


def test_dwpose_where_it_is_installed(everything, monkeypatch):
    """The tiny network's points are not hers, so the body's are taken; near ones are believed."""
    from fitting_room.pipelines.models.fashn_vton import reading

    seen = door.see(VARIANT, sight(), everything)
    told = f"Pose by the embedded body model (DWPose found nobody there){OF_FACE_AND_HANDS}."
    assert told in seen.person.notes
    monkeypatch.setattr(reading, "SAME_PERSON", 10.0)
    other = door.see(VARIANT, sight(), everything)
    assert "Pose by DWPose." in other.person.notes
    assert (other.person.pose != seen.person.pose).any()
    monkeypatch.setattr(reading, "find_spec", lambda name: None)  # as without onnxruntime
    (told, _) = door.see(VARIANT, sight(), everything).person.notes
    assert told.startswith("Pose by the embedded body model") and "pip install onnxruntime" in told


def test_parsing_where_it_is_installed(alone, everything):
    said = [door.see(VARIANT, sight(), each).person.notes[-1] for each in (alone, everything)]
    assert said == [
        "What must stay of the photo by the embedded body model.",
        "What must stay of the photo by SCHP.",
    ]


def test_worn_garment_is_cut_out_with_its_wearers_pose(pipeline, everything, monkeypatch):
    from fitting_room.pipelines.models.fashn_vton import reading

    labels = np.zeros((HEIGHT, HEIGHT), dtype=np.uint8)
    labels[100:150, 60:150] = 3
    monkeypatch.setattr(reading, "read_labels", lambda *_: (labels, "a drawing"))
    photo = sample("person.jpg")
    picture = door.frame_garment(VARIANT, photo, WIDTH, HEIGHT, "fit")
    garment = GarmentView(picture, "upper", photo=photo, worn=True)
    made = door.encode_garment(pipeline, VARIANT, garment, everything)
    shown = ((made.pictures[0, :3] + 1) * 127.5).round()
    inside = shown[:, 36:-36]
    grey = (inside == 127).all(dim=0)
    assert 0.7 < grey.float().mean() < 0.95
    assert (made.pictures[0, 3] > -1).any()  # a pose
    assert (to_bytes(picture)[0].astype(int)[36:-36] != 127).any()


@pytest.mark.parametrize(
    ("name", "declared", "worn", "said"),
    [
        ("tshirt.png", "auto", False, ""),
        ("tshirt.png", "flat-lay", False, ""),
        ("person.jpg", "auto", True, "was taken as worn"),
        ("person.jpg", "worn", True, "was taken as worn"),
        ("person.jpg", "flat-lay", False, "declared as flat-lay, but somebody wears"),
    ],
)
def test_photo_type(alone, name, declared, worn, said):
    photo = sample(name)
    picture = door.frame_garment(VARIANT, photo, WIDTH, HEIGHT, "fit")
    garment = read_garment(VARIANT, GarmentView(picture, photo=photo), alone, declared)
    assert garment.worn == worn
    assert len(garment.notes) == bool(said) and all(said in note for note in garment.notes)


def test_photo_type_that_does_not_fit(alone):
    garment = GarmentView(sample("tshirt.png"))
    with pytest.raises(InputError, match="declared as worn, but nobody"):
        read_garment(VARIANT, garment, alone, "worn")
    with pytest.raises(InputError, match="one of auto, flat-lay, worn; 'folded' came"):
        read_garment(VARIANT, garment, alone, "folded")
    other = VARIANTS["leffa/virtual_tryon"]  # made for garments alone
    seen = read_garment(other, GarmentView(sample("person.jpg")), alone, "auto")
    assert not seen.worn and "may show the wearer" in seen.notes[0]


def test_worn_garment_without_a_parser(pipeline, alone):
    """By the package's own reading of garments, or refused where that cannot make it out."""

    def encoded(name):
        photo = sample(name)
        picture = door.frame_garment(VARIANT, photo, WIDTH, HEIGHT, "fit")
        garment = GarmentView(picture, "upper", photo=photo, worn=True)
        return door.encode_garment(pipeline, VARIANT, garment, alone)

    shown = ((encoded("person_close.jpg").pictures[0, :3] + 1) * 127.5).round()
    grey = (shown == 127).all(dim=0).float().mean()
    assert 0.1 < grey < 0.9
    with pytest.raises(MissingFiles, match="fitting-room download human_parsing/pth"):
        encoded("person.jpg")


def test_nobody_in_the_photo(alone):
    with pytest.raises(NobodyFound, match="Nobody was found"):
        door.see(VARIANT, sight(name="tshirt.png"), alone)


def test_part_that_is_not_in_the_photo(alone):
    with pytest.raises(InputError, match="lower part of the body is not in the photo"):
        head = sample("person.jpg")[:, :, :200].contiguous()
        door.see(VARIANT, Sight(head, None, WIDTH, HEIGHT), alone, "lower")


@pytest.mark.parametrize("size", [(768, 1024), (100, 150)])
def test_odd_sizes(alone, size):
    with pytest.raises(InputError, match="multiples of 12"):
        door.see(VARIANT, Sight(sample("person.jpg"), None, *size), alone)


def test_memory_that_a_run_needs():
    one = door.working_bytes(VARIANT, torch.bfloat16, "denoise", 576, 864)
    assert 300e6 < one < 900e6
    four = door.working_bytes(VARIANT, torch.bfloat16, "denoise", 576, 864, 4)
    assert one < four < 1.3 * one  # one picture at a time


def test_float8_weights(alone):
    pipeline = door.load_pipeline(find(VARIANT.name, folders=alone.folders()), torch.bfloat16)
    door.shrink(VARIANT, pipeline)
    block, embedding = pipeline.transformer.single_blocks[0], pipeline.transformer.x_embedder
    assert block.linear1.weight.dtype == torch.float8_e4m3fn
    assert block.norm.query_norm.weight.dtype == embedding.proj.weight.dtype == torch.bfloat16


def test_compiled_blocks(alone):
    pipeline = door.load_pipeline(find(VARIANT.name, folders=alone.folders()), torch.float32)
    door.compile_blocks(VARIANT, pipeline)
    sizes = pipeline.transformer.sizes
    blocks = sizes.mixer_blocks + sizes.double_blocks + sizes.single_blocks
    compiled = [m for m in pipeline.transformer.modules() if "forward" in vars(m)]
    assert len(compiled) == blocks


def test_blocks_compile_without_a_graph_break(alone):
    """By the tracer alone: a compiler of machine code need not be there."""
    from fitting_room.pipelines.diffusion.reference import compile_blocks
    from fitting_room.pipelines.models.fashn_vton.model import blocks
    from fitting_room.pipelines.models.fashn_vton.pipeline import GarmentEncoding, PersonEncoding

    pipeline = door.load_pipeline(find(VARIANT.name, folders=alone.folders()), torch.float32)
    person = PersonEncoding(torch.rand(1, 4, 60, 36))
    garment = GarmentEncoding(torch.rand(1, 4, 60, 36), torch.tensor([1]))
    plain = pipeline(person, garment, steps=1)
    for block in blocks(pipeline):
        compile_blocks(block, backend="eager")
    torch.testing.assert_close(pipeline(person, garment, steps=1), plain)
