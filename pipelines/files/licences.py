"""The terms of published weights: shown before a download, agreed to once, remembered.

What was agreed to is kept in `licences.json` in the models folder, beside the weights. A text that
has changed since must be agreed to again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from ..catalog.models import variant_named
from ..errors import InputError
from ..writing import write_whole
from .json_files import read_json
from .locate import download_command, models_home
from .locks import locked

logger = logging.getLogger(__name__)

RECORD = "licences.json"


def license_text(name: str) -> str:
    """What a user agrees to for variant `name`, as it is shown by the command and by the node."""
    variant = variant_named(name)
    licence = variant.licence
    repositories = ", ".join(dict.fromkeys(source.repository for source in variant.sources))
    lines = [
        f"{variant.title} ({variant.name}), from {repositories}",
        f"Licence: {licence.name} ({licence.url})",
        *textwrap.wrap(f"For a shop: {licence.for_a_shop}", 78),
        *textwrap.wrap(
            "The weights are their authors'; Fitting Room passes nothing on and grants nothing. "
            "You are responsible for keeping to their terms, and for having the consent of the "
            "people on your photos.",
            78,
        ),
    ]
    return "\n".join(lines)


def license_accepted(name: str, folders: Sequence[str | Path] = ()) -> bool:
    """Whether the terms of `name` were agreed to, on record in one of the models folders.

    True without a record for licences that allow every use (MIT, Apache-2.0).
    """
    variant = variant_named(name)
    if not variant.licence.must_accept:
        return True
    wanted = _fingerprint(variant.name)
    return any(
        _records(folder).get(variant.name, {}).get("text_sha256") == wanted
        for folder in (*map(Path, folders), models_home())
    )


def require_accepted(name: str, folders: Sequence[str | Path] = ()) -> None:
    """Raises InputError with the terms and the command that agrees to them, if not yet agreed."""
    if not license_accepted(name, folders):
        raise InputError(
            f"{license_text(name)}\n\nThese terms were not agreed to yet. To agree: "
            f"{download_command(variant_named(name).name)} --accept-license"
        )


def accept_license(name: str, folder: str | Path) -> None:
    """Puts on record in the models folder `folder` that the terms of `name` were agreed to.

    A damaged record is set aside under another name. Raises InputError where nothing can be
    written there.
    """
    variant = variant_named(name)
    folder = Path(folder)
    path = folder / RECORD
    with locked(path, "agrees to terms"):
        records = _records(folder)
        if not records and os.path.isfile(path):
            with suppress(OSError):
                os.replace(path, path.with_suffix(".damaged.json"))
        records[variant.name] = {
            "licence": variant.licence.name,
            "url": variant.licence.url,
            "text_sha256": _fingerprint(variant.name),
            "accepted": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        write_whole(path, (json.dumps(records, indent=1) + "\n").encode())


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256(license_text(name).encode()).hexdigest()


def _records(folder: Path) -> dict[str, dict[str, str]]:
    """Who agreed to what; empty where nothing is on record, or nothing that can be read: then the
    terms are shown again."""
    path = folder / RECORD
    if not os.path.isfile(path):
        return {}
    try:
        found = read_json(path)
    except InputError as error:
        logger.warning("%s", error)
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {name: record for name, record in entries if isinstance(record, dict)}
