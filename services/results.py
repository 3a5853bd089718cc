"""Results that are kept: by the request's fingerprint, so that the same work is not paid twice.

    <folder>/<two letters>/<fingerprint>.json         the result's facts and its files' hashes
    <folder>/<two letters>/<fingerprint>.<hash>.png   the picture with its marks
    <folder>/<two letters>/<fingerprint>.<hash>.npy   what was repainted, where that is known

The picture is not packed: that would take longer than all else that is done for it here.

The JSON is written last: an entry without it, or whose files are not what it says, is a miss.
Every file is written beside its place and moved there, and pictures are named by their own hash, so
that two processes may keep the same result at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import uuid
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipelines.fit import FitReport
from .places import results_folder
from .request import TryOnResult

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

LARGEST = 8 * 2**30
"""Bytes that a store keeps, some 3,500 pictures of 768x1024; beyond them, what was used longest ago
goes."""
KEEP_SHARE = 0.9
"""How full it is after some went, so that not every picture clears anew."""
PUTS_BETWEEN_LOOKS = 32
"""The folder's size is looked up once in so many pictures, and whenever it may be reached."""


class ResultStore:
    """folder: made when needed. largest: bytes."""

    def __init__(self, folder: Path | None = None, largest: int = LARGEST) -> None:
        self.folder = folder or results_folder()
        self.largest = largest
        self._size: int | None = None
        self._puts = 0

    def get(self, fingerprint: str) -> TryOnResult | None:
        """The kept result, with cost 0 as nothing is paid for it; None for a miss."""
        facts_path = self._path(fingerprint)
        try:
            told = json.loads(facts_path.read_text(encoding="utf-8"))
            picture = self._picture(fingerprint, told)
            mask = self._mask(fingerprint, told)
            facts = told["facts"]
            result = TryOnResult(
                picture=picture, mask=mask, category=facts["category"], backend=facts["backend"],
                model=facts["model"], seed=facts["seed"], seconds=facts["seconds"],
                cost=Decimal(0), currency=facts["currency"], warnings=tuple(facts["warnings"]),
                remote_id=facts["remote_id"],
                fit=FitReport(facts["fit"]["level"], tuple(facts["fit"]["reasons"])),
            )  # fmt: skip
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("A kept result is not whole and is made anew: %s", error)
            self.drop(fingerprint)
            return None
        self._touch(facts_path)
        return result

    def put(self, fingerprint: str, result: TryOnResult) -> Path:
        """Keeps a result; gives the path of its picture."""
        import io

        import numpy as np

        from ..pipelines.marks.provenance import marked_picture

        data = marked_picture(result.picture, "PNG", packed=False, marks=marks_of(result))
        hashes = {"png": self._keep(data, fingerprint, "png")}
        if result.mask is not None:
            out = io.BytesIO()
            np.save(out, result.mask.astype(np.float32), allow_pickle=False)
            hashes["npy"] = self._keep(out.getvalue(), fingerprint, "npy")
        told = json.dumps({"sha256": hashes, "facts": result.facts()}, ensure_ascii=False, indent=1)
        self._write(self._path(fingerprint), told.encode("utf-8"))
        mask = 0 if result.mask is None else 4 * result.mask.size
        self._make_room(fingerprint, len(data) + mask)
        return self._path(fingerprint, hashes["png"], "png")

    def _keep(self, data: bytes, fingerprint: str, ending: str) -> str:
        """Puts a file into its place; gives its SHA-256."""
        hashed = hashlib.sha256(data).hexdigest()
        self._write(self._path(fingerprint, hashed, ending), data)
        return hashed

    def _write(self, path: Path, data: bytes) -> None:
        """Whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{uuid.uuid4().hex}")
        try:
            beside.write_bytes(data)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def path_of(self, fingerprint: str) -> Path | None:
        """Where the kept picture lies, None for a miss."""
        try:
            told = json.loads(self._path(fingerprint).read_text(encoding="utf-8"))
            path = self._path(fingerprint, told["sha256"]["png"], "png")
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return path if path.is_file() else None

    def drop(self, fingerprint: str) -> None:
        for path in self._files(fingerprint):
            path.unlink(missing_ok=True)

    def size(self) -> int:
        """Bytes of all that is kept."""
        return sum(size for _, size, _ in self._entries())

    def _path(self, fingerprint: str, hashed: str = "", ending: str = "json") -> Path:
        if not re.fullmatch(r"[0-9a-f]{16,64}", fingerprint):
            raise ValueError("a fingerprint is hexadecimal")
        middle = f".{hashed[:16]}" if hashed else ""
        return self.folder / fingerprint[:2] / f"{fingerprint}{middle}.{ending}"

    def _files(self, fingerprint: str) -> list[Path]:
        """Its files, the JSON first, so that a half dropped entry is a miss."""
        place = self._path(fingerprint)
        return [place, *place.parent.glob(f"{fingerprint}.*.*")]

    def _picture(self, fingerprint: str, told: Any) -> np.ndarray:
        import io

        import numpy as np
        from PIL import Image

        data = self._whole(fingerprint, told["sha256"]["png"], "png")
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return np.asarray(image.convert("RGB"))

    def _mask(self, fingerprint: str, told: Any) -> np.ndarray | None:
        import io

        import numpy as np

        if "npy" not in told["sha256"]:
            return None
        data = self._whole(fingerprint, told["sha256"]["npy"], "npy")
        return np.load(io.BytesIO(data), allow_pickle=False)

    def _whole(self, fingerprint: str, wanted: str, ending: str) -> bytes:
        path = self._path(fingerprint, wanted, ending)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != wanted:
            raise ValueError(f"{path.name} is cut or changed")
        return data

    def _touch(self, path: Path) -> None:
        try:
            os.utime(path)
        except OSError as error:
            logger.debug("The time of use of %s was not noted: %s", path.name, error)

    def _make_room(self, newest: str, written: int) -> None:
        """written: bytes, about, of the newest."""
        self._puts += 1
        if self._size is None or self._puts % PUTS_BETWEEN_LOOKS == 0:
            self._size = self.size()
        else:
            self._size += written
        if self._size <= self.largest:
            return
        entries = self._entries()
        left = sum(size for _, size, _ in entries)
        for _, size, fingerprint in sorted(entries):
            if left <= self.largest * KEEP_SHARE or fingerprint == newest:
                break
            self.drop(fingerprint)
            left -= size
        self._size = left

    def _entries(self) -> list[tuple[float, int, str]]:
        """(time of last use, bytes, fingerprint) of each."""
        found = []
        for path in self.folder.glob("??/*.json"):
            try:
                used = path.stat().st_mtime
                size = sum(each.stat().st_size for each in path.parent.glob(f"{path.stem}.*"))
            except OSError:  # another process has just dropped it
                continue
            found.append((used, size, path.stem))
        return found


def marks_of(result: TryOnResult) -> Any:
    """What programs read in the file: generated, or the embedded warp, which generates nothing."""
    from ..pipelines.marks.provenance import PREVIEW, Marks
    from .request import PREVIEW as PREVIEW_MODEL

    return PREVIEW if result.model == PREVIEW_MODEL else Marks(system=result.model)
