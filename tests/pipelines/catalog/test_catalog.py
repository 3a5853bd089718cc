"""The catalogue is data; these hold it to the published key lists and to itself."""

import importlib.util
import json
import math
import re
from pathlib import Path

import pytest
from fitting_room.pipelines.catalog.models import VARIANTS, variant_named, variants_of
from fitting_room.pipelines.errors import InputError

TESTS = Path(__file__).resolve().parents[2]
SCRIPT = TESTS.parent / "scripts" / "models_page.py"


def full_size_keys(model: str) -> dict:
    lists = TESTS / "golden" / model / "full_size_keys.json"
    return json.loads(lists.read_text(encoding="utf-8"))


def count(shapes: dict) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=list(VARIANTS))
def test_entry_is_whole(variant):
    assert re.fullmatch(r"[a-z_]+/[a-z0-9_]+", variant.name)
    assert variant.title and variant.does.endswith(".") and variant.licence.for_a_shop
    assert variant.licence.url.startswith("https://")
    assert set(variant.categories) <= {"upper", "lower", "dress"}
    assert all(other in VARIANTS for other in (*variant.needs, *variant.uses))
    assert variant.parts and variant.parameters > 1e6
    assert variant.dtype in ("float16", "bfloat16", "float32")
    for source in variant.sources:
        paths = [file.path for file in source.files]
        assert len(set(paths)) == len(paths) > 0
        for file in source.files:
            assert not file.path.startswith("/") and ".." not in file.path
            assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert not (file.derived and file.size is None)


def test_names():
    assert variant_named("openpose").name == "openpose/body"
    assert variant_named("leffa/pose_transfer").model == "leffa"
    with pytest.raises(InputError, match="leffa/virtual_tryon, leffa/virtual_tryon_dc, leffa/pose"):
        variant_named("leffa")
    with pytest.raises(InputError, match="alien.*ootdiffusion/hd"):
        variant_named("alien")


def test_idm_vton_sizes_follow_from_the_published_names():
    keys = full_size_keys("idm_vton")
    counts = {part.name: part.parameters for part in VARIANTS["idm_vton/vitonhd"].parts}
    assert counts["try-on UNet with image tokens"] == count(keys["unet"])
    unused = {n: s for n, s in keys["unet_encoder"].items() if n.startswith("add_embedding.")}
    assert counts["garment UNet"] == count(keys["unet_encoder"]) - count(unused)
    assert counts["VAE"] == count(keys["vae"])
    for part, folder, positions in (
        ("text encoder", "text_encoder", 77),
        ("text encoder 2", "text_encoder_2", 77),
        ("image encoder", "image_encoder", 257),
    ):
        assert counts[part] == count(keys[folder]) - positions  # the file's table of positions
    for file in VARIANTS["idm_vton/vitonhd"].sources[0].files:
        folder = file.path.split("/")[0]
        if file.path.endswith("model.safetensors") and folder in keys:
            values = 4 * count(keys[folder])
            assert values < file.size < values + 500_000  # and a header


@pytest.mark.parametrize("name", ["virtual_tryon", "virtual_tryon_dc", "pose_transfer"])
def test_leffa_sizes_follow_from_the_published_names(name):
    keys = full_size_keys("leffa")
    shapes = keys.get(f"{name}.pth", keys["virtual_tryon.pth"])
    variant = VARIANTS[f"leffa/{name}"]
    assert variant.parameters == count(shapes)
    assert 4 * count(shapes) <= variant.sources[0].files[0].size < 4.001 * count(shapes)


@pytest.mark.parametrize("name", ["hd", "dc"])
def test_ootdiffusion_sizes_follow_from_the_published_names(name):
    keys = full_size_keys("ootdiffusion")
    variant = VARIANTS[f"ootdiffusion/{name}"]
    assert sorted(part.parameters for part in variant.parts) == sorted(map(count, keys.values()))
    for file in variant.sources[0].files:
        if file.path.endswith(".safetensors"):
            values = 4 * count(keys[Path(file.path).parent.name])
            assert values < file.size < values + 200_000


@pytest.mark.parametrize(
    ("name", "model"),
    [("human_parsing/pth", "schp"), ("openpose/body", "openpose"), ("densepose", "densepose")],
)
def test_preprocessing_sizes_follow_from_the_published_names(name, model):
    keys = full_size_keys(model)
    variant = variant_named(name)
    files = variant.sources[0].files
    counts = [count(keys[file.path]) for file in files]
    assert [part.parameters for part in variant.parts] == counts
    for file, values in zip(files, counts, strict=True):
        assert 4 * values < file.size < 4 * values + 200_000


def test_page_tells_what_the_catalogue_says():
    """docs/models.md is up to date: run scripts/models_page.py after a change."""
    spec = importlib.util.spec_from_file_location("models_page", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = script.PAGE.read_text(encoding="utf-8")
    assert text == script.page(text)
    for variant in VARIANTS.values():
        assert f"fitting-room download {variant.name}`" in text


@pytest.mark.parametrize("page", ["choosing_a_model.md", "choosing_a_model.zh.md"])
def test_every_try_on_model_is_in_the_table_that_helps_to_choose(page):
    text = (TESTS.parent / "docs" / page).read_text(encoding="utf-8").lower().replace("-", "_")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for variant in variants_of("try_on"):
        row = next((each for each in rows if variant.model.replace("_vton", "") in each), "")
        assert row, f"{variant.name} is missing"
        name = variant.name.split("/")[1]
        assert name in row or len(variants_of_model(variant.model)) == 1, (
            f"{variant.name} is missing"
        )


def variants_of_model(model):
    return [variant for variant in variants_of("try_on") if variant.model == model]
