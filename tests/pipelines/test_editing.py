"""Framing for editing models, the sheet of garments, the prompt, and what comes back."""

import numpy as np
import pytest
import torch
from fitting_room.pipelines.editing import (
    PARTS,
    frame_size,
    framed,
    prompt,
    region_to_paste,
    sheet,
)
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.images import cut, paste

SIZES = [(600, 900), (1080, 1920), (3000, 4000), (1600, 900), (333, 517), (512, 512)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("step", [8, 16, 32])
def test_the_whole_photo_is_seen_at_a_size_that_the_model_takes(width, height, step):
    crop = framed(width, height, None, 0.3, 1.0, step)
    assert crop.left <= 0 and crop.top <= 0
    assert crop.left + crop.width >= width and crop.top + crop.height >= height
    assert crop.model_width % step == 0 and crop.model_height % step == 0
    assert abs(crop.model_width * crop.model_height / 1024**2 - 1) < 0.08
    # the same scale in both directions, to half a step
    assert abs(crop.width / crop.model_width / (crop.height / crop.model_height) - 1) < 0.004


@pytest.mark.parametrize("context", [0.0, 0.3, 1.5])
def test_around_a_mask_nothing_of_it_is_cut_off(context):
    mask = torch.zeros(1200, 1600)
    mask[300:1100, 700:850] = 1
    crop = framed(1600, 1200, mask, context, 1.0, 16)
    assert crop.left <= 700 and crop.left + crop.width >= 850
    assert crop.top <= 300 and crop.top + crop.height >= 1100
    assert crop.model_width % 16 == 0 and crop.model_height % 16 == 0


def test_an_empty_mask_is_refused():
    with pytest.raises(InputError, match="empty"):
        framed(600, 900, torch.zeros(900, 600), 0.3, 1.0, 16)


@pytest.mark.parametrize("aspect", [0.2, 4.5])
def test_a_strip_is_refused(aspect):
    with pytest.raises(InputError, match="1:4"):
        frame_size(aspect, 1.0, 16)


def test_the_frame_comes_back_where_it_was():
    photo = torch.rand(1, 3, 901, 613)
    mask = torch.zeros(901, 613)
    mask[300:600, 200:400] = 1
    crop = framed(613, 901, None, 0.3, 1.0, 16)
    back = paste(photo, cut(photo, crop), mask[None, None], crop)
    assert torch.equal(back[:, :, mask == 0], photo[:, :, mask == 0])
    smooth = torch.nn.functional.avg_pool2d
    assert (smooth(back, 9) - smooth(photo, 9)).abs().max() < 0.1


def garment(red, width=300, height=400):
    picture = torch.zeros(1, 3, height, width)
    picture[:, 0] = red
    return picture


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_garment_is_whole_on_the_sheet(count):
    shades = [0.2, 0.4, 0.6, 0.8][:count]
    page = sheet([garment(shade) for shade in shades], 1.0, 16)
    assert page.shape[-1] % 16 == 0 and page.shape[-2] % 16 == 0
    for shade in shades:
        found = (page[0, 0] - shade).abs() + page[0, 1] < 0.02
        rows, columns = found.any(1).sum(), found.any(0).sum()
        assert abs(int(rows) / int(columns) - 4 / 3) < 0.03, "not distorted, nothing cut off"
        assert rows > 300


def test_no_garment_is_refused():
    with pytest.raises(InputError, match="at least one garment"):
        sheet([], 1.0, 16)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("category", ["upper", "lower", "dress", "outfit"])
def test_the_prompt_names_what_is_worn(language, category):
    made = prompt(category, ["garment", "shoes", "bag"], "red wool 红毛衣", language)
    plain = prompt(category, ["garment"], "", language)
    assert "red wool 红毛衣" in made and "(" not in plain and "（" not in plain
    words = {"en": ("shoes", "bag", "image 1", "image 2"), "zh": ("鞋子", "包", "图1", "图2")}
    assert all(word in made for word in words[language])
    assert made != plain
    others = {prompt(other, ["garment"], "", language) for other in ("upper", "lower", "dress")}
    assert len(others) == 3


def test_an_unknown_part_is_refused():
    with pytest.raises(InputError, match="hat"):
        prompt("upper", ["hat"], "", "en")
    assert "hat" not in PARTS


def test_head_and_hands_stay_out_of_the_grown_region():
    mask = np.zeros((100, 80), np.float32)
    mask[40:70, 20:60] = 1
    head = np.zeros_like(mask)
    head[10:42, 30:50] = 1
    grown = region_to_paste(mask, 8, head)
    assert grown[50, 14] == 1 and grown[75, 40] == 1, "it grew"
    assert not grown[:40, 30:50].any(), "not over the head"
    assert grown[41, 40] == 1, "what the mask covered itself stays"
    assert np.array_equal(region_to_paste(mask, 0, head), mask)
