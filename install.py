"""Sets Fitting Room up, tries it and tests it. Standard library only; needs Python 3.10 and pip.

    python install.py           checks and reports (so ComfyUI-Manager and comfy-cli run it)
    python install.py --demo    set-up, then a try-on of the samples: writes a picture
    python install.py --test    set-up, then the tests; further arguments go to pytest

Set-up means an environment in .venv beside this file, unless the Python that runs this has torch
already: then missing packages are added to that one, and torch, torchvision and numpy stay exactly
as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).absolute().parent
ENVIRONMENT = ROOT / ".venv"
MOST_WORKERS = 4  # each may start an engine of its own, of 1 to 2 GB
PREVIEW = ("numpy", "pillow", "safetensors", "scipy")
"""What the preview try-on needs beside torch."""
UNTOUCHED = ("torch", "torchvision", "torchaudio", "numpy")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--demo", action="store_true", help="set up, then make a sample try-on")
    choice.add_argument("--test", action="store_true", help="set up, then run the tests")
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.test:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if options.demo:
        return _run([set_up(extras=()), "-m", "fitting_room", "demo"])
    if options.test:
        # Side by side, each on one thread: faster than one after the other on many. One more than
        # there are cores, as there is always one that waits for an engine, a page or a service.
        workers = str(min((os.cpu_count() or 1) + 1, MOST_WORKERS))
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        python = set_up(extras=("test",))
        # In the order that tests/conftest.py gives them, and not by the number of tests.
        ways = ("--dist", "loadfile", "--no-loadscope-reorder")
        return _run([python, "-m", "pytest", "-n", workers, *ways, *rest])
    return report()


def report() -> int:
    """What is there and what is missing; installs nothing."""
    names = [line.strip() for line in _requirements() if line.strip()]
    missing = [name for name in names if not _installed(name)]
    if not _has_torch():
        print("Fitting Room: no torch in this Python. Run this with ComfyUI's own Python.")
        return 0
    lacking = [name for name in PREVIEW if not _installed(name)]
    wanted = list(dict.fromkeys([*lacking, *missing]))
    if wanted:
        print("Fitting Room: missing packages: " + ", ".join(wanted))
        print(f"  {sys.executable} -m pip install {' '.join(map(_quoted, wanted))}")
    if lacking:
        print(f"Fitting Room: the preview try-on cannot run without {', '.join(lacking)}.")
    else:
        print("Fitting Room: the preview try-on is ready; it needs no download.")
    return 0


def _quoted(requirement: str) -> str:
    """As a shell takes it: > and < would lead to files."""
    return f'"{requirement}"' if set(requirement) & set("<>=!~; ") else requirement


def set_up(extras: Sequence[str]) -> str:
    """Makes sure of an environment that can run the package; returns its Python."""
    if _has_torch():
        _install_beside_torch(extras)
        return sys.executable
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.is_file():
        print(f"Making an environment in {ENVIRONMENT} …", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    wanted = ",".join(("standalone", *extras))
    done = ENVIRONMENT / f"installed-{wanted}"
    stamp = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not done.is_file() or done.read_text() != stamp:
        print("Installing torch and the other packages; this can take some minutes …", flush=True)
        _must([str(python), "-m", "pip", "install", "--quiet", "-e", f"{ROOT}[{wanted}]"])
        done.write_text(stamp)
    return str(python)


def _install_beside_torch(extras: Sequence[str]) -> None:
    """Adds what is missing to the running Python, with torch and its kin held in place."""
    wanted = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder) / "held.txt"
        held.write_text(
            "".join(
                f"{name}=={importlib.metadata.version(name)}\n"
                for name in UNTOUCHED
                if _installed(name)
            )
        )
        _must([sys.executable, "-m", "pip", "install", "--quiet", "-c", str(held), "-e", wanted])


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _requirements() -> list[str]:
    return (ROOT / "requirements.txt").read_text().splitlines()


def _installed(requirement: str) -> bool:
    name = requirement.split(">")[0].split("=")[0].split("<")[0].strip()
    names = [name]
    if name.startswith("opencv"):
        names += ["opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"]
    for candidate in names:
        try:
            importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
        return True
    return False


def _run(command: Sequence[str]) -> int:
    return subprocess.call(list(command), cwd=ROOT)


def _must(command: Sequence[str]) -> None:
    code = _run(command)
    if code:
        sys.exit(f"This command failed with exit code {code}: {' '.join(command)}")


if __name__ == "__main__":
    sys.exit(main())
