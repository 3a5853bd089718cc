"""What a mask rule needs and nobody gave is read, and nothing else."""

import numpy as np
import pytest
import tiny
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.automatic import automatic_mask, known_sources, rules_for
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.masking.installed import InstalledNetworks
from fitting_room.pipelines.masking.rules_common import ATR, LIP
from fitting_room.pipelines.masking.select import best_mask
from fitting_room.pipelines.masking.sources import Sources

WIDTH, HEIGHT = 384, 512
EVERYTHING = ("human_parsing/pth", "openpose/body", "densepose/r50_fpn_s1x")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models folders by what is installed in them."""
    made = {}

    def of(*names):
        if names not in made:
            made[names] = tmp_path_factory.mktemp("models")
            for name in names:
                tiny.write(name, made[names])
        return made[names]

    return of


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def body():
    """Somebody upright in the middle, all of whose joints are seen."""
    landmarks = np.zeros((33, 5), np.float32)
    rows = np.linspace(40, 480, 33)
    landmarks[:, :2] = np.column_stack([192 + 60 * (-1) ** np.arange(33), rows])
    landmarks[:, 3:] = 1
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[30:490, 100:290] = 1
    return Body(landmarks=landmarks, mask=mask, box=(100.0, 30.0, 290.0, 490.0), score=1.0)


class Installed(InstalledNetworks):
    """Tiny networks of a folder; remembers which were loaded."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setenv("FITTING_ROOM_MODELS", str(folder))
        self.loaded = set()
        super().__init__(lambda: [folder], self._ready, lambda: None)

    def _ready(self, load, *paths):
        self.loaded |= {paths[0].stem.split("-")[-1] if "schp" in paths[0].stem else load.__name__}
        return load(*paths)


def maps(*names):
    """Label maps of a person in upper clothes and trousers."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[120:300, 110:280] = ATR["upper"]
    labels[300:480, 120:270] = ATR["trousers"]
    return {name: labels.clip(max=24) for name in names}


@pytest.mark.parametrize(
    ("model", "rule", "given", "read"),
    [
        ("leffa/virtual_tryon", "auto", (), {"atr", "lip", "load_openpose"}),
        ("leffa/virtual_tryon", "auto", ("atr_neck",), {"load_openpose"}),
        ("leffa/virtual_tryon", "auto", ("atr", "lip"), {"load_openpose"}),
        ("leffa/virtual_tryon", "catvton", ("atr", "lip"), {"load_densepose"}),
        ("ladi_vton/vitonhd", "auto", (), {"lip", "load_openpose"}),
        ("ladi_vton/vitonhd", "auto", ("lip",), {"load_openpose"}),
        (None, "catvton", (), {"atr", "lip", "load_densepose"}),
        (None, "catvton", ("atr", "lip", "densepose"), set()),
        (None, "auto", (), set()),
        (None, "auto", ("atr",), set()),
        ("leffa/virtual_tryon", "embedded", (), set()),
    ],
)
def test_exactly_what_is_missing_is_read(
    models, photo, body, monkeypatch, model, rule, given, read
):
    networks = Installed(models(*EVERYTHING), monkeypatch)
    parsing = Sources(WIDTH, HEIGHT, maps(*given)) if given else None
    known = known_sources(photo, networks, "upper", model, rule, body=body, parsing=parsing)
    assert networks.loaded == read
    for name, labels in maps(*given).items():
        np.testing.assert_array_equal(known.maps[name], labels)


def test_key_points_that_are_given_are_not_looked_for(models, photo, body, monkeypatch):
    networks = Installed(models(*EVERYTHING), monkeypatch)
    points = {"people": [{"pose_keypoints_2d": body.keypoints.points.ravel().tolist()}]}
    known_sources(photo, networks, "upper", "leffa/virtual_tryon", body=body,
                  keypoints=points | {"canvas_width": WIDTH, "canvas_height": HEIGHT})  # fmt: skip
    assert networks.loaded == {"atr", "lip"}


def test_what_is_connected_counts_where_nothing_is_installed(models, photo, body, monkeypatch):
    networks = Installed(models("vitpose/base_simple"), monkeypatch)
    parsing = Sources(WIDTH, HEIGHT, maps("atr_neck"))
    known = known_sources(photo, networks, "upper", "ootdiffusion/hd", body=body, parsing=parsing)
    assert best_mask(known, "upper", "ootdiffusion/hd").rule == "ootdiffusion_hd"
    assert networks.loaded == {"load_vitpose"}


def test_a_rule_that_cannot_be_read_reads_nothing_and_says_what_it_needs(
    models, photo, body, monkeypatch
):
    networks = Installed(models("human_parsing/pth"), monkeypatch)
    known = known_sources(photo, networks, "upper", None, "catvton", body=body)
    assert not networks.loaded
    with pytest.raises(InputError, match=r"DensePose \(`fitting-room download densepose`\)"):
        best_mask(known, "upper", None, "catvton")


def test_a_clothes_parser_stands_in(models, photo, body, monkeypatch):
    networks = Installed(models("human_parsing/segformer"), monkeypatch)
    known = known_sources(photo, networks, "upper", "idm_vton/vitonhd", body=body)
    assert networks.loaded == {"load_clothes_parser"} and known.parser == "Segformer"


def test_the_general_rule_where_the_model_s_does_not_know_the_category(monkeypatch):
    assert rules_for("upper", "ootdiffusion/hd", "auto") == ["ootdiffusion_hd", "catvton"]
    assert rules_for("upper", None, "auto") == rules_for("upper", None, "embedded") == []
    assert rules_for("dress", None, "ladi_vitonhd") == []


def test_ladi_s_own_rule_for_half_bodies_needs_no_map_of_the_data_set(
    models, photo, body, monkeypatch
):
    networks = Installed(models("human_parsing/pth"), monkeypatch)
    known = known_sources(photo, networks, "upper", "ladi_vton/vitonhd", body=body)
    labels = known.maps["lip"]
    labels[:] = 0
    labels[:-40] = LIP["upper"]
    assert best_mask(known, "upper", "ladi_vton/vitonhd").rule == "ladi_vitonhd"
    # Without human parsing the mask comes from the body, and that is said.
    bare = Installed(models(), monkeypatch)
    told = automatic_mask(photo, body, "upper", "ladi_vton/vitonhd", bare)
    assert told.rule == "embedded" and "human parsing with LIP labels" in told.why


def test_a_bare_photo(models, photo, body, monkeypatch):
    networks = Installed(models("human_parsing/pth"), monkeypatch)
    made = automatic_mask(photo, body, "upper", "leffa/virtual_tryon", networks)
    assert made.rule == "leffa_hd" and "published rule" in made.why
    assert networks.loaded == {"atr", "lip"}
