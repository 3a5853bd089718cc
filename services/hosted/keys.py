"""Keys of hosted services: from the environment or the system's keyring, by name, shown nowhere."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ...pipelines.errors import InputError

logger = logging.getLogger(__name__)

KEYRING = "fitting-room"
"""The keyring's service under which the entries are looked for, each named as its variable."""

KEYRING_SECONDS = 5
"""For so long an answer of the keyring holds: a plan asks for the same keys many times."""
HIDDEN = "***"


class Secret:
    """A key that does not print. `reveal()` is for the header that needs it, and nothing else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return HIDDEN

    def __reduce__(self) -> str:
        raise TypeError("a key is not written anywhere")


@dataclass(frozen=True)
class Keys:
    """The keys of one service, by the names of their variables."""

    values: Mapping[str, Secret]

    def __getitem__(self, name: str) -> str:
        return self.values[name].reveal()

    def hide(self, text: str) -> str:
        """The text without any of these keys, nor a part of one that says what the key is."""
        for secret in self.values.values():
            key = secret.reveal()
            for part in (key, *(piece for piece in key.split(":") if len(piece) >= 12)):
                text = text.replace(part, HIDDEN)
        return text


def find_keys(names: tuple[str, ...], optional: tuple[str, ...] = ()) -> Keys:
    """The keys of these names. Raises InputError that names those that are missing or malformed.

    optional: names that are taken where they are set.
    """
    found = {name: value for name in (*names, *optional) if (value := _find(name)) is not None}
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} must be set: in the environment, or with "
            f"`keyring set {KEYRING} {missing[0]}`. A key is never written into a workflow."
        )
    return Keys(found)


def are_set(names: tuple[str, ...]) -> bool:
    """Whether every key is there and well-formed."""
    try:
        find_keys(names)
    except InputError:
        return False
    return True


def _find(name: str) -> Secret | None:
    moment = int(time.monotonic() // KEYRING_SECONDS)
    value = os.environ.get(name, "").strip() or _from_keyring(name, moment)
    if not value:
        return None
    if not value.isascii() or not value.isprintable() or " " in value:
        raise InputError(
            f"{name} has spaces, line breaks or letters that no key has. Copy the key again."
        )
    return Secret(value)


@lru_cache(maxsize=64)
def _from_keyring(name: str, moment: int) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return ""
    try:
        return (keyring.get_password(KEYRING, name) or "").strip()
    except (KeyringError, OSError, RuntimeError) as error:
        logger.debug("The keyring cannot be asked for %s: %s", name, type(error).__name__)
        return ""
