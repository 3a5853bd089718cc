"""tryon: the preview and a model of the catalogue, masks, and settings that cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
OK, DOUBTFUL = 0, 6


def opened(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_preview(run, person, garment, tmp_path):
    made, mask = tmp_path / "made.png", tmp_path / "mask.png"
    done = run("tryon", person, garment, "-o", made, "--mask-output", mask, "--json")
    assert done.code in (OK, DOUBTFUL), done.error
    facts = done.facts
    assert (done.code == OK) == (facts["fit"]["level"] == "ok")
    assert facts["picture"] == str(made) and facts["category"] == "upper"
    assert facts["model"] == "preview"
    before, after = opened(person).astype(int), opened(made)
    changed = np.abs(after - before).max(-1) > 0
    repainted = opened(mask)[..., 0] > 0
    assert changed.mean() > 0.1 and not (changed & ~repainted).any()
    found = run("inspect", made, "--json").facts
    # A warp generates nothing, so that it is told as put together.
    assert "composite" in str(found) and found["ai_made"] is None


def test_the_preview_needs_no_torch(tmp_path):
    """Seconds and 600 MB that the preview would wait and pay for."""
    arguments = [
        "tryon", str(ROOT / "tests" / "data" / "astronaut.png"),
        str(ROOT / "samples" / "tshirt.png"), "-o", str(tmp_path / "made.png"),
    ]  # fmt: skip
    code = (
        "import runpy, sys\n"
        "from pathlib import Path\n"
        f"runpy.run_path({str(ROOT / 'tests' / 'conftest.py')!r})\n"
        "from fitting_room.commands.main import main\n"
        f"code = main({arguments!r})\n"
        "print(code, 'torch' in sys.modules)\n"
        "status = Path('/proc/self/status')\n"
        "peak = [line.split()[1] for line in status.read_text().splitlines() if 'VmHWM' in line]"
        " if status.exists() else []\n"
        "print(*peak or [0])\n"
    )
    environment = {
        **os.environ,
        "FITTING_ROOM_MODELS": str(tmp_path / "models"),
        "FITTING_ROOM_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    ended, kilobytes = done.stdout.splitlines()[-2:]
    assert ended in ("0 False", "6 False"), done.stdout
    assert (tmp_path / "made.png").is_file()
    assert int(kilobytes) < 700 * 1024


def test_a_run_of_this_machine_stands_in_the_ledger(run, person, garment, tmp_path):
    made = tmp_path / "made.png"
    arguments = ("tryon", person, garment, "-o", made, "--json", "--project", "spring")
    assert run(*arguments).facts["state"] == "done"
    month = run("costs", "report", "--json").facts
    (line,) = month["lines"]
    assert (line["backend"], line["pictures"], line["cost"]) == ("preview", 1, "0")
    assert line["seconds"] > 0
    assert run("costs", "report", "--json", "--project", "autumn").facts["lines"] == []
    assert run(*arguments, "--keep").facts["state"] == "done"
    kept = run(*arguments, "--keep").facts
    assert kept["state"] == "kept"
    marks = run("inspect", made, "--json").facts
    assert "composite" in str(marks)


def test_a_ledger_that_cannot_be_opened_is_told_and_the_picture_made(
    run, person, garment, tmp_path, monkeypatch
):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is wanted")
    monkeypatch.setenv("FITTING_ROOM_HOME", str(blocked))
    done = run("tryon", person, garment, "-o", tmp_path / "made.png", "--json")
    assert done.code in (OK, DOUBTFUL), done.error
    assert "stands in no ledger" in done.error
    assert (tmp_path / "made.png").is_file()
    done = run("tryon", person, garment, "-o", tmp_path / "other.png", "--json", "--keep")
    assert done.code == 1 and "ledger cannot be used" in done.error


def test_credentials_that_do_not_come_along_are_told(run, person, garment, tmp_path):
    signed = tmp_path / "signed.jpg"
    with Image.open(person) as picture:
        picture.convert("RGB").save(signed, "JPEG")
    store = bytes.fromhex("6332706100110010800000aa00389b71")
    data = signed.read_bytes()
    box = b"JP" + (1).to_bytes(2, "big") + (1).to_bytes(4, "big") + store
    segment = b"\xff\xeb" + (len(box) + 2).to_bytes(2, "big") + box
    signed.write_bytes(data[:2] + segment + data[2:])
    done = run("tryon", signed, garment, "-o", tmp_path / "made.png", "--json")
    assert done.code in (OK, DOUBTFUL), done.error
    told = [each for each in done.facts["warnings"] if "content credentials" in each]
    assert len(told) == 1 and "signed.jpg" in told[0]
    plain = run("tryon", person, garment, "-o", tmp_path / "made.png", "--json")
    assert not any("credentials" in each for each in plain.facts["warnings"])


def test_who_lies_in_the_photo_is_refused_in_words_and_json(run, person, garment, tmp_path):
    with Image.open(person) as picture:
        picture.convert("RGB").rotate(180).save(tmp_path / "turned.png")
    done = run("tryon", tmp_path / "turned.png", garment, "-o", tmp_path / "made.png", "--json")
    assert done.code == 1 and "upright" in done.error
    assert done.facts["fit"]["level"] == "refused" and "upright" in done.facts["fit"]["reasons"][0]
    assert not (tmp_path / "made.png").exists()


def test_a_mask_where_nobody_wears_the_garment_is_refused(
    run, person, garment, tmp_path, monkeypatch
):
    models = tiny.install(tmp_path / "tiny", ["catvton/mix"])
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(models))
    face, chest = np.zeros((2, 512, 512), np.uint8)
    face[70:180, 165:290] = 255
    chest[250:440, 60:340] = 255
    small = ("--model", "catvton/mix", "--steps", 1, "--width", 64, "--height", 96, "--device",
             "cpu")  # fmt: skip
    trousers = person.parent / "trousers.png"
    for drawn, worn, category, words, model in (
        (face, garment, "upper", "on the head", ()),
        (face, garment, "upper", "on the head", small),
        (chest, trousers, "lower", "on the trunk and arms", small),
    ):
        Image.fromarray(drawn).save(tmp_path / "drawn.png")
        done = run("tryon", person, worn, "-o", tmp_path / "made.png", "--category", category,
                   "--mask", tmp_path / "drawn.png", "--json", *model)  # fmt: skip
        assert done.code == 1 and words in done.error, done
        assert done.facts["fit"]["level"] == "refused"
        assert not (tmp_path / "made.png").exists()
    Image.fromarray(np.maximum(face, chest)).save(tmp_path / "drawn.png")
    done = run("tryon", person, garment, "-o", tmp_path / "made.png", "--category", "upper",
               "--mask", tmp_path / "drawn.png", "--json", *small)  # fmt: skip
    assert done.code == DOUBTFUL, done
    assert "covers the face" in done.facts["fit"]["reasons"][0]


def test_a_model_of_the_catalogue(run, person, garment, tmp_path):
    tiny.install(tmp_path, ["ootdiffusion/hd"])
    (tmp_path / "models" / "fitting_room").rename(tmp_path / "kept")
    (tmp_path / "models").rmdir()
    (tmp_path / "kept").rename(tmp_path / "models")
    done = run("tryon", person, garment, "-o", tmp_path / "made.png", "--model", "ootdiffusion/hd",
               "--steps", 2, "--width", 96, "--height", 128, "--device", "cpu", "--precision",
               "fp32", "--json")  # fmt: skip
    assert done.code in (OK, DOUBTFUL), done.error
    assert done.facts["model"] == "ootdiffusion/hd"
    assert (opened(tmp_path / "made.png") != opened(person)).any()
    assert run("inspect", tmp_path / "made.png", "--json").facts["ai_made"] is True


def test_samples_are_the_pictures_of_the_next_seeds(run, person, garment, tmp_path, monkeypatch):
    models = tiny.install(tmp_path / "tiny", ["catvton/mix"])
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(models))
    command = ("tryon", person, garment, "--model", "catvton/mix", "--category", "upper", "--steps",
               1, "--width", 64, "--height", 96, "--device", "cpu")  # fmt: skip
    done = run(*command, "-o", tmp_path / "made.png", "--seed", 4, "--samples", 2, "--json")
    assert done.code in (OK, DOUBTFUL), done.error
    names = [each["picture"] for each in done.facts["samples"]]
    assert names == [str(tmp_path / "made_1.png"), str(tmp_path / "made_2.png")]
    assert [each["seed"] for each in done.facts["samples"]] == [4, 5]
    assert not (tmp_path / "made.png").exists()
    one, two = map(opened, names)
    assert (one != two).any()
    run(*command, "-o", tmp_path / "alone.png", "--seed", 5)
    assert np.array_equal(opened(tmp_path / "alone.png"), two)


@pytest.mark.parametrize(
    "more, words",
    [
        (("--samples", "0"), "from 1 up"),
        (("--samples", "3"), "preview draws the same picture for every seed"),
        (("--samples", "2", "--model", "sievenet/upper"), "sievenet/upper draws the same"),
        (("--samples", "2", "--tier", "standard"), "not with a service"),
    ],
)
def test_samples_that_cannot_be(run, person, garment, tmp_path, more, words):
    done = run("tryon", person, garment, "-o", tmp_path / "made.png", *more)
    assert done.code == 1 and words in done.error
    assert not list(tmp_path.glob("made*"))


def test_a_model_that_is_not_installed_names_the_command(run, person, garment, tmp_path):
    from fitting_room.pipelines.files.licences import accept_license

    command = ("tryon", person, garment, "-o", tmp_path / "made.png", "--model")
    done = run(*command, "leffa")
    assert done.code == 1 and "leffa/virtual_tryon" in done.error
    done = run(*command, "leffa/virtual_tryon")
    assert done.code == 1 and "not agreed to yet" in done.error
    assert "fitting-room download leffa/virtual_tryon" in done.error
    (tmp_path / "models").mkdir(exist_ok=True)
    accept_license("leffa/virtual_tryon", tmp_path / "models")
    done = run(*command, "leffa/virtual_tryon")
    assert done.code == 3 and "fitting-room download leffa/virtual_tryon" in done.error
    assert not (tmp_path / "made.png").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--lighting", "2"), "--lighting takes a number from 0 to 1"),
        (("--set", "lighting"), "NAME=VALUE"),
        (("--index", "9"), "9"),
        (("--model", "sdxl/base"), "sdxl/base"),
    ],
)
def test_settings_that_cannot_be(run, person, garment, tmp_path, more, words):
    done = run("tryon", person, garment, "-o", tmp_path / "made.png", *more)
    assert done.code == 1 and words in done.error and "Traceback" not in done.error
    assert not (tmp_path / "made.png").exists()


def test_a_mask_of_another_size(run, person, garment, tmp_path):
    Image.new("L", (30, 40), 255).save(tmp_path / "mask.png")
    done = run("tryon", person, garment, "--mask", tmp_path / "mask.png", "-o",
               tmp_path / "made.png")  # fmt: skip
    assert done.code == 1 and "30x40" in done.error
