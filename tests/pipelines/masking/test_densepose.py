"""DensePose: the published network, one person's chart, the renderings, and hostile files."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import InputError, MissingFiles, NobodyFound
from fitting_room.pipelines.masking.densepose import (
    COLOURS,
    DensePose,
    _chosen,
    coloured,
    find_people,
    label_picture,
    load_densepose,
    network_input,
    place_picture,
    read_densepose,
    whole_box,
)
from fitting_room.pipelines.masking.densepose_rcnn.boxes import changed, propose
from fitting_room.pipelines.masking.densepose_rcnn.network import DensePoseRCNN
from tiny.densepose import FILE, NOBODY, random_densepose, write_pickle

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("densepose")
    write_pickle(folder / FILE, random_densepose())
    write_pickle(folder / "nobody.pkl", random_densepose(verdict=NOBODY), protocol=2)
    return folder


@pytest.fixture(scope="module")
def tiny(folder):
    return load_densepose(folder / FILE)


def photo(height, width, seed=0):
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(small.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


def test_published_names_and_shapes(published_shapes):
    published = published_shapes("densepose", FILE)
    with torch.device("meta"):
        network = DensePoseRCNN(published)
    assert {k: list(v.shape) for k, v in network.state_dict().items()} == published


def test_the_deeplab_variant_is_refused(tmp_path):
    write_pickle(tmp_path / "dl.pkl", random_densepose("densepose_rcnn_R_50_FPN_DL_s1x"))
    with pytest.raises(MissingFiles, match="does not hold the weights of DensePoseRCNN"):
        load_densepose(tmp_path / "dl.pkl")


def test_labels_of_the_largest_person(tiny):
    picture = photo(200, 160)
    found = read_densepose(tiny, picture)
    everyone = find_people(tiny, picture, 0.5)
    assert found.people == len(everyone.boxes) > 1
    size = everyone.boxes[:, 2:] - everyone.boxes[:, :2]
    largest = int(size.prod(dim=1).argmax())
    assert found.box == whole_box(everyone.boxes[largest])
    assert found.labels.shape == (200, 160) and found.labels.dtype == np.uint8
    left, top, width, height = found.box
    outside = np.ones((200, 160), dtype=bool)
    outside[top : top + height, left : left + width] = False
    assert not found.labels[outside].any() and 0 < found.labels.max() <= 24
    assert found.places is None


def test_choice_of_the_person(tiny):
    picture = photo(200, 160)
    boxes = find_people(tiny, picture, 0.5).boxes
    scores = [read_densepose(tiny, picture, person=who).score for who in ("best", "last")]
    assert scores[0] > scores[1] > 0.5
    for index in (0, len(boxes) // 2, len(boxes) - 1):
        wanted = tuple(boxes[index].tolist())
        assert read_densepose(tiny, picture, person=wanted).box == whole_box(boxes[index])
    with pytest.raises(InputError, match="largest, best, last"):
        read_densepose(tiny, picture, person="tallest")


def test_chart_of_one_is_the_same_as_among_all(tiny):
    found = find_people(tiny, photo(120, 160), 0.5)
    with torch.inference_mode():
        together = tiny.charts(found.features, found.input_boxes)
        alone = tiny.charts(found.features, found.input_boxes[2:3], with_places=False)
    assert alone.u is None and alone.v is None
    assert alone.coarse.shape == (1, 2, 112, 112) and alone.fine.shape == (1, 25, 112, 112)
    torch.testing.assert_close(alone.fine[0], together.fine[2], atol=5e-3, rtol=1e-3)
    torch.testing.assert_close(alone.coarse[0], together.coarse[2], atol=5e-3, rtol=1e-3)


def test_places_lie_on_the_body_only(tiny):
    picture = photo(200, 160)
    plain, full = read_densepose(tiny, picture), read_densepose(tiny, picture, with_places=True)
    np.testing.assert_array_equal(plain.labels, full.labels)
    assert full.places.shape == (2, 200, 160)
    assert not full.places[:, full.labels == 0].any()
    assert full.places[:, full.labels > 0].any()


def test_nobody(folder):
    network = load_densepose(folder / "nobody.pkl")
    with pytest.raises(NobodyFound, match=r"160x200 pixels.*above 0\.8"):
        read_densepose(network, photo(200, 160), threshold=0.8)


@pytest.mark.parametrize(
    ("size", "resized", "padded"),
    [((512, 384), (1067, 800), (1088, 800)), ((100, 100), (800, 800), (800, 800)),
     ((3000, 4000), (800, 1067), (800, 1088)), ((400, 1200), (444, 1333), (448, 1344))],
)  # fmt: skip
def test_input_sizes(size, resized, padded):
    pixels, height, width = network_input(photo(*size))
    assert (height, width) == resized and pixels.shape == (1, 3, *padded)
    assert not pixels[:, :, height:].any() and not pixels[:, :, :, width:].any()
    assert pixels.min() >= -124 and pixels.max() <= 255 - 103


def test_a_smaller_input_still_gives_maps_of_the_photo(tiny):
    assert network_input(photo(512, 384), 256)[0].shape == (1, 3, 352, 256)
    found = read_densepose(tiny, photo(200, 160), shorter_side=256)
    assert found.labels.shape == (200, 160) and found.labels.any()


def test_blue_comes_first():
    pixels, _, _ = network_input(np.full((64, 64, 3), (255, 0, 0), dtype=np.uint8))
    np.testing.assert_allclose(pixels[0, :, 5, 5], [-103.53, -116.28, 255 - 123.675], rtol=1e-6)


@pytest.mark.parametrize("size", [(100, 100), (90, 500)])
def test_small_and_wide_photos(tiny, size):
    assert read_densepose(tiny, photo(*size)).labels.shape == size


# ----------------------------------------------------------------------------- boxes


def test_changes_of_boxes():
    boxes = torch.tensor([[10.0, 20, 30, 60]])
    same = changed(boxes, torch.zeros(1, 4), (1, 1, 1, 1))
    torch.testing.assert_close(same, boxes)
    moved = changed(boxes, torch.tensor([[5.0, 10, 0, 5 * np.log(2)]]), (10, 10, 5, 5))
    torch.testing.assert_close(moved, torch.tensor([[20.0, 40, 40, 120]]))
    assert changed(boxes, torch.full((1, 4), 1e6), (1, 1, 1, 1)).isfinite().all()


def test_proposals_are_the_best_anchors_inside_the_picture():
    scores = [torch.full((3, n, n), -9.0) for n in (32, 16, 8, 4, 2)]
    scores[2][1, 3, 4] = 5.0  # the square anchor of side 128 at x 64, y 48
    scores[0][0, 0, 0] = float("nan")
    changes = [torch.zeros(12, n, n) for n in (32, 16, 8, 4, 2)]
    boxes, best = propose(scores, changes, 120, 128)
    torch.testing.assert_close(boxes[0], torch.tensor([0.0, 0, 128, 112]))
    assert best[0] == 5 and best.isfinite().all() and len(boxes) <= 1000
    assert (boxes[:, 2] <= 128).all() and (boxes[:, 3] <= 120).all() and (boxes >= 0).all()


# ----------------------------------------------------------------------------- renderings


def made():
    labels = np.zeros((6, 8), dtype=np.uint8)
    labels[1:5, 2:6] = np.arange(1, 17).reshape(4, 4)
    places = np.zeros((2, 6, 8), dtype=np.float32)
    places[0, 1:5, 2:6], places[1, 1:5, 2:6] = -0.5, 1.5
    return DensePose(labels, places, (1, 1, 6, 4), 0.9, 1)


def test_coloured_parts_on_black():
    published = json.loads(
        (GOLDEN / "densepose" / "dp_segm_colours_rgb.json").read_text(encoding="utf-8")
    )["colours"]
    np.testing.assert_array_equal(COLOURS[1:], published[1:])
    picture = coloured(made())
    assert picture.dtype == np.uint8 and not picture[0].any()
    np.testing.assert_array_equal(picture[1, 2], published[1])


def test_labels_in_three_channels():
    picture = label_picture(made())
    assert picture.shape == (6, 8, 3) and (picture == made().labels[:, :, None]).all()


def test_places_are_stretched_within_the_box():
    picture = place_picture(made())
    assert picture[1, 2].tolist() == [0, 255, 1]  # U, V, part
    assert picture[1, 1].tolist() == [63, 63, 0]  # no body, but in the box
    assert picture[0, 0].tolist() == [0, 0, 0]
    flat = DensePose(made().labels, np.zeros((2, 6, 8), np.float32), (1, 1, 6, 4), 0.9, 1)
    assert not place_picture(flat)[:, :, :2].any()


def test_places_must_have_been_asked_for():
    with pytest.raises(InputError, match="with_places=True"):
        place_picture(DensePose(made().labels, None, (1, 1, 6, 4), 0.9, 1))


# ----------------------------------------------------------------------------- files


class Payload:
    """Unpickled, it would make a file."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "payload",
    [lambda path: Payload(os.system, f"touch {path}"),
     lambda path: Payload(eval, f"open({str(path)!r}, 'w').close()"),
     lambda path: Payload(exec, f"open({str(path)!r}, 'w').close()"),
     lambda path: Payload(open, str(path), "w"),
     lambda path: Payload(np.save, str(path) + ".npy", 1),
     lambda path: Payload(getattr, os, "system")],
    ids=["system", "eval", "exec", "open", "numpy", "getattr"],
)  # fmt: skip
def test_a_hostile_pickle_is_not_run(tmp_path, payload, protocol):
    trace = tmp_path / "trace"
    content = {"model": {"weight": np.zeros(3), "extra": payload(trace)}}
    try:
        (tmp_path / FILE).write_bytes(pickle.dumps(content, protocol=protocol))
    except TypeError:  # getattr's argument is a module, which is not pickled
        code = b"cposix\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR."
        (tmp_path / FILE).write_bytes(code)
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        load_densepose(tmp_path / FILE)
    assert list(tmp_path.iterdir()) == [tmp_path / FILE]


