"""Models compared in figures: lists of pairs, runs that go on, and what the figures are of."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.masking.body import embedded_body_model
from fitting_room.pipelines.measures.learned import PairedMeasures, SetMeasures
from fitting_room.services.backends.local import LocalBackend
from fitting_room.services.errors import Cancelled
from fitting_room.services.evaluate import report
from fitting_room.services.evaluate.measuring import Measuring
from fitting_room.services.evaluate.memory import PeakMemory
from fitting_room.services.evaluate.pairs import from_csv, from_dress_code, from_viton_hd
from fitting_room.services.evaluate.protocol import protocol_of
from fitting_room.services.evaluate.run import Evaluation
from fitting_room.services.evaluate.summary import failures, set_entries, shared, summarise
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
MODEL = "catvton/mix"
SETTINGS = {"seed": 1, "steps": 1, "guidance": None, "width": 64, "height": 96, "options": {}}


@pytest.fixture(scope="module", autouse=True)
def no_weights(tmp_path_factory):
    """Nothing is fetched: LPIPS, FID and KID are left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))

        def refuse(*_, **__):
            raise OSError("no connection")

        patch.setattr(torch.hub, "download_url_to_file", refuse)
        yield


# ------------------------------------------------------------------------------ lists of pairs


def drawn(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (48, 64), (90, 120, 150)).save(path)


@pytest.fixture
def viton_hd(tmp_path):
    root = tmp_path / "zalando"
    for name in ("00006_00", "00008_00"):
        drawn(root / "test" / "image" / f"{name}.jpg")
        drawn(root / "test" / "cloth" / f"{name}.jpg")
        drawn(root / "test" / "agnostic-mask" / f"{name}_mask.png")
    (root / "test_pairs.txt").write_text("00006_00.jpg 00008_00.jpg\n00008_00.jpg 00006_00.jpg\n")
    return root


@pytest.fixture
def dress_code(tmp_path):
    root = tmp_path / "DressCode"
    for part in ("upper_body", "dresses"):
        for name in ("1_0", "1_1", "2_0", "2_1"):
            drawn(root / part / "images" / f"{name}.jpg")
        (root / part / "test_pairs_paired.txt").write_text("1_0.jpg\t1_1.jpg\n2_0.jpg\t2_1.jpg\n")
        (root / part / "test_pairs_unpaired.txt").write_text("1_0.jpg\t2_1.jpg\n")
    return root


def test_viton_hd_is_read_as_it_lies(viton_hd):
    found = from_viton_hd(viton_hd, ("paired", "unpaired"), masks=True)
    assert [(p.setting, p.person.name, p.garment.name) for p in found.pairs] == [
        ("paired", "00006_00.jpg", "00006_00.jpg"), ("paired", "00008_00.jpg", "00008_00.jpg"),
        ("unpaired", "00006_00.jpg", "00008_00.jpg"), ("unpaired", "00008_00.jpg", "00006_00.jpg"),
    ]  # fmt: skip
    first = found.pairs[0]
    assert first.truth == first.person and first.mask.name == "00006_00_mask.png"
    assert first.settings == {"category": "upper"}
    assert from_viton_hd(viton_hd, ("paired",), masks=False, limit=1).pairs[0].mask is None


def test_dress_code_is_read_as_it_lies(dress_code):
    found = from_dress_code(dress_code, ("paired",), masks=False)
    assert [(p.settings["category"], p.person.name, p.garment.name) for p in found.pairs] == [
        ("upper", "1_0.jpg", "1_1.jpg"), ("upper", "2_0.jpg", "2_1.jpg"),
        ("dress", "1_0.jpg", "1_1.jpg"), ("dress", "2_0.jpg", "2_1.jpg"),
    ]  # fmt: skip
    (upper, dress) = from_dress_code(dress_code, ("unpaired",), masks=False).pairs
    assert upper.truth is None and dress.garment.name == "2_1.jpg"


def test_a_copy_that_is_not_whole_is_refused(viton_hd, dress_code, tmp_path):
    (viton_hd / "test" / "cloth" / "00006_00.jpg").unlink()
    with pytest.raises(InputError, match="1 of .* files of this data set are not there"):
        from_viton_hd(viton_hd, ("paired",), masks=False)
    with pytest.raises(InputError, match="agnostic_masks"):
        from_dress_code(dress_code, ("paired",), masks=True)
    with pytest.raises(InputError, match="none of the folders upper_body"):
        from_dress_code(tmp_path, ("paired",), masks=False)
    with pytest.raises(InputError, match="test_pairs.txt cannot be read"):
        from_viton_hd(tmp_path, ("paired",), masks=False)


