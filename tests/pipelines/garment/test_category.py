"""A garment's category is said once, and a picture that contradicts it is refused."""

import numpy as np
import pytest
from drawn_people import draw_shirt, draw_trousers
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.garment.category import settled_category

ALL = ("upper", "lower", "dress")


def test_auto_takes_what_the_picture_shows():
    assert settled_category("auto", draw_trousers(), ALL) == "lower"
    assert settled_category("auto", draw_shirt(), ("upper",)) == "upper"


@pytest.mark.parametrize(("picture", "wanted", "word"), [
    (draw_trousers(), "upper", "a lower garment"), (draw_trousers(), "dress", "a lower garment"),
    (draw_shirt(), "lower", "an upper garment"),
])  # fmt: skip
def test_a_contradiction_is_refused(picture, wanted, word):
    with pytest.raises(InputError, match=word):
        settled_category(wanted, picture, ("upper",))


def test_the_choice_wins_where_the_picture_leaves_it_open():
    assert settled_category("lower", draw_trousers(), ALL) == "lower"
    assert settled_category("dress", draw_shirt(460), ALL) == "dress"
    blank = np.full((300, 300, 3), 250, np.uint8)
    assert settled_category("upper", blank, ALL) == "upper"
    with pytest.raises(InputError, match="choose its category"):
        settled_category("auto", blank, ALL)


def test_a_model_without_categories_asks_nothing():
    assert settled_category("auto", np.zeros((9, 9, 3), np.uint8), ()) == ""
