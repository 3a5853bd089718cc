"""Finds a model's files in the published layout, and tells everything that is wrong with them.

    found = find("leffa/virtual_tryon", folders=comfyui_folders)
    state = read_state(weight_file(found.root / "virtual_tryon.pth", torch.float16))

A models folder is the folder `fitting_room` among ComfyUI's models, one given in
`extra_model_paths.yaml`, or $FITTING_ROOM_MODELS; inside it every source of the catalogue has a
folder of its own. The Hugging Face cache is looked at last, without network.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..catalog.models import variant_named
from ..catalog.types import File, Source, Variant
from ..errors import InputError, MissingFiles
from ..writing import write_whole
from .headers import header_problem
from .headers import safetensors_length as safetensors_length
from .json_files import read_json
from .named_folder import home_named, looks_like

if TYPE_CHECKING:
    import torch  # not needed to find or fetch files, and slow to import

RECEIPT = "fitting_room.json"
"""Beside the files of a source: sizes that were agreed to instead of the catalogue's."""

GIVEN_PLACES = 4
"""How many folders stand for one that the user named."""

WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".pkl")

PRECISIONS = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}
"""The word that a converted file carries before its ending, by the name of its dtype."""


@dataclass(frozen=True)
class Located:
    """A variant whose files are all there: the folders that `File.path` is relative to."""

    variant: Variant
    roots: tuple[Path, ...]  # one for each of variant.sources, in order

    @property
    def root(self) -> Path:
        """Of the model's own networks."""
        return self.roots[0]

    def files(self) -> Iterator[tuple[File, Path]]:
        """Every file of the variant and where it was found, converted or as published."""
        for source, root in zip(self.variant.sources, self.roots, strict=True):
            for file in source.files:
                yield file, published_or_converted(root / file.path)


def models_home() -> Path:
    """$FITTING_ROOM_MODELS, or the folder used where neither it nor ComfyUI says one."""
    given = os.environ.get("FITTING_ROOM_MODELS")
    return home_named(given or "~/.cache/fitting_room")


def find(
    name: str, path: str | Path | None = None, folders: Sequence[str | Path] = ()
) -> Located:  # fmt: skip
    """The files of variant `name` ("model/variant").

    path: a folder in the published layout that the user named; its sizes are taken as they are.
    folders: models folders (ComfyUI's), looked at first where no path is given.

    Raises MissingFiles with every missing or wrong file and the command that gets them, InputError
    for a name that is not in the catalogue.
    """
    variant = variant_named(name)
    located, lines = survey(variant, path, folders)
    if lines:
        raise MissingFiles(_message(variant, lines, path, folders))
    return located


def survey(
    variant: Variant, path: str | Path | None = None, folders: Sequence[str | Path] = ()
) -> tuple[Located, list[str]]:
    """Where the files of a variant most likely are, and a line for each that is not right there."""
    roots, lines = [], []
    for source in variant.sources:
        tried = list(_tried(source, path, folders, only_given=source is variant.sources[0]))
        # The first place without problems; else the one with the fewest, to tell about, and of
        # these one where a file is wrong and not just missing.
        root, found = min(tried, key=lambda place: (len(place[1]), str(place[1]).count("missing:")))
        roots.append(root)
        lines += found
    return Located(variant, tuple(roots)), lines


def _tried(
    source: Source, path: str | Path | None, folders: Sequence[str | Path], only_given: bool
) -> Iterator[tuple[Path, list[str]]]:
    """Places to look for `source`, each with its problems; sizes count only outside a folder that
    the user named."""
    given = 0 if path is None else GIVEN_PLACES
    for number, root in enumerate(places(source, path, folders, only_given)):
        yield root, problems(source, root, sizes=number >= given)


def places(
    source: Source, path: str | Path | None, folders: Sequence[str | Path], only_given: bool
) -> Iterator[Path]:
    """Folders in which `source` may be, the first first.

    A folder that the user named is not replaced by another one behind their back: the model's own
    networks must be there. What it shares with other models may come from elsewhere.
    """
    if path is not None:
        base = home_named(path)
        last = Path(source.folder).name
        yield from (base, base / source.below, base / last, base / source.below / last)
        if only_given:
            return
    for base in (*map(Path, folders), models_home()):
        yield from (base / source.folder / source.below, base / source.folder)
    cached = _in_hub_cache(source)
    if cached:
        yield cached


def problems(source: Source, root: Path, sizes: bool = True) -> list[str]:
    """One line for each file of `source` that is missing below `root` or of another size."""
    if not os.path.isdir(root):  # soon told, as a plan asks this of every model
        return [_missing(file) for file in source.files]
    lines = []
    try:
        agreed = read_receipt(root)
    except InputError as error:
        agreed = {}
        lines.append(f"damaged: {error}")
    for file in source.files:
        path = published_or_converted(root / file.path)
        found = _size(path)
        if found is None:
            lines.append(_missing(file))
            continue
        wanted = agreed.get(path.relative_to(root).as_posix())
        if wanted is None and path == root / file.path and sizes:
            wanted = file.size
        tolerance = 0.01 if wanted == file.size and file.derived else 0.0
        if wanted is not None and abs(found - wanted) > tolerance * wanted:
            about = "about " if tolerance else ""
            lines.append(
                f"cut short or another file: {path}: {about}{wanted:,} bytes wanted, "
                f"{found:,} found"
            )
        elif path.suffix == ".safetensors" and (problem := header_problem(path, found)):
            lines.append(problem)
    return lines


