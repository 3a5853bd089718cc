"""Where a batch's pictures go: a folder, or any place that fsspec knows, such as s3://bucket/run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...pipelines.errors import InputError
from ...pipelines.writing import write_whole


class Store:
    """out: a folder or a URL. Files are there whole or not at all."""

    def __init__(self, out: str) -> None:
        self.out = out.rstrip("/") if "://" in out else str(Path(out).absolute())
        self.folder: Path | None = None
        if "://" not in out:
            self.folder = Path(self.out)
            self.folder.mkdir(parents=True, exist_ok=True)
            return
        try:
            import fsspec

            self._files, self._root = fsspec.core.url_to_fs(self.out)
        except (ImportError, ValueError) as error:
            raise InputError(
                f"Results cannot go to {out}: {error}. A folder, or s3://BUCKET/PATH with the "
                "package s3fs (pip install 'comfyui-fitting-room[s3]'), was wanted."
            ) from error

    def put(self, name: str, data: bytes) -> None:
        """Raises InputError for a place that cannot be written."""
        if self.folder is not None:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / name, data)
            return
        with self._told(f"written to {self.out}"):
            self._files.pipe_file(f"{self._root}/{name}", data)

    def get(self, name: str) -> bytes:
        if self.folder is not None:
            try:
                return (self.folder / name).read_bytes()
            except OSError as error:
                raise InputError(f"{name} cannot be read from {self.out}: {error}.") from error
        with self._told(f"read from {self.out}"):
            return self._files.cat_file(f"{self._root}/{name}")

    def has(self, name: str) -> bool:
        if self.folder is not None:
            return (self.folder / name).is_file()
        with self._told(f"looked for in {self.out}"):
            self._files.invalidate_cache()
            return bool(self._files.isfile(f"{self._root}/{name}"))

    def _told(self, what: str) -> Any:
        return _Told(what)


class _Told:
    """Whatever a file system raises, in a sentence."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            raise InputError(f"A result cannot be {self.what}: {error}.") from error