def test_damaged_and_foreign_files(tmp_path, folder):
    whole = (folder / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MissingFiles, match="Delete it and get it again"):
        load_densepose(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(pickle.dumps({"model": {"conv": np.zeros((2, 2))}}))
    with pytest.raises(MissingFiles, match="does not hold the weights of DensePoseRCNN"):
        load_densepose(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(pickle.dumps({"model": {"conv": np.array([None, "x"])}}))
    with pytest.raises(MissingFiles):
        load_densepose(tmp_path / FILE)


def test_a_converted_file_gives_the_same(tmp_path, tiny, folder):
    from fitting_room.pipelines.files.convert import convert_file

    convert_file(folder / FILE, tmp_path / "densepose.safetensors", torch.float32)
    converted = load_densepose(tmp_path / "densepose.safetensors")
    picture = photo(100, 100)
    np.testing.assert_array_equal(
        read_densepose(converted, picture).labels, read_densepose(tiny, picture).labels
    )


BOXES = torch.tensor([[10.0, 0, 60, 200], [150, 0, 210, 200], [0, 150, 300, 210]])


@pytest.mark.parametrize(
    ("wanted", "index"),
    [((12, 5, 58, 190), 0), ((160, 40, 200, 120), 1), ((140, 10, 200, 190), 1)],
    ids=["the whole person", "a mask of the trunk", "a little beside"],
)
def test_the_person_of_a_box(wanted, index):
    assert _chosen(BOXES, wanted) == index


@pytest.mark.parametrize("wanted", [(62, 0, 140, 140), (100, 0, 165, 190), (400, 0, 450, 90)])
def test_a_neighbour_is_not_taken_for_the_person_of_a_box(wanted):
    """Not even one who overlaps with it."""
    with pytest.raises(NobodyFound, match=r"found 3 in the photo, but not the person.*crop it"):
        _chosen(BOXES, wanted)
