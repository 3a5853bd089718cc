"""Who may ask: callers and their keys, what each may do, cookies and links made from them."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...pipelines.errors import InputError
from ..hosted.keys import Secret
from ..toml import read_toml

KEYS = "FITTING_ROOM_KEYS"
"""NAME=KEY pairs with commas between them."""
SHORTEST_KEY = 16
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
COOKIE = "fitting_room_caller"
FIELDS = {
    "key", "key_sha256", "priority", "open_jobs", "per_minute", "webhook", "webhook_secret",
}  # fmt: skip


@dataclass(frozen=True)
class Caller:
    """Somebody with a key. priority: higher goes first. open_jobs: queued and running at once.
    per_minute: accepted prompts. webhook: told of every end, "" for nobody."""

    name: str
    digest: str = field(repr=False)
    priority: int = 0
    open_jobs: int = 1000
    per_minute: int = 600
    webhook: str = ""
    webhook_secret: Secret = field(default_factory=lambda: Secret(""))

    def signed(self, purpose: str, text: str) -> str:
        """HMAC-SHA256 in hexadecimal, good for this purpose only."""
        return hmac.new(
            self.digest.encode(), f"{purpose}\n{text}".encode(), hashlib.sha256
        ).hexdigest()


LOCAL = Caller("local", "0" * 64, open_jobs=1_000_000, per_minute=1_000_000)
"""The one caller of a gateway without keys, on the loopback only."""


class Callers:
    """All callers; without any, keys are off and everybody is LOCAL."""

    def __init__(self, callers: list[Caller]) -> None:
        self._by_name = {each.name: each for each in callers}

    @property
    def keys_are_on(self) -> bool:
        return bool(self._by_name)

    def named(self, name: str) -> Caller | None:
        return self._by_name.get(name) if self.keys_are_on else LOCAL

    def all(self) -> list[Caller]:
        return list(self._by_name.values()) or [LOCAL]

    def with_key(self, key: str) -> Caller | None:
        """Compared with every key in the same time, so that nothing is learnt from it."""
        digest, found = _digest(key), None
        for caller in self._by_name.values():
            if hmac.compare_digest(caller.digest, digest):
                found = caller
        return found

    @staticmethod
    def cookie_of(caller: Caller) -> str:
        """What a page keeps: it tells nobody the key."""
        return f"{caller.name}.{caller.signed('cookie', caller.name)}"

    def with_cookie(self, cookie: str) -> Caller | None:
        name, _, signature = cookie.partition(".")
        caller = self._by_name.get(name)
        if caller and hmac.compare_digest(caller.signed("cookie", name), signature):
            return caller
        return None

    @staticmethod
    def link_signature(caller: Caller, query: Mapping[str, str]) -> str:
        wanted = "\n".join(
            query.get(name, "") for name in ("type", "subfolder", "filename", "expires")
        )
        return caller.signed("link", wanted)

    def with_link(self, query: Mapping[str, str]) -> Caller | None:
        """The caller who may see the one file that a signed link names, until it ends."""
        caller = self._by_name.get(query.get("caller", ""))
        expires = query.get("expires", "")
        if caller is None or not expires.isdigit() or int(expires) < time.time():
            return None
        good = hmac.compare_digest(
            self.link_signature(caller, query), query.get("signature", "")
        )  # fmt: skip
        return caller if good else None


def read_callers(file: Path | None) -> Callers:
    """From a TOML file with a table for each caller, and from $FITTING_ROOM_KEYS.

    Raises InputError, in words without any key, for what cannot be used.
    """
    found: dict[str, Caller] = {}
    if file is not None:
        if not file.is_file():
            raise InputError(f"The file of keys {file} does not exist.")
        for name, table in read_toml(file).items():
            found[name] = _from_table(name, table, file)
    for pair in filter(None, os.environ.get(KEYS, "").split(",")):
        name, _, key = pair.strip().partition("=")
        if name in found:
            raise InputError(f"The caller {name} stands in {KEYS} and in {file}. Name it once.")
        found[name] = _from_table(name, {"key": key}, KEYS)
    digests = [each.digest for each in found.values()]
    if len(set(digests)) != len(digests):
        raise InputError("Two callers have the same key. Give each its own.")
    return Callers(list(found.values()))


def _from_table(name: str, table: Any, source: object) -> Caller:
    if not NAME.fullmatch(name):
        raise InputError(
            f"A caller's name in {source} has small letters, digits, - and _ (40 at most), and "
            f"{name[:60]!r} came."
        )
    if not isinstance(table, dict) or set(table) - FIELDS:
        raise InputError(
            f"The caller {name} in {source} may have {', '.join(sorted(FIELDS))}, and nothing else."
        )
    settings = {key: table[key] for key in ("priority", "open_jobs", "per_minute") if key in table}
    if any(not isinstance(value, int) for value in settings.values()):
        raise InputError(f"{', '.join(settings)} of the caller {name} must be whole numbers.")
    webhook, secret = str(table.get("webhook", "")), str(table.get("webhook_secret", ""))
    if webhook and (not webhook.startswith(("https://", "http://")) or len(secret) < SHORTEST_KEY):
        raise InputError(
            f"The webhook of the caller {name} needs a web address and a webhook_secret of at "
            f"least {SHORTEST_KEY} characters, with which it is signed."
        )
    return Caller(
        name, _key_digest(name, table, source), webhook=webhook, webhook_secret=Secret(secret),
        **settings,
    )  # fmt: skip


def _key_digest(name: str, table: dict[str, Any], source: object) -> str:
    if "key_sha256" in table:
        digest = str(table["key_sha256"]).lower()
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or "key" in table:
            raise InputError(
                f"key_sha256 of the caller {name} in {source} has 64 hexadecimal digits and no key "
                "beside it."
            )
        return digest
    key = str(table.get("key", ""))
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            f"The key of the caller {name} in {source} needs at least {SHORTEST_KEY} characters "
            "without spaces. Make one with: openssl rand -hex 24"
        )
    return _digest(key)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
