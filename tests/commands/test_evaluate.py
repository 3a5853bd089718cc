"""`fitting-room evaluate` as a user has it."""

import csv
import json

import pytest
import torch


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def refuse(*_, **__):
        raise OSError("no connection")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


def test_figures_files_and_what_was_left_out(run, person, garment, tmp_path):
    pairs, out = tmp_path / "pairs.csv", tmp_path / "out"
    pairs.write_text(f"person,garment,truth,category\n{person},{garment},{person},upper\n")
    done = run("evaluate", "--pairs", pairs, "--model", "preview", "--out", out, "--json")
    assert done.code == 0, done.error
    figures = {each["measure"]: each for each in done.facts["figures"]}
    assert 0.3 < figures["ssim"]["value"] < 1
    assert figures["outside_changed"]["value"] == 0
    assert figures["colour_difference"]["value"] < 12
    for name in ("lpips", "fid", "kid"):
        assert figures[name]["value"] is None and "no connection" in figures[name]["left_out"]
    assert all((out / name).is_file() for name in
               ("models.csv", "pictures.csv", "evaluation.json", "sheet.jpg"))  # fmt: skip
    with (out / "models.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(figures) and all(line["protocol_sha256"] for line in rows)
    told = json.loads((out / "evaluation.json").read_text())
    assert told["protocol"]["packages"]["torchmetrics"]
    text = run("evaluate", "--pairs", pairs, "--model", "preview", "--out", out).out
    assert "paired ssim" in text and "Left out: lpips" in text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model", "preview"], "Name one of --pairs, --viton-hd and --dress-code"),
        (["--viton-hd", "nowhere", "--model", "preview"], "cannot be read"),
        (["--pairs", "PAIRS", "--model", "preview", "--model", "preview"], "named twice"),
        (["--pairs", "PAIRS", "--model", "preview", "--limit", "0"], "--limit takes"),
        (["--pairs", "PAIRS", "--model", "preview", "--compare-at", "big"], "WIDTHxHEIGHT"),
        (["--pairs", "PAIRS", "--model", "nobody/nothing"], "No model is called"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(run, person, garment, tmp_path, arguments, words):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"person,garment\n{person},{garment}\n")
    arguments = [pairs if each == "PAIRS" else each for each in arguments]
    done = run("evaluate", *arguments, "--out", tmp_path / "out")
    assert done.code == 1 and words in done.error


def test_a_pair_that_cannot_be_done_is_told_and_the_others_go_on(
    run, person, garment, nobody, tmp_path
):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"person,garment\n{nobody},{garment}\n{person},{garment}\n")
    done = run("evaluate", "--pairs", pairs, "--model", "preview", "--out", tmp_path / "out")
    assert done.code == 5
    assert "preview could not do 1" in done.out and "unpaired colour_difference" in done.out
