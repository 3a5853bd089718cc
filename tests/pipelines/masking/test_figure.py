"""How pixels lie to a limb, wherever the photo ends."""

import numpy as np
from fitting_room.pipelines.masking.figure import Limb, along, limb_frame, pixel_grid


def arm(x: float, y: float) -> Limb:
    line = np.array([[x, y], [x + 20, y + 60], [x + 10, y + 120]], np.float64)
    return Limb(line, np.zeros(3), line[-1] + 5, np.ones(3), line, np.array([9.0, 7.0, 5.0]))


def test_a_limb_s_frame_is_that_of_its_nearest_piece():
    limb = arm(60, 20)
    frame = limb_frame(limb, 200, 150)
    points = pixel_grid(200, 150)
    beyond = [
        along(points, limb.line[k], limb.line[k + 1])[1]
        - (limb.radii[k] + along(points, limb.line[k], limb.line[k + 1])[0]
           * (limb.radii[k + 1] - limb.radii[k]))
        for k in (0, 1)
    ]  # fmt: skip
    near = np.minimum(*beyond) < 20
    np.testing.assert_allclose(frame.beyond[near], np.minimum(*beyond)[near], atol=1e-3)


def test_a_limb_may_lie_outside_the_photo_in_part_or_whole():
    for x in (-200, -40, 60, 140, 400):
        for y in (-300, -100, 20, 150, 500):
            frame = limb_frame(arm(x, y), 200, 150)
            assert frame.beyond.shape == (200, 150) and np.isfinite(frame.offset).all()
