"""Dresses the sample person in the sample T-shirt, through ComfyUI where one is found."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from . import pictures

ROOT = Path(__file__).absolute().parent.parent
WORKFLOW = ROOT / "workflows" / "api" / "preview_try_on.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pictures.add_output(parser, "output/demo.png")
    parser.add_argument(
        "--library", dest="alone", action="store_true", help="do not look for a ComfyUI"
    )


def run(options: argparse.Namespace) -> int:
    from ..services.engine import EngineError, find_engine

    start = time.perf_counter()
    pictures.expect_outputs([options.output], [])
    output = Path(options.output).resolve()
    backend = "library"
    try:
        engine = None if options.alone else find_engine()
        if engine is not None:
            _through_engine(engine, output)
            backend = f"ComfyUI at {engine}"
    except EngineError as error:
        print(f"{error}\nGoing on without ComfyUI.", file=sys.stderr)
    if backend == "library":
        _through_library(output)
    seconds = round(time.perf_counter() - start, 1)
    facts = {"picture": str(output), "backend": backend, "seconds": seconds}
    pictures.report(options, facts, f"{output}  ({backend}, {seconds} s with its start)")
    return 0


def _through_library(output: Path) -> None:
    from ..pipelines.marks.provenance import PREVIEW, save_picture
    from ..services.backends.preview import PreviewBackend
    from ..services.request import TryOnRequest

    request = TryOnRequest(
        person=pictures.photo(str(ROOT / "samples" / "person.jpg")),
        garments=(pictures.photo(str(ROOT / "samples" / "tshirt.png")),),
    )
    save_picture(output, PreviewBackend().run(request, pictures.tell).picture, marks=PREVIEW)


def _through_engine(engine: Path, output: Path) -> None:
    from ..pipelines.marks.provenance import PREVIEW, save_picture
    from ..pipelines.writing import write_whole
    from ..services.engine import Engine, EngineError, failure

    graph = json.loads(WORKFLOW.read_text("utf-8"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pictures.tell(f"starting ComfyUI ({engine})")
        with Engine(engine, Path(folder)) as running:
            pictures.tell("running workflows/api/preview_try_on.json")
            history = running.run(graph)
            problem = failure(history)
            if problem:
                raise EngineError(problem["exception_message"])
            saved = [
                found
                for node, shown in history["outputs"].items()
                if graph[node]["class_type"] == "SaveImage"
                for found in shown["images"]
            ]
            if not saved:
                raise EngineError("ComfyUI ran the workflow and saved no picture.")
            made = Path(folder) / "made.png"
            made.write_bytes(running.picture(saved[0]))
            save_picture(output, pictures.photo(str(made)), marks=PREVIEW)
            write_whole(output.with_suffix(".log"), running.log.read_bytes())
