"""Gets a variant's files from its repositories into a models folder, and checks them.

The addresses and names are those of `huggingface_hub`: HF_ENDPOINT names a mirror, HF_TOKEN a
user, HF_HUB_OFFLINE forbids the network. A transfer that was cut, also by closing the program, goes
on where it stopped: the part that is there is kept under the name of its content. Of two programs
that fetch into one folder the second waits, and says for whom.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..catalog.models import variant_named
from ..catalog.types import File, Source, Variant
from ..errors import InputError, MissingFiles
from ..writing import why
from .locate import (
    Located,
    download_command,
    find,
    in_words,
    problems,
    published_or_converted,
    sha256,
    write_receipt,
)
from .locks import locked
from .transfer import TransferFailed, WrongContent, fetch

SPARE = 500_000_000
"""Bytes to leave free on the disk."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Transfer:
    """One file to fetch: what the server says of it, and where it goes."""

    file: File
    location: str
    content: str  # the server's name for the content; the sha256 of a large file
    size: int
    target: Path
    headers: dict[str, str]

    @property
    def part(self) -> Path:
        # The server chose that name: nothing but a few letters of it goes into a path.
        told = re.sub(r"[^A-Za-z0-9]", "", self.content)[:12] or "unnamed"
        return self.target.with_name(f"{self.target.name}.{told}.part")


def download(
    name: str,
    folder: str | Path,
    tell: Tell = lambda line: None,
    take_changed: bool = False,
    endpoint: str | None = None,
) -> Located:
    """Fetches what is missing of variant `name` into the models folder; returns where all lies.

    tell: gets a line for each file. take_changed: take files that the repository has replaced
    since the catalogue was written, and note their sizes. endpoint: address of the hub or of a
    mirror; None takes HF_ENDPOINT, or the hub's own.
    Raises MissingFiles where a file cannot be had or is not the expected one.
    """
    variant = variant_named(name)
    folder = Path(folder)
    for source in variant.sources:
        if source.by_hand:
            continue  # `find` below says what is missing, and how it is got
        with locked(folder / source.folder, f"downloads {variant.name}", tell):
            _fetch_source(variant, source, folder, tell, take_changed, endpoint)
    return find(name, folders=[folder])


def _fetch_source(
    variant: Variant,
    source: Source,
    folder: Path,
    tell: Tell,
    take_changed: bool,
    endpoint: str | None,
) -> None:
    """What is still missing of one source, now that nobody else is at it."""
    root = folder / source.folder / source.below
    transfers = [
        _ask(variant, source, file, root, take_changed, endpoint)
        for file in source.files
        if not _is_there(source, file, root)
    ]
    _check_disk(transfers, folder)
    for number, transfer in enumerate(transfers, 1):
        tell(f"{source.repository} {number}/{len(transfers)}: {transfer.file.path}, "
             f"{in_words(transfer.size)}")  # fmt: skip
        _fetch(transfer, variant)
    if take_changed and transfers:
        write_receipt(root, [transfer.target for transfer in transfers])


def addresses(name: str, folder: str | Path) -> list[tuple[str, Path]]:
    """(address, place) of every file, for a machine without network: fetch them by other means. Of
    files that are got by hand the address is words."""
    return [
        (_address(source, file), Path(folder) / source.folder / source.below / file.path)
        for source in variant_named(name).sources
        for file in source.files
    ]


def _address(source: Source, file: File, endpoint: str | None = None) -> str:
    from huggingface_hub import hf_hub_url

    if source.by_hand:
        return source.by_hand
    if source.web:
        return f"{source.web}/{file.path}"
    path = _in_repository(source, file)
    return hf_hub_url(source.repository, path, revision=source.revision, endpoint=endpoint)


def _in_repository(source: Source, file: File) -> str:
    return f"{source.below}/{file.path}" if source.below else file.path


def _is_there(source: Source, file: File, root: Path) -> bool:
    if not os.path.isfile(published_or_converted(root / file.path)):
        return False
    return not problems(replace(source, files=(file,)), root)


def _ask(
    variant: Variant,
    source: Source,
    file: File,
    root: Path,
    take_changed: bool,
    endpoint: str | None,
) -> Transfer:
    """What the server says of `file`, or of the same weights in another form."""
    from huggingface_hub.errors import EntryNotFoundError

    path = Path(file.path)
    endings = [e for e in (".safetensors", ".bin") if path.suffix in (".safetensors", ".bin")]
    forms = [file, *(File(path.with_suffix(e).as_posix()) for e in endings if e != path.suffix)]
    for form in forms:
        try:
            transfer = _ask_for(variant, source, form, root, endpoint)
        except EntryNotFoundError:
            continue
        if not take_changed:
            _check_unchanged(variant, source, transfer)
        return transfer
    raise MissingFiles(
        f"{source.repository} (revision {source.revision}) has no {_in_repository(source, file)}; "
        "the authors may have moved it."
    )


