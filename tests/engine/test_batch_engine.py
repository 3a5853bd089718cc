"""A batch through an engine of its own with a workflow; and the gallery in a real Chromium."""

import csv
import io
import json
import os
import shutil
import signal
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from fitting_room.commands.main import main
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
WORKFLOW = Path(__file__).resolve().parents[2] / "workflows" / "api" / "preview_try_on.json"


@pytest.fixture(scope="module")
def made(engine_folder, tmp_path_factory):
    """(folder of results, what the command told): two people, two garments, one broken file."""
    base = tmp_path_factory.mktemp("batch")
    for name in ("people", "garments"):
        (base / name).mkdir()
    person = Image.open(SAMPLES / "person.jpg").convert("RGB").resize((320, 320))
    person.save(base / "people" / "ann.png")
    person.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(base / "people" / "bob.png")
    (base / "people" / "zoe.jpg").write_bytes(b"no picture")
    shutil.copy(SAMPLES / "tshirt.png", base / "garments" / "tshirt.png")
    shutil.copy(SAMPLES / "stripes.png", base / "garments" / "stripes.png")
    said = io.StringIO()
    with redirect_stdout(said):
        code = main(
            ["batch", "--people", str(base / "people"), "--garments", str(base / "garments"),
             "--workflow", str(WORKFLOW), "--cpu", "--out", str(base / "out"), "--gallery",
             "--json"]
        )  # fmt: skip
    return base / "out", code, json.loads(said.getvalue().splitlines()[-1])


def test_the_engine_reuses_the_garment(made):
    out, code, told = made
    assert code == 5 and (told["done"], told["failed"]) == (4, 2)
    assert told["engine_cache_hits"] > 0
    assert {path.stem for path in out.glob("*.png")} == {
        f"{person}__{garment}" for person in ("ann", "bob") for garment in ("tshirt", "stripes")
    }
    assert all(Image.open(path).size == (320, 320) for path in out.glob("*.png"))


def test_a_killed_engine_is_started_again_and_nothing_is_lost(made, tmp_path):
    from fitting_room.services.batch.jobs import Jobs
    from fitting_room.services.batch.listing import Listing, folder_pairs, request_of
    from fitting_room.services.batch.makers import WorkflowMaker, read_graph
    from fitting_room.services.batch.runner import run
    from fitting_room.services.batch.store import Store
    from fitting_room.services.database import open_database
    from fitting_room.services.errors import Cancelled
    from fitting_room.services.own_engine import OwnEngine

    base = made[0].parent
    jobs = Jobs(open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), "out")
    pairs = folder_pairs(base / "people" / "ann.png", base / "garments")
    jobs.add(Listing({"model": "workflow/preview", "category": "upper"}).wanted(pairs))
    killed = []

    def kill(job, stage, share):
        if stage == "workflow" and not killed:
            killed.append(engine.running.process)
            os.kill(killed[0], signal.SIGKILL)

    store = Store(str(tmp_path / "out"))
    with OwnEngine(None, ("--cpu",)) as engine:
        maker = WorkflowMaker(read_graph(WORKFLOW), engine)
        report = run(jobs, store, maker, kill)
        base = engine.running.base
        assert engine.running.process != killed[0]
        assert not [*(base / "output").iterdir(), *(base / "input").glob("job*")]
        assert len(list((base / "input" / "garments").iterdir())) == 1
        asked = []
        request = request_of(jobs.all()[0].person, jobs.all()[0].garment, {"seed": 5})
        with pytest.raises(Cancelled):
            maker(request, lambda *_: None, lambda: bool(asked) or asked.append(1))
        assert engine.running.alive
    assert (report.done, report.failed, report.lost) == (2, 0, 0)
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium found: install it or set CHROMIUM to run the browser tests")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield running
        running.close()


@pytest.mark.parametrize("width, language", [(1400, "en-GB"), (390, "zh-CN")])
def test_the_gallery_works_from_its_folder(made, browser, width, language):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale=language, accept_downloads=True
    )
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((made[0] / "gallery.html").as_uri())
    page.wait_for_selector("figure img")
    assert page.locator("figure").count() == 6 and page.locator("figure.bad").count() == 2
    loaded = "() => [...document.images].filter(i => i.src && i.loading).every(i => i.naturalWidth)"
    page.wait_for_function(loaded)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#export").inner_text() == {
        "en-GB": "Save picks (CSV)", "zh-CN": "导出所选（CSV）"
    }[language]  # fmt: skip
    page.select_option("#person", "bob")
    assert page.locator("figure").count() == 2
    page.locator("figure").first.focus()
    page.keyboard.press("p")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("dialog[open] #after").evaluate(
        "i => i.decode().then(() => i.naturalWidth)"
    )
    page.keyboard.press("Escape")
    page.select_option("#flag", "picked")
    assert page.locator("figure.picked").count() == 1
    with page.expect_download() as saved:
        page.click("#export")
    rows = list(csv.DictReader(Path(saved.value.path()).read_text("utf-8").splitlines()))
    assert len(rows) == 1 and Path(rows[0]["person"]).stem == "bob"
    folder = os.environ.get("FITTING_ROOM_SCREENSHOTS")
    if folder:
        page.select_option("#flag", "")
        page.screenshot(path=Path(folder) / f"gallery_{width}.png")
    assert not complaints
    context.close()
