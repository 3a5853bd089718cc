"""The command line: `fitting-room COMMAND …`, also `python -m fitting_room COMMAND …`.

Exit codes: 0 done, 1 an input cannot be used, 2 wrong usage, 3 something is not installed,
4 no backend could do it, 5 a part of a batch failed, 6 done, but the fit is doubtful,
130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from ..pipelines.errors import InputError, MissingFiles
from ..pipelines.fit import FitReport
from . import (
    batch,
    convert,
    costs,
    demo,
    doctor,
    download,
    evaluate,
    garment,
    inspect,
    jobs,
    mask,
    pose,
    serve,
    tryon,
)

COMMANDS = {
    "tryon": tryon,
    "batch": batch,
    "serve": serve,
    "jobs": jobs,
    "evaluate": evaluate,
    "costs": costs,
    "mask": mask,
    "pose": pose,
    "garment": garment,
    "doctor": doctor,
    "download": download,
    "convert": convert,
    "inspect": inspect,
    "demo": demo,
}


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="fitting-room",
        description="Virtual try-on: a photo of a person and a photo of a garment in, "
        "that person wearing it out.",
        epilog="Exit codes: 0 done, 1 an input cannot be used, 2 wrong usage, "
        "3 something is not installed, 4 no backend could do it, 5 a part of a batch failed, "
        "6 done, but the fit is doubtful, 130 interrupted.",
    )
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print the result as JSON")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        # Names of files may hold what the terminal's encoding has not.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return COMMANDS[options.command].run(options)
    except (InputError, MissingFiles) as error:
        if options.json:
            told: dict[str, object] = {"error": str(error), "kind": type(error).__name__}
            if options.command == "tryon":
                told["fit"] = FitReport("refused", (str(error),)).facts()
            print(json.dumps(told))
        print(f"fitting-room {options.command}: {error}", file=sys.stderr)
        return 3 if isinstance(error, MissingFiles) else 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