def _missing(file: File) -> str:
    size = f" ({in_words(file.size)})" if file.size and file.size > 1e6 else ""
    return f"missing: {file.path}{size}"


def _size(path: Path) -> int | None:
    """Bytes of a file; None where there is none, or a folder of that name."""
    try:
        return path.stat().st_size if os.path.isfile(path) else None
    except OSError:  # gone since
        return None


def wrong_hashes(located: Located, progress: Callable[[str], None] | None = None) -> list[str]:
    """One line for each published file whose sha256 is known and not that of the file found."""
    lines = []
    for file, path in located.files():
        if not file.sha256 or path.name != Path(file.path).name:
            continue
        if progress:
            progress(str(path))
        found = sha256(path)
        if found != file.sha256:
            lines.append(f"another file: {path}: sha256 {file.sha256} wanted, {found} found")
    return lines


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


def weight_file(published: Path, dtype: torch.dtype | None = None) -> Path:
    """The file to read weights from: `published`, or what lies beside it in its stead.

    A file converted to `dtype` comes first, then the published one, then the same weights as
    .safetensors or .bin, then one converted to another precision. `published` itself if there is
    nothing at all.
    """
    precision = PRECISIONS.get(str(dtype).removeprefix("torch."))
    if precision and os.path.isfile(converted_name(published, precision)):
        return converted_name(published, precision)
    return published_or_converted(published)


def published_or_converted(published: Path) -> Path:
    """`published` if it is there, else the same weights in another form, else `published`."""
    return next((form for form in forms(published) if os.path.isfile(form)), published)


def forms(published: Path) -> Iterator[Path]:
    """`published`, and the names under which the same weights may lie beside it."""
    yield published
    if published.suffix in WEIGHTS:
        yield from (published.with_suffix(ending) for ending in (".safetensors", ".bin"))
        yield from (converted_name(published, precision) for precision in PRECISIONS.values())


def converted_name(published: Path, precision: str) -> Path:
    """precision: fp16, bf16 or fp32."""
    return published.with_suffix(f".{precision}.safetensors")


def read_receipt(root: Path) -> dict[str, int]:
    """Sizes by path, as agreed to for the files below `root`; empty where nothing was agreed.

    Raises MissingFiles for a damaged one."""
    path = root / RECEIPT
    if not os.path.isfile(path):
        return {}
    content = read_json(path)
    sizes = content.get("sizes") if isinstance(content, dict) else None
    if not isinstance(sizes, dict) or not all(type(size) is int for size in sizes.values()):
        raise MissingFiles(f"{path} is damaged: no sizes are in it. Delete it.")
    return sizes


def write_receipt(root: Path, paths: Iterable[Path]) -> None:
    """Notes the sizes of `paths` below `root`, beside those noted before."""
    sizes = read_receipt(root)
    sizes |= {path.relative_to(root).as_posix(): path.stat().st_size for path in paths}
    write_whole(root / RECEIPT, (json.dumps({"sizes": sizes}, indent=1) + "\n").encode())


def adopt(name: str, path: str | Path) -> Located:
    """Accepts files of the user's own (a fine-tune, say) that lie in the published layout.

    Their sizes are noted beside them, so that `find` takes them in place of the published ones.
    Raises MissingFiles where one of the model's own files is not below `path`.
    """
    located = find(name, path=path)
    given = home_named(path).resolve()
    for source, root in zip(located.variant.sources, located.roots, strict=True):
        if root.resolve().is_relative_to(given):
            write_receipt(root, [published_or_converted(root / f.path) for f in source.files])
    return located


def in_words(size: int) -> str:
    """12.0 GB, 479 bytes: decimal units, as the hub counts."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size} bytes"


def download_command(name: str) -> str:
    return f"fitting-room download {name}"


def how_to_get(variant: Variant, folders: Sequence[str | Path] = ()) -> str:
    """The command that gets a variant's files, or where a user gets them and puts them."""
    home = Path(folders[0]) if folders else models_home()
    told = [f"{source.by_hand} It lies in {home}." for source in variant.sources if source.by_hand]
    command = download_command(variant.name)
    return " ".join([*told, f"Then: {command}"]) if told else command


def _in_hub_cache(source: Source) -> Path | None:
    if source.web or source.by_hand:
        return None
    from huggingface_hub import constants, try_to_load_from_cache

    folder = f"models--{source.repository.replace('/', '--')}"
    if not os.path.isdir(os.path.join(constants.HF_HUB_CACHE, folder)):
        return None
    below = f"{source.below}/" if source.below else ""
    # "main" too: other programs fetch by it, and a later commit has mostly touched other files.
    for revision in dict.fromkeys((source.revision, "main")):
        for file in source.files:
            found = try_to_load_from_cache(source.repository, below + file.path, revision=revision)
            if isinstance(found, str):
                return Path(found[: -len(file.path)])
    return None


def _message(
    variant: Variant, lines: list[str], path: str | Path | None, folders: Sequence[str | Path]
) -> str:
    total = sum(len(source.files) for source in variant.sources)
    places = [*map(str, folders), str(models_home()), "the Hugging Face cache"]
    if path is not None:
        places = [str(path)]
    return "\n".join(
        [
            f"{variant.title} ({variant.name}) cannot be loaded: {len(lines)} of its {total} files "
            "are not there or not the published ones.",
            *(f"  {line}" for line in lines),
            f"Looked in: {'; '.join(dict.fromkeys(places))}.{looks_like(path)}",
            f"Get them with: {how_to_get(variant, folders)}",
        ]
    )
