"""SieveNet on tiny random checkpoints in the published layout."""

import numpy as np
import pytest
import torch
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files.weights import empty
from fitting_room.pipelines.models.matching import correlate, unit_length
from fitting_room.pipelines.models.sievenet import pictures
from fitting_room.pipelines.models.sievenet.load import FILES, load
from fitting_room.pipelines.models.sievenet.networks import UNet, Warping, bent, grid
from tiny.sievenet import write_checkpoint
from tiny_diffusion import Calls, published_keys, random_pictures, shapes_of


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = tmp_path_factory.mktemp("sievenet")
    write_checkpoint(made)
    return made


@pytest.fixture(scope="module")
def pipeline(root):
    return load(root)


def body(seed=0):
    """Labels in blocks, and points."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 20, (8, 6), dtype=np.uint8)
    points = random.uniform(0, 190, (18, 2))
    return np.kron(blocks, np.ones((32, 32), np.uint8)), points


def person(pipeline, seed=0):
    labels, points = body(seed)
    return pipeline.encode_person(random_pictures(1, 256, 192, seed), [labels], [points])


@pytest.mark.parametrize("file", FILES.values())
def test_the_networks_are_shaped_by_the_published_names(file):
    shapes = published_keys("sievenet")[file]
    with empty():
        state = {name: torch.empty(shape) for name, shape in shapes.items()}
        network = (Warping if file.startswith("GMM") else UNet).shaped_like(state)
    assert shapes_of(network) == shapes


def test_everything_given_counts(pipeline):
    garment = pipeline.encode_garment(random_pictures(1, 256, 192, 7))
    made = pipeline(person(pipeline), garment)
    assert made.shape == (1, 3, 256, 192) and made.min() >= 0 and made.max() <= 1
    assert torch.equal(made, pipeline(person(pipeline), garment))
    other = pipeline.encode_garment(random_pictures(1, 256, 192, 8))
    assert not torch.equal(made, pipeline(person(pipeline), other))
    assert not torch.equal(made, pipeline(person(pipeline, 1), garment))


def test_a_batch_equals_its_single_runs(pipeline):
    photos, clothes = random_pictures(2, 256, 192), random_pictures(2, 256, 192, 7)
    labels, points = zip(body(0), body(1), strict=True)
    people = pipeline.encode_person(photos, labels, points)
    garments = pipeline.encode_garment(clothes)
    together = pipeline(people, garments)
    for index in range(2):
        alone = pipeline(
            pipeline.encode_person(photos[index, None], labels[index:][:1], points[index:][:1]),
            pipeline.encode_garment(clothes[index, None]),
        )
        # The spline enlarges rounding; a label of two nearly equal ones may fall the other way.
        differs = ((together[index] - alone[0]).abs() > 0.02).float().mean()
        assert differs < 0.01


def test_what_was_seen_is_not_looked_at_again(pipeline):
    known, garment = person(pipeline), pipeline.encode_garment(random_pictures(1, 256, 192, 7))
    warping = pipeline.warping
    with Calls(person=warping.extraction_agnostic, garment=warping.extraction_cloth,
               warped=warping.extraction_warped_cloth) as rows:  # fmt: skip
        pipeline(known, garment, pairs=[(0, 0), (0, 0)])
    assert rows == {"person": [], "garment": [], "warped": [1, 1]}


def test_a_spline_at_rest_changes_nothing():
    picture = random_pictures(1, 256, 192)
    identity = torch.nn.functional.affine_grid(
        torch.eye(2, 3)[None], (1, 3, 256, 192), align_corners=True
    )
    rest = grid(torch.zeros(1, 50))
    torch.testing.assert_close(rest, identity, atol=1e-5, rtol=0)
    moved = torch.zeros(1, 50)
    moved[:, :25] = 0.25  # all control points to the right
    torch.testing.assert_close(grid(moved), identity + torch.tensor([0.25, 0]), atol=1e-5, rtol=0)
    assert bent(picture, moved).shape == picture.shape


def test_correlation_counts_down_the_columns():
    first, second = torch.zeros(1, 4, 3, 2), torch.randn(1, 4, 3, 2)
    first[0, :, 2, 1] = second[0, :, 0, 1]  # row 2, column 1: the place 1 * 3 + 2
    found = correlate(unit_length(first), unit_length(second))
    assert found.shape == (1, 6, 3, 2)
    assert float(found[0, 5, 0, 1]) == pytest.approx(1, abs=1e-5)


def test_gloves_count_twice():
    labels = np.zeros((256, 192), np.uint8)
    labels[:128], labels[128:] = 3, 13
    photo = torch.full((1, 3, 256, 192), 0.75)
    kept = pictures.texture(photo, labels)
    assert float(kept[0, 0, 0, 0]) == 2 * 0.5 + 1 and float(kept[0, 0, 200, 0]) == 0.5
    assert (pictures.texture(photo, np.full_like(labels, 5)) == -1).all()


def test_points_that_are_missing():
    points = np.array([[0, 0], [1, 50], [50, 1], [1.5, 1.5]], float)
    assert pictures.pose_squares(points).flatten(1).sum(1).tolist()[:3] == [0, 0, 0]
    assert pictures.pose_squares(points)[3].any()


def test_pictures_and_maps_that_do_not_fit(pipeline):
    photo, (labels, points) = random_pictures(1, 256, 192), body()
    with pytest.raises(InputError, match="192x256 alone.*40x64"):
        pipeline.encode_garment(random_pictures(1, 64, 40))
    with pytest.raises(InputError, match="192x256 alone"):
        pipeline.encode_person(random_pictures(1, 64, 40), [labels], [points])
    with pytest.raises(InputError, match="1 photos, 2 label maps and 1 key points"):
        pipeline.encode_person(photo, [labels, labels], [points])
    with pytest.raises(InputError, match="LIP set.*labels up to 24"):
        pipeline.encode_person(photo, [labels + 5], [points])


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("GMM/gmm_final.pth", lambda s: s.clear(), "warping network: 'extraction_agnostic"),
        ("SEG/segm_final.pth", lambda s: s.pop("conv3.bias"), "Missing .1.: conv3.bias"),
        ("TOM/tom_final.pth", lambda s: s.update(more=torch.zeros(1)), "Left over .1.: more"),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, file, change, words):
    write_checkpoint(tmp_path)
    state = torch.load(tmp_path / file, weights_only=True)
    change(state)
    torch.save(state, tmp_path / file)
    with pytest.raises(MissingFiles, match=words):
        load(tmp_path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(MissingFiles, match="gmm_final.pth"):
        load(tmp_path)
