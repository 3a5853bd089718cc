"""mask, pose and garment, and what every command does with bad input."""

import numpy as np
import pytest
from PIL import Image


def opened(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_mask(run, person, tmp_path):
    done = run("mask", person, "-o", tmp_path / "mask.png", "--json")
    assert done.code == 0
    mask = opened(tmp_path / "mask.png")
    assert mask.shape == opened(person).shape[:2]
    assert done.facts["picture"] == str(tmp_path / "mask.png")
    assert done.facts["share"] == pytest.approx((mask / 255).mean(), abs=0.01)
    assert "person" in done.error, "progress goes to standard error"


def test_mask_by_category_and_sleeves(run, person, tmp_path):
    shares = {}
    for name, *more in (("long",), ("none", "--sleeves", "none"), ("dress", "--category", "dress")):
        done = run("mask", person, "-o", tmp_path / f"{name}.png", "--json", *more)
        assert done.code == 0
        shares[name] = done.facts["share"]
    assert shares["none"] < shares["long"] <= shares["dress"]


def test_pose(run, person, tmp_path):
    done = run("pose", person, "-o", tmp_path / "pose.png", "--person-mask", tmp_path / "who.png",
               "--json")  # fmt: skip
    assert done.code == 0
    assert opened(tmp_path / "pose.png").any()
    assert 0.1 < (opened(tmp_path / "who.png") > 127).mean() < 0.9
    (someone,) = done.facts["keypoints"]["people"]
    assert len(someone["pose_keypoints_2d"]) == 54 and len(done.facts["box"]) == 4


def test_garment(run, garment, tmp_path):
    done = run("garment", garment, "-o", tmp_path / "cut.png", "--json")
    assert done.code == 0
    cut = opened(tmp_path / "cut.png")
    assert cut.shape == (*opened(garment).shape[:2], 4)
    assert 0.1 < (cut[..., 3] > 127).mean() < 0.9 and not cut[:5, :5, 3].any()
    assert done.facts["category"] == "upper" and done.facts["points"]


def test_one_line_without_json(run, person, tmp_path):
    done = run("mask", person, "-o", tmp_path / "mask.png")
    assert done.code == 0
    (line,) = done.out.splitlines()
    assert str(tmp_path / "mask.png") in line and "%" in line


COMMANDS = ("mask", "pose", "garment", "tryon")


def arguments(command, picture, garment):
    return [command, picture, garment] if command == "tryon" else [command, picture]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_not_there(run, command, garment, tmp_path):
    missing = tmp_path / "missing.jpg"
    done = run(*arguments(command, missing, garment), "-o", tmp_path / "made.png", "--json")
    assert done.code == 1 and not (tmp_path / "made.png").exists()
    assert "missing.jpg" in done.facts["error"] and done.facts["kind"] == "InputError"
    assert f"fitting-room {command}: " in done.error and "Traceback" not in done.error


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_picture(run, command, broken, garment, tmp_path):
    done = run(*arguments(command, broken, garment), "-o", tmp_path / "made.png")
    assert done.code == 1 and not (tmp_path / "made.png").exists()
    assert "broken.jpg" in done.error and "Traceback" not in done.error


@pytest.mark.parametrize("command", ["mask", "pose", "tryon"])
def test_nobody_in_the_photo(run, command, nobody, garment, tmp_path):
    done = run(*arguments(command, nobody, garment), "-o", tmp_path / "made.png", "--json")
    assert done.code == 1 and done.facts["kind"] == "NobodyFound"
    assert "Use a photo" in done.facts["error"] and not (tmp_path / "made.png").exists()


def test_no_garment_in_the_photo(run, nobody, tmp_path):
    done = run("garment", nobody, "-o", tmp_path / "cut.png", "--json")
    assert done.code == 1 and done.facts["kind"] == "NoGarmentFound"


@pytest.mark.parametrize("command", ["mask", "pose"])
def test_a_person_too_many(run, command, person, tmp_path):
    done = run(command, person, "--index", 7, "-o", tmp_path / "made.png")
    assert done.code == 1 and "7" in done.error and not (tmp_path / "made.png").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_ending_that_names_no_format(run, command, person, garment, tmp_path):
    picture = garment if command == "garment" else person
    done = run(*arguments(command, picture, garment), "-o", tmp_path / "made.docx")
    assert done.code == 1 and "made.docx" in done.error and "Traceback" not in done.error


@pytest.mark.parametrize(
    "wrong",
    [(), ("nonsense",), ("mask",), ("mask", "a.jpg", "--category", "hat"), ("tryon", "a.jpg")],
)
def test_wrong_usage(run, wrong):
    done = run(*wrong)
    assert done.code == 2 and "usage: fitting-room" in done.error


def test_interrupted(run, person, monkeypatch):
    from fitting_room.pipelines.masking import body

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(body, "find_body", interrupt)
    done = run("mask", person)
    assert done.code == 130 and "Interrupted" in done.error
