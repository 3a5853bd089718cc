"""Results in the body of a message: small files in it, larger ones as a link."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from .callers import Caller, Callers
from .files import Files
from .shapes import files_of


class Results:
    """public_url: under which callers reach the gateway. inline_bytes: the largest file that is put
    into a message. hours: how long a link is good."""

    def __init__(
        self, files: Files, callers: Callers, public_url: str, inline_bytes: int, hours: float
    ) -> None:
        self.files, self.callers = files, callers
        self.public_url, self.inline_bytes, self.hours = public_url, inline_bytes, hours

    def told(self, caller: Caller, entry: Mapping[str, Any]) -> dict[str, Any]:
        """{"outputs", "files": […], "error"?}; each file has its size, and `data` (base64) or a
        `url` that needs no key."""
        outputs = entry.get("outputs") or {}
        told: dict[str, Any] = {
            "outputs": outputs, "files": [self._file(caller, each) for each in files_of(outputs)],
        }  # fmt: skip
        for name, data in (entry.get("status") or {}).get("messages", ()):
            if name in ("execution_error", "execution_interrupted"):
                words = data.get("exception_message") or "It was interrupted."
                told["error"] = str(words).strip()
        return told

    def _file(self, caller: Caller, shown: Mapping[str, Any]) -> dict[str, Any]:
        place = {name: str(shown.get(name) or "") for name in ("filename", "subfolder", "type")}
        path = self.files.find(caller.name, place["type"], place["subfolder"], place["filename"])
        if path is None:
            return {**place, "missing": True}
        size = path.stat().st_size
        told = {**place, "bytes": size}
        if size <= self.inline_bytes:
            return {**told, "data": base64.b64encode(path.read_bytes()).decode()}
        return {**told, "url": self.link(caller, place)}

    def link(self, caller: Caller, place: Mapping[str, str]) -> str:
        """Opens one file without a key, for so many hours."""
        query = {**place, "caller": caller.name}
        query["expires"] = str(int(time.time() + self.hours * 3600))
        query["signature"] = self.callers.link_signature(caller, query)
        return f"{self.public_url}/view?{urlencode(query)}"
