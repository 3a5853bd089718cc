"""A repainted region meets its photo without a border, and outside of it nothing changes."""

import pytest
import torch
from fitting_room.pipelines.images import composite, crop_around, cut, paste
from fitting_room.pipelines.seams import matched, ring_around, seam


@pytest.fixture
def photo():
    """A wall that gets darker to the right, with some grain."""
    shade = torch.linspace(0.8, 0.5, 480).expand(1, 3, 640, 480)
    noise = torch.randn(1, 3, 640, 480, generator=torch.Generator().manual_seed(0))
    return (shade + 0.01 * noise).clamp(0, 1)


@pytest.fixture
def mask():
    mask = torch.zeros(1, 1, 640, 480)
    mask[:, :, 180:460, 140:330] = 1
    return mask


def made(photo, crop):
    """What a model makes of the crop: its tone has drifted, more so at the top, and a shirt."""
    picture = cut(photo, crop)
    drift = torch.linspace(0.09, 0.03, picture.shape[-2])[:, None]
    picture = picture + drift * torch.tensor([1.0, 0.6, -0.5])[:, None, None]
    picture[:, :, 200:300, 150:260] = torch.tensor([0.8, 0.1, 0.1])[:, None, None]
    return picture


def test_a_drifted_tone_leaves_no_border(photo, mask):
    crop = crop_around(mask[0, 0], 384, 512, 0.25)
    picture = made(photo, crop)
    back = paste(photo, picture, mask, crop)
    raw = composite(photo, placed(photo, picture, crop), mask)
    assert seam(photo, raw, mask) > 0.015
    assert seam(photo, back, mask) < 0.006
    assert torch.equal(back[mask.expand_as(back) == 0], photo[mask.expand_as(photo) == 0])


def placed(photo, picture, crop):
    """The picture in its place, its colours as they are."""
    region = torch.nn.functional.interpolate(
        picture, (crop.height, crop.width), mode="bicubic", antialias=True
    )
    whole = photo.clone()
    whole[:, :, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width] = region
    return whole


def test_the_new_garment_keeps_its_colours_but_for_the_drift(photo, mask):
    crop = crop_around(mask[0, 0], 384, 512, 0.25)
    back = paste(photo, made(photo, crop), mask, crop)
    shirt = back[0, :, 300:330, 220:240].mean((1, 2))
    assert (shirt - torch.tensor([0.8, 0.1, 0.1])).abs().max() < 0.08


def test_nothing_is_moved_where_nothing_differs_or_where_all_does(photo, mask):
    inside = torch.ones_like(mask)
    changed = torch.where(mask > 0, 0.2, photo)
    torch.testing.assert_close(matched(photo, changed, mask, inside), changed)
    other = torch.rand(photo.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(matched(photo, other, mask, inside), other)
    everywhere = torch.ones_like(mask)
    assert torch.equal(matched(photo, other, everywhere, inside), other)


def test_the_ring_lies_around_the_mask_and_not_in_it(mask):
    ring = ring_around(mask)
    assert not (ring * mask).any()
    assert ring[0, 0, 170, 200] == 1 and ring[0, 0, 100, 200] == 0
