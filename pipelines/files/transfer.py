"""One file from a server to the disk, within bounds: of bytes, of attempts and of patience.

The addresses and names are those of `huggingface_hub`; the transfer is our own, because that
library goes on for ever with a server that cuts every answer, and writes whatever comes.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import httpx

MOST_FAILURES = 5
"""Attempts in a row that brought next to nothing."""

WORTH_AN_ATTEMPT = 1_000_000
"""Bytes after which a cut attempt counts as a good one; or a twentieth of the file."""

PATIENCE = 60.0
"""Seconds without a byte, and the time over which the speed is looked at."""

SLOWEST = 500
"""Bytes a second."""

PAUSE = 1.0
"""Seconds before another attempt."""


class TransferFailed(Exception):
    """What came of it, in words. The part that is there can be gone on with."""


class WrongContent(Exception):
    """The server sends something else than it said; the part is of no use."""


def fetch(address: str, part: Path, size: int, headers: dict[str, str], shown: str) -> None:
    """Appends to `part` until it holds `size` bytes; returns when it does.

    headers: to send along. shown: name for the progress bar. Raises TransferFailed, WrongContent
    where more comes than `size`, and OSError where the disk refuses.
    """
    import httpx
    from huggingface_hub.utils import tqdm

    failures, patience = 0, httpx.Timeout(PATIENCE, connect=10.0)
    with (
        part.open("ab") as file,
        httpx.Client(follow_redirects=True, timeout=patience) as client,
        tqdm(total=size, initial=file.tell(), unit="B", unit_scale=True, desc=shown[-40:]) as bar,
    ):
        if file.tell() > size:
            raise WrongContent(f"{file.tell():,} bytes are there, {size:,} were wanted")
        while file.tell() < size:
            before = file.tell()
            try:
                _attempt(client, address, file, size, headers, bar)
                told = f"the answer ended after {file.tell():,} of {size:,} bytes"
            except httpx.HTTPError as error:
                told = f"{type(error).__name__}: {error}"
            if file.tell() >= size:
                break
            came = file.tell() - before
            failures = 0 if came >= min(WORTH_AN_ATTEMPT, size // 20 + 1) else failures + 1
            if failures >= MOST_FAILURES:
                raise TransferFailed(f"{told}, after {MOST_FAILURES} attempts in a row")
            time.sleep(PAUSE)


def _attempt(
    client: httpx.Client, address: str, file: BinaryIO, size: int, headers: dict[str, str], bar: Any
) -> None:
    """One answer of the server, from where the file ends."""
    start = file.tell()
    # Packed on the way it could not be gone on with.
    asked = {**headers, "Accept-Encoding": "identity"}
    if start:
        asked["Range"] = f"bytes={start}-"
    with client.stream("GET", address, headers=asked) as answer:
        if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
            return  # in a moment perhaps
        if answer.status_code not in (200, 206):
            raise TransferFailed(f"the server answers {answer.status_code}")
        if start and not _goes_on(answer, start):
            file.seek(0)
            file.truncate()
            bar.reset(size)
        _receive(answer, file, size, bar)


def _goes_on(answer: httpx.Response, start: int) -> bool:
    """Whether an answer begins where it was asked to, and not at the beginning again."""
    if answer.status_code != 206:
        return False
    span = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if span is None or int(span[1]) != start:
        raise TransferFailed("the server sends another part of the file than was asked for")
    return True


def _receive(answer: httpx.Response, file: BinaryIO, size: int, bar: Any) -> None:
    since, seen = time.monotonic(), 0
    for piece in answer.iter_raw():
        if file.tell() + len(piece) > size:
            raise WrongContent(f"more than the {size:,} bytes come that the server promised")
        file.write(piece)
        bar.update(len(piece))
        seen += len(piece)
        if (now := time.monotonic()) - since > PATIENCE:
            if seen < SLOWEST * PATIENCE:
                return  # counts as a failure
            since, seen = now, 0