def _ask_for(
    variant: Variant, source: Source, file: File, root: Path, endpoint: str | None
) -> Transfer:
    from huggingface_hub import get_hf_file_metadata
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError
    from huggingface_hub.utils import build_hf_headers

    address = _address(source, file, endpoint)
    if source.web:
        return _ask_web(variant, file, root, address)
    try:
        said = get_hf_file_metadata(address)
    except EntryNotFoundError:
        raise
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise MissingFiles(
            f"{source.repository} cannot be read: it is private, gated or gone. If its page asks "
            "you to agree to something, do so there, then set HF_TOKEN to your token."
        ) from error
    except Exception as error:
        raise _no_connection(variant, address, error) from error
    if not said.etag or said.size is None or said.size < 0:
        raise MissingFiles(f"{address} does not say the size of the file: it is no model hub.")
    same_host = said.location.split("/")[2:3] == address.split("/")[2:3]
    headers = build_hf_headers() if same_host else {}
    return Transfer(file, said.location, said.etag, said.size, root / file.path, headers)


def _ask_web(variant: Variant, file: File, root: Path, address: str) -> Transfer:
    """What any web server says of a file: its size, and its name for the content if it has one."""
    import urllib.request

    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD")) as answer:
            size, etag = answer.headers.get("Content-Length"), answer.headers.get("ETag")
    except OSError as error:
        raise _no_connection(variant, address, error) from error
    if not size:
        raise MissingFiles(f"{address} does not say the size of the file: it is not there now.")
    content = re.sub(r"[^0-9A-Za-z]", "", etag or f"size{size}")
    return Transfer(file, address, content, int(size), root / file.path, {})


def _check_unchanged(variant: Variant, source: Source, transfer: Transfer) -> None:
    file = transfer.file
    tolerance = 0.01 * file.size if file.size and file.derived else 0
    wrong = []
    if file.size is not None and abs(transfer.size - file.size) > tolerance:
        wrong.append(f"{file.size:,} bytes wanted, {transfer.size:,} offered")
    if file.sha256 and _is_sha256(transfer.content) and transfer.content != file.sha256:
        wrong.append(f"sha256 {file.sha256} wanted, {transfer.content} offered")
    if wrong:
        raise MissingFiles(
            f"{source.repository} offers another {file.path} than the one this version of Fitting "
            f"Room was made for ({'; '.join(wrong)}). Nothing was fetched. To take it all the "
            f"same: {download_command(variant.name)} --take-changed"
        )


def _check_disk(transfers: list[Transfer], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = sum(t.size - (t.part.stat().st_size if t.part.exists() else 0) for t in transfers)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InputError(f"{folder} cannot be used: {why(error)}.") from error
    if transfers and wanted + SPARE > free:
        raise InputError(
            f"{in_words(wanted)} are to be fetched, {in_words(free)} are free at {folder}. Make "
            "room, or give another folder with --to."
        )


def _fetch(transfer: Transfer, variant: Variant) -> None:
    again = f"To go on: {download_command(variant.name)}"
    try:
        transfer.target.parent.mkdir(parents=True, exist_ok=True)
        fetch(
            transfer.location,
            transfer.part,
            transfer.size,
            transfer.headers,
            transfer.target.name,
        )
        found = sha256(transfer.part)
    except WrongContent as error:
        _discard(transfer.part)
        raise MissingFiles(
            f"{transfer.file.path} is not what the server said: {error}. It was deleted. {again}"
        ) from error
    except TransferFailed as error:
        raise MissingFiles(
            f"{transfer.file.path} did not arrive whole: {error}\n{again}"
        ) from error
    except OSError as error:
        raise InputError(
            f"{transfer.target} cannot be written: {why(error)}. What has come is kept. {again}"
        ) from error
    wanted = transfer.content if _is_sha256(transfer.content) else transfer.file.sha256
    if wanted and found != wanted:
        _discard(transfer.part)
        raise MissingFiles(
            f"{transfer.file.path} was damaged on the way (sha256 {wanted} wanted, {found} came) "
            f"and was deleted. {again}"
        )
    try:
        transfer.part.replace(transfer.target)
    except OSError as error:
        raise InputError(f"{transfer.target} cannot be written: {why(error)}. {again}") from error


def _discard(part: Path) -> None:
    with suppress(OSError):
        part.unlink()


def _is_sha256(content: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", content) is not None


def _no_connection(variant: Variant, address: str, error: Exception) -> MissingFiles:
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return MissingFiles(
            "HF_HUB_OFFLINE is set, so nothing is fetched. Unset it, or get the addresses and "
            f"places of all files with: {download_command(variant.name)} --list"
        )
    return MissingFiles(
        f"{address} cannot be reached ({type(error).__name__}: {error}). Check the connection and "
        "run the command again: it goes on where it stopped. Or set HF_ENDPOINT to the address of "
        "a mirror, or get the addresses and places of all files with: "
        f"{download_command(variant.name)} --list"
    )
