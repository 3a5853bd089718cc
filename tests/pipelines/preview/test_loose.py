"""Loose tops laid flat, on a drawn person: they reach the hips and hang."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_people import PLACES, draw_person
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw
from fitting_room.pipelines.preview.pipeline import PreviewPipeline

LOOK = Look((196, 40, 50))
SWEATER = replace(
    CUTS["long-sleeved top"], shoulder=(1.02, 0.3), armpit=(1.0, 1.1), waist=(1.0, 1.6),
    neck=(0.42, 0.25, 0.08), sleeve=(1.75, 58, 0.4), hem=(1.0, 2.2, 0.04),
)  # fmt: skip
TEE = replace(CUTS["t-shirt"], waist=(1.05, 1.75), hem=(1.15, 2.5, 0.04), sleeve=(0.7, 30, 0.6))
HIPS, ELBOW, WRIST = (PLACES[joint][1] for joint in (23, 13, 15))


def worn(cut, **person):
    """Where the preview shows a red garment of this cut, bool (h, w)."""
    garment = read_garment(draw(cut, LOOK, 480, 640).picture, "upper")
    picture = PreviewPipeline()(*draw_person(**person), garment).picture.astype(int)
    return (picture[..., 0] > 2.2 * picture[..., 1]) & (picture[..., 0] > 90)


@pytest.mark.parametrize("cut", [SWEATER, TEE], ids=["drop-shoulder sweater", "wide tee"])
def test_a_loose_top_reaches_the_hips(cut):
    red = worn(cut)
    assert HIPS - 8 < np.nonzero(red[:, 300])[0].max() < HIPS + 60


def test_a_loose_sweaters_sleeves_end_near_the_wrists():
    red = worn(SWEATER, sleeve=64)
    for x in (170, 430):
        rows = np.nonzero(red[ELBOW:, x - 20 : x + 20].any(1))[0] + ELBOW
        assert abs(rows.max() - WRIST) < 25


def test_a_loose_top_hangs_beside_the_body():
    """It stands off a little further than a close one, and by far not as wide as it lies."""
    close = replace(CUTS["t-shirt"], armpit=(1.0, 0.8), hem=(1.0, 3.8, 0))
    wide, narrow = (worn(cut)[370:430].sum(1).mean() for cut in (TEE, close))
    assert narrow < wide < 1.35 * narrow