def test_one_hash_asks_for_the_same_wherever_it_lies(viton_hd, tmp_path):
    copy = shutil.copytree(viton_hd, tmp_path / "elsewhere")
    one, other = (from_viton_hd(root, ("paired",), False) for root in (viton_hd, copy))
    assert one.fingerprint() == other.fingerprint()
    (copy / "test_pairs.txt").write_text("00008_00.jpg 00006_00.jpg\n00006_00.jpg 00008_00.jpg\n")
    assert from_viton_hd(copy, ("paired",), False).fingerprint() != one.fingerprint()
    assert from_viton_hd(viton_hd, ("paired",), True).fingerprint() != one.fingerprint()


def test_a_pairs_file_may_name_the_truth_and_a_mask(tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text("person,garment,truth,mask,category,seed\na.jpg,g.png,t.jpg,m.png,upper,7\n")
    (pair,) = from_csv(file, masks=True).pairs
    assert (pair.truth, pair.mask) == (tmp_path / "t.jpg", tmp_path / "m.png")
    assert pair.settings == {"category": "upper", "seed": 7}
    assert from_csv(file, masks=False).pairs[0].mask is None


@pytest.mark.parametrize(
    "text, words",
    [
        ("person,garment,model\na.jpg,g.png,preview\n", "names a model in row 2"),
        ("person,garment\na.jpg,g.png\na.jpg,g.png\n", "Two pairs are called a__g"),
        ("person,garment,mask\na.jpg,g.png,\n", "row 2 .* has none"),
        ("person,garment,colour\na.jpg,g.png,red\n", "nobody knows a column colour"),
    ],
)
def test_a_pairs_file_that_cannot_be_used_is_refused(tmp_path, text, words):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        from_csv(tmp_path / "pairs.csv", masks="mask" in text)


# --------------------------------------------------------------------------------------- a run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three pairs of one person: a paired one, an unpaired one, and one that nobody can do."""
    base = tmp_path_factory.mktemp("evaluate")
    for name in ("person.jpg", "tshirt.png", "stripes.png"):
        shutil.copy(SAMPLES / name, base)
    Image.new("RGB", (96, 96), (180, 180, 180)).save(base / "wall.png")
    (base / "pairs.csv").write_text(
        "name,person,garment,truth,category\n"
        "true,person.jpg,tshirt.png,person.jpg,upper\n"
        "other,person.jpg,stripes.png,,upper\n"
        "wall,wall.png,tshirt.png,,upper\n"
    )
    return base


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    return LocalBackend("cpu", folders=[tiny.install(tmp_path_factory.mktemp("models"), [MODEL])])


@pytest.fixture
def evaluation(folder, backend, tmp_path):
    measuring = Measuring(PairedMeasures(), embedded_body_model())
    return Evaluation(
        backend, tmp_path, from_csv(folder / "pairs.csv", False), (MODEL,), SETTINGS, measuring,
        PeakMemory(torch.device("cpu")), "first",
    )  # fmt: skip


def counted(monkeypatch, backend):
    made, real = [], backend.run
    monkeypatch.setattr(backend, "run", lambda *a, **k: made.append(a[0]) or real(*a, **k))
    return made


def test_every_picture_is_measured_once_and_a_killed_run_goes_on(
    evaluation, backend, monkeypatch, tmp_path
):
    made = counted(monkeypatch, backend)

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    with pytest.raises(Killed):
        evaluation.run(kill)
    assert len(made) == 1
    seen = []
    rows = evaluation.run(lambda pair, model, row, kept: seen.append((pair.name, kept)))
    assert len(made) == 3 and seen == [("true", True), ("other", False), ("wall", False)]
    true, other, wall = rows
    assert 0.3 < true["measures"]["ssim"] < 1 and "ssim" not in other["measures"]
    assert "no connection" in true["left_out"]["lpips"]
    assert true["measures"]["outside_changed"] == 0 and 0.05 < true["measures"]["repainted"] < 1
    assert true["measures"]["colour_difference"] > 5  # random weights draw no such shirt
    assert true["seconds"] > 0 and true["peak_memory_bytes"] > 10_000_000
    assert true["mask"] and (tmp_path / true["picture"]).is_file()
    assert "no person" in wall["problem"].lower() or "nobody" in wall["problem"].lower()
    # Once more: only what failed is tried again, and the figures are the same.
    assert evaluation.run()[:2] == rows[:2] and len(made) == 4


def test_other_measures_are_taken_anew_without_another_run(evaluation, backend, monkeypatch):
    rows = evaluation.run()
    made = counted(monkeypatch, backend)
    again = replace(evaluation, measured="second")
    again.measuring.size = (128, 128)
    later = again.run()
    assert len(made) == 1  # the wall
    assert later[0]["measures"]["ssim"] != rows[0]["measures"]["ssim"]
    assert later[0]["seconds"] == rows[0]["seconds"]
    assert later[0]["measured"] == "second"


def test_other_settings_and_a_lost_picture_are_run_anew(evaluation, backend, monkeypatch, tmp_path):
    evaluation.run()
    made = counted(monkeypatch, backend)
    replace(evaluation, settings={**SETTINGS, "seed": 2}).run()
    assert [each.seed for each in made] == [2, 2, 2]
    rows = evaluation.run()
    (tmp_path / rows[0]["picture"]).unlink()
    made.clear()
    evaluation.run()
    assert len(made) == 2


def test_it_stops_between_pictures(evaluation, backend, monkeypatch):
    made = counted(monkeypatch, backend)
    with pytest.raises(Cancelled):
        evaluation.run(stopped=lambda: bool(made))
    assert len(made) == 1


def test_what_cannot_run_is_said_before_anything_is_begun(evaluation, tmp_path):
    with pytest.raises(InputError, match="No model is called"):
        replace(evaluation, models=("nobody/nothing",))
    with pytest.raises((MissingFiles, InputError), match="fitting-room download"):
        replace(evaluation, models=("leffa/virtual_tryon",))


def test_a_given_mask_is_what_is_repainted(evaluation, folder, tmp_path):
    mask = np.zeros((512, 512), np.uint8)
    mask[300:420, 200:320] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    pair = replace(evaluation.pairs.pairs[0], mask=folder / "mask.png")
    evaluation.pairs = replace(evaluation.pairs, pairs=(pair,))
    (row,) = evaluation.run()
    assert row["mask"] == "given with the pair"
    assert row["measures"]["repainted"] == pytest.approx((mask > 0).mean(), abs=0.01)
    Image.fromarray(mask[:100]).save(folder / "mask.png")
    (row,) = evaluation.run()
    assert "512x100" in row["problem"]


# ------------------------------------------------------------------------------------- figures


def row(name, model, setting="paired", **changes):
    whole = {
        "name": name, "model": model, "setting": setting, "problem": "", "seconds": 2.0,
        "peak_memory_bytes": 5, "measures": {"ssim": 0.5}, "left_out": {}, "person": "",
        "garment": "", "truth_path": "", "mask": "",
    }  # fmt: skip
    return whole | changes


def figure(entries, model, measure):
    (found,) = (e for e in entries if (e["model"], e["measure"]) == (model, measure))
    return found


def test_figures_are_of_pairs_that_every_model_did():
    rows = [
        row("a", "one", measures={"ssim": 0.8}), row("b", "one", measures={"ssim": 0.6}),
        row("c", "one", measures={"ssim": 0.1}, seconds=90.0),
        row("a", "two", measures={"ssim": 0.4}), row("b", "two", measures={"ssim": 0.4}, seconds=8),
        row("c", "two", problem="nobody"),
    ]  # fmt: skip
    entries = summarise(rows)
    one, two = (figure(entries, model, "ssim") for model in ("one", "two"))
    assert (one["value"], one["pictures"]) == (pytest.approx(0.7), 2)
    assert one["within"] == pytest.approx(1.96 * 0.1414213 / 2**0.5, rel=1e-4)
    assert (two["value"], two["within"]) == (pytest.approx(0.4), pytest.approx(0))
    assert figure(entries, "one", "seconds")["value"] == 2
    assert figure(entries, "two", "seconds")["value"] == 5
    assert {r["name"] for r in shared(rows, "paired")} == {"a", "b"}
    assert failures(rows) == {"one": [], "two": [{"name": "c", "problem": "nobody"}]}


def test_what_was_left_out_has_its_reason_and_no_value():
    entries = summarise([row("a", "one", measures={}, left_out={"ssim": "no package"})])
    found = figure(entries, "one", "ssim")
    assert (found["value"], found["left_out"], found["pictures"]) == (None, "no package", 0)


class Mean(torch.nn.Module):
    def forward(self, pictures):
        return pictures.float().mean((2, 3))


def test_sets_are_compared_with_the_people_or_the_true_photos(tmp_path):
    levels = {"dark": 60, "bright": 120, "one": 62, "two": 118}
    for name, level in levels.items():
        Image.new("RGB", (20, 20), (level,) * 3).save(tmp_path / f"{name}.png")
    rows = [
        row(f"{name}{setting}", "m", setting, person=str(tmp_path / f"{name}.png"),
            truth_path=str(tmp_path / f"{truth}.png"))
        for setting in ("paired", "unpaired")
        for name, truth in (("dark", "one"), ("bright", "two"))
    ]  # fmt: skip

    def picture(of):
        return np.full((20, 20, 3), levels["one" if "dark" in of["name"] else "two"], np.uint8)

    entries = set_entries(rows, SetMeasures(inception=Mean()), picture, lambda each: each, 0)
    fid = {e["setting"]: e["value"] for e in entries if e["measure"] == "fid"}
    assert fid["paired"] == pytest.approx(0, abs=1e-3)
    assert fid["unpaired"] > 1
    assert all("fewer than 2048" in e["left_out"] for e in entries if e["measure"] == "fid")
    without = set_entries(rows, SetMeasures(), picture, lambda each: each, 0)
    assert {e["value"] for e in without} == {None}
    assert all("no connection" in e["left_out"] for e in without)


def test_the_protocol_stands_beside_every_figure(evaluation, tmp_path):
    pairs = evaluation.pairs
    rows = [row("a", MODEL, mask="CatVTON's rule"), row("b", MODEL, mask="CatVTON's rule")]
    entries = summarise(rows)
    machine = {"device": "cpu", "precision": "auto", "memory": "all"}
    told = protocol_of(pairs, (MODEL, "preview", "fashn_vton/v1_5"), SETTINGS, rows, (96, 128),
                       "alex", machine)  # fmt: skip
    assert told["models"][MODEL]["mask_rule"] == "CatVTON's rule"
    assert told["models"][MODEL]["size"] == "64x96" and told["models"][MODEL]["steps"] == 1
    assert "the very photo" in told["models"]["fashn_vton/v1_5"]["caution"]
    assert "caution" not in told["models"][MODEL]
    assert (told["compared_at"], told["seed"]) == ("96x128", 1)
    assert told["pairs"]["sha256"] == pairs.fingerprint()
    assert told["packages"]["torchmetrics"] and told["packages"]["comfyui-fitting-room"]
    other = protocol_of(pairs, (MODEL,), {**SETTINGS, "seed": 3}, rows, None, "alex", machine)
    assert other["sha256"] != told["sha256"]
    report.write_models(tmp_path, entries, told)
    with (tmp_path / report.MODELS).open(encoding="utf-8-sig", newline="") as file:
        line = next(iter(csv.DictReader(file)))
    assert line["measure"] == "ssim" and line["mask_rule"] == "CatVTON's rule"
    assert line["pairs_sha256"] == pairs.fingerprint() and line["protocol_sha256"] == told["sha256"]
    assert line["by"].startswith("torchmetrics 1") or line["by"].startswith("torchmetrics 2")
    report.write_all(tmp_path, entries, told, failures(rows))
    assert json.loads((tmp_path / report.WHOLE).read_text())["protocol"] == told


def test_the_sheet_shows_what_went_in_and_what_came_out(folder, tmp_path):
    rows = [
        row("a", "one", person=str(folder / "person.jpg"), garment=str(folder / "tshirt.png"),
            truth_path=str(folder / "person.jpg")),
        row("a", "two", problem="it could not"),
    ]  # fmt: skip
    red = np.full((40, 30, 3), (250, 0, 0), np.uint8)
    assert report.write_sheet(tmp_path, rows, lambda _: red, 4)
    page = np.asarray(Image.open(tmp_path / report.SHEET)).astype(int)
    assert page.shape[1] > 5 * report.CELL * 0.7
    reddest = (page[..., 0] > 200) & (page[..., 1:].max(-1) < 60)
    columns = np.nonzero(reddest.any(0))[0]
    assert page.shape[1] * 3 / 5 < columns.mean() < page.shape[1] * 4 / 5
    assert not report.write_sheet(tmp_path, rows[1:], lambda _: red, 4)
