"""Compares models on pictures of one's own, in figures; the same command goes on where it ended."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import InputError
from . import pictures
from .routed import stopping

if TYPE_CHECKING:
    from ..services.evaluate.pairs import PairsList
    from ..services.evaluate.run import Evaluation, Row

SOME_FAILED, INTERRUPTED = 5, 130
SHOWN = 6
BOTH = "both"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("on which pictures (one of three)")
    what.add_argument("--pairs", type=Path, help="CSV with person and garment; truth: a photo of "
                      "this person in this garment; mask: what to repaint")  # fmt: skip
    what.add_argument("--viton-hd", type=Path, metavar="DIR", help="folder of test_pairs.txt")
    what.add_argument("--dress-code", type=Path, metavar="DIR", help="folder of upper_body, …")
    what.add_argument("--setting", choices=("paired", "unpaired", BOTH), default="paired",
                      help="of a data set: the garment worn in the photo, or another")  # fmt: skip
    what.add_argument("--masks", choices=("own", "given"), default="own",
                      help="each model's own mask, or those of the data set or list")  # fmt: skip
    what.add_argument("--limit", type=int, metavar="N", help="only the first N of each list")
    how = parser.add_argument_group("what runs")
    how.add_argument("--model", action="append", required=True, dest="models",
                     help="preview, or model/variant of the catalogue; once for each")  # fmt: skip
    how.add_argument("--seed", type=int, default=0)
    how.add_argument("--steps", type=int, help="of every model; its authors' own by default")
    how.add_argument("--guidance", type=float)
    how.add_argument("--width", type=int, help="pixels at which the models work")
    how.add_argument("--height", type=int)
    how.add_argument("--framing", choices=("fit", "reference"), default="fit",
                     help="how photos are cut: around the mask, or as the authors do")  # fmt: skip
    how.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    how.add_argument("--precision", choices=("auto", "fp16", "bf16", "fp32"), default="auto")
    told = parser.add_argument_group("how it is measured, and where it goes")
    told.add_argument("--compare-at", metavar="WxH", help="size of comparison; the photo's own")
    told.add_argument("--lpips", choices=("alex", "vgg", "squeeze"), default="alex")
    told.add_argument("--sheet", type=int, default=SHOWN, metavar="N", help="pairs on the sheet")
    told.add_argument("--out", type=Path, required=True, help="folder of figures and pictures")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 all done, 5 a model could not do some, 130 stopped and resumable."""
    from ..services.errors import Cancelled

    evaluation = _evaluation(options)
    with stopping() as stopped, _bar(evaluation) as watch:
        try:
            rows = evaluation.run(watch, stopped)
        except Cancelled:
            print("Stopped: the same command goes on.", file=sys.stderr)
            return INTERRUPTED
    return _told(options, evaluation, rows)


def _evaluation(options: argparse.Namespace) -> Evaluation:
    from ..pipelines.measures.learned import PairedMeasures
    from ..services.backends.local import LocalBackend
    from ..services.backends.placement import device_of
    from ..services.backends.preview import body_model
    from ..services.evaluate.measuring import Measuring
    from ..services.evaluate.memory import PeakMemory
    from ..services.evaluate.protocol import measured_by
    from ..services.evaluate.run import Evaluation

    pairs, device = _pairs(options), device_of(options.device)
    repeated = [name for name in options.models if options.models.count(name) > 1]
    if repeated:
        raise InputError(f"The model {repeated[0]} was named twice.")
    settings = {
        "seed": options.seed, "steps": options.steps, "guidance": options.guidance,
        "width": options.width, "height": options.height,
        "options": {} if options.framing == "fit" else {"framing": options.framing},
    }  # fmt: skip
    paired = PairedMeasures(device, options.lpips)
    measuring = Measuring(paired, body_model(), _size(options.compare_at))
    return Evaluation(
        LocalBackend(options.device, options.precision), options.out, pairs,
        tuple(options.models), settings, measuring, PeakMemory(device),
        measured_by(measuring, options.lpips),
    )  # fmt: skip


def _pairs(options: argparse.Namespace) -> PairsList:
    from ..services.evaluate.pairs import SETTINGS, from_csv, from_dress_code, from_viton_hd

    named = [options.pairs, options.viton_hd, options.dress_code]
    if sum(each is not None for each in named) != 1:
        raise InputError("Name one of --pairs, --viton-hd and --dress-code.")
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit takes a number from 1 up, and {options.limit} came.")
    masks = options.masks == "given"
    if options.pairs:
        return from_csv(options.pairs, masks, options.limit)
    settings = SETTINGS if options.setting == BOTH else (options.setting,)
    read = from_viton_hd if options.viton_hd else from_dress_code
    return read(options.viton_hd or options.dress_code, settings, masks, options.limit)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not cross or not width.isdecimal() or not height.isdecimal() or not int(width) * int(height):
        raise InputError(f"--compare-at takes WIDTHxHEIGHT, such as 768x1024, and {text!r} came.")
    return int(width), int(height)


@contextmanager
def _bar(evaluation: Evaluation) -> Iterator[Any]:
    """Pictures done of all, and what goes wrong."""
    from tqdm import tqdm

    total = len(evaluation.models) * len(evaluation.pairs.pairs)
    with tqdm(total=total, unit="picture", smoothing=0.1) as shown:

        def watch(pair: Any, model: str, row: Row, kept: bool) -> None:
            shown.set_postfix_str(f"{model}: {pair.name}"[:60], refresh=False)
            if row["problem"]:
                shown.write(f"{pair.name} by {model}: {row['problem']}", file=sys.stderr)
            shown.update(1)

        yield watch


def _told(options: argparse.Namespace, evaluation: Evaluation, rows: list[Row]) -> int:
    """Writes everything, says it in short."""
    from ..pipelines.measures.learned import SetMeasures
    from ..services.evaluate import report, summary
    from ..services.evaluate.protocol import protocol_of

    measuring, out = evaluation.measuring, evaluation.out
    sets = SetMeasures(evaluation.memory.device)
    entries = summary.summarise(rows) + summary.set_entries(
        rows, sets, evaluation.picture, measuring.compared, options.seed
    )
    machine = {
        "device": str(evaluation.memory.device), "precision": options.precision,
        "memory": evaluation.memory.what,
    }  # fmt: skip
    protocol = protocol_of(
        evaluation.pairs, evaluation.models, evaluation.settings, rows, measuring.size,
        options.lpips, machine,
    )  # fmt: skip
    failed = summary.failures(rows)
    report.write_models(out, entries, protocol)
    report.write_pictures(out, rows)
    report.write_all(out, entries, protocol, failed)
    shown = report.write_sheet(out, rows, evaluation.picture, options.sheet)
    bad = sum(map(len, failed.values()))
    facts = {
        "figures": entries, "failed": failed, "protocol": protocol,
        "files": [str(out / name) for name in (report.MODELS, report.PICTURES, report.WHOLE,
                                               *([report.SHEET] if shown else []))],
    }  # fmt: skip
    pictures.report(options, facts, report.as_text(entries, protocol, failed, str(out)))
    return SOME_FAILED if bad else 0
