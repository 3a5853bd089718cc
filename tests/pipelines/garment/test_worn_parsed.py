"""A worn garment read by a parsing network, where one is installed and sees the wearer."""

import numpy as np
import pytest
import tiny
from drawn_people import HAIR, SKIN, SWEATER, TROUSERS, draw_person
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.garment import read
from fitting_room.pipelines.garment.matting import ANALYSIS_SIDE, reduced
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.masking.installed import (
    CLOTHES_PARSERS,
    PARSING,
    InstalledNetworks,
    installed_parse,
)
from fitting_room.pipelines.masking.rules_common import ATR
from PIL import Image


def labels_of(photo: np.ndarray) -> np.ndarray:
    """What a parser that errs nowhere says of the drawn person."""
    labels = np.zeros(photo.shape[:2], np.uint8)
    for colour, name in ((HAIR, "hair"), (SWEATER, "upper"), (TROUSERS, "trousers")):
        labels[(photo == colour).all(-1)] = ATR[name]
    skin = (photo == SKIN).all(-1)
    labels[skin] = ATR["left_arm"]
    labels[:175][skin[:175]] = ATR["face"]
    labels[700:][labels[700:] == ATR["hair"]] = ATR["left_shoe"]
    return labels


def worn(photo, body, labels, category="upper"):
    """Reads the drawn person's garment as `read_garment` does once it has found its wearer."""
    small = reduced(photo, ANALYSIS_SIDE)
    scale = small.shape[0] / photo.shape[0]
    mask = np.asarray(Image.fromarray(body.mask).resize(small.shape[1::-1]))
    landmarks = body.landmarks * np.array([scale, scale, scale, 1, 1], np.float32)
    found = Body(landmarks, mask, tuple(round(side * scale) for side in body.box), 1.0)
    return read.taken_off(photo, small, read.find_cloth(small, found, category, None, labels))


def agreement(garment, wanted: np.ndarray) -> float:
    """Share that what was taken and what should have been taken have in common."""
    taken = garment.alpha > 0.5
    return float((taken & wanted).sum() / (taken | wanted).sum())


def test_a_sweater_in_stripes_of_skin_and_trousers_is_read_by_its_labels():
    """Colours alone do not tell it from what is around it."""
    photo, body = draw_person()
    labels = labels_of(photo)
    wanted = labels == ATR["upper"]
    stripes = np.where(np.arange(850)[:, None, None] // 22 % 2, SKIN, TROUSERS)
    striped = np.where(wanted[..., None], stripes, photo).astype(np.uint8)
    assert agreement(worn(striped, body, labels), wanted) > 0.93
    try:
        without = agreement(worn(striped, body, None), wanted)
    except InputError:
        without = 0.0
    assert without < 0.85


def test_a_bag_before_it_is_no_part_of_it():
    photo, body = draw_person()
    labels = labels_of(photo)
    labels[300:360, 260:300] = ATR["bag"]
    with_bag = photo.copy()
    with_bag[300:360, 260:300] = (150, 40, 160)
    garment = worn(with_bag, body, labels)
    inside = garment.picture[garment.alpha > 0.5].astype(int)
    assert (np.abs(inside - (150, 40, 160)).max(-1) < 40).mean() < 0.002
    assert garment.alpha[330, 280] == 1, "the sweater goes on behind it"


@pytest.mark.parametrize("wrong", ["nobody", "noise", "another", "head"])
def test_labels_that_do_not_show_the_wearer_count_for_nothing(wrong):
    photo, body = draw_person()
    labels = labels_of(photo)
    if wrong == "nobody":
        labels = np.zeros_like(labels)
    elif wrong == "noise":
        labels = np.random.default_rng(0).integers(0, 18, labels.shape).astype(np.uint8)
    elif wrong == "another":
        labels = np.roll(labels, 200, axis=1)
    else:
        labels[labels > 0] = ATR["upper"]
    plain = worn(photo, body, None)
    made = worn(photo, body, labels)
    assert (made.alpha == plain.alpha).all() and made.points == plain.points


@pytest.mark.parametrize("name", [*PARSING, *CLOTHES_PARSERS])
def test_whatever_parser_is_installed_is_asked(name, tmp_path):
    models = tiny.install(tmp_path, [name])
    networks = InstalledNetworks(lambda: [models], lambda load, *paths: load(*paths), lambda: None)
    photo, _ = draw_person()
    labels = installed_parse(networks)(photo)
    assert labels.shape == photo.shape[:2] and labels.dtype == np.uint8 and labels.max() <= 18


def test_without_a_parser_nothing_is_asked(tmp_path):
    networks = InstalledNetworks(lambda: [tmp_path], None, None)
    assert installed_parse(networks)(draw_person()[0]) is None
