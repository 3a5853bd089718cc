"""Takes keys and passwords out of a workflow before it is written into a picture.

Strangers' files are searched with the same rules, so time and depth are bounded: a text is gone
through a fixed number of times, and what is nested deeper than DEEPEST is taken out unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import secret_rules as rules

REMOVED = "[removed]"

DEEPEST = 100
"""Tables in tables. ComfyUI's own workflows, subgraphs included, have some ten."""

LONG = 32
"""Characters of a random text that is no word and no name, or of a hash."""

NODE_TYPES = ("class_type", "type")
"""Names whose text is a class of nodes: long and mixed, and a workflow is nothing without it."""

SECRET_NAMES = re.compile(rules.SECRET_NAMES, re.IGNORECASE)

KNOWN = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(rules.ISSUED.values())})")
ASSIGNED = re.compile(
    rf"(?P<named>{rules.ASSIGNED}[A-Za-z0-9_\-]{{0,20}}"
    r"[\"'`\])]{0,2}\s{0,20}[=:]>?=?\s{0,20}[\"'`]?)"
    r"(?!\[removed\])[^\s\"'`,;&{}\[\]()<>]{4,4000}",
    re.IGNORECASE,
)
IN_ADDRESSES = re.compile("|".join(rules.IN_ADDRESSES))
KEY_BEGINS = re.compile(rules.PRIVATE_KEY)
KEY_ENDS = re.compile(rules.PRIVATE_KEY_END)

RUN = re.compile(rf"[A-Za-z0-9+/]{{{LONG},}}={{0,2}}")
HASH = re.compile(rf"(?<![A-Za-z0-9_])(?:[0-9a-f]{{{LONG},}}|[0-9A-F]{{{LONG},}})(?![A-Za-z0-9_])")


def clean(text: str) -> str:
    """The text with all that looks like a key replaced by "[removed]"."""
    return _without_random(clean_known(text))


def clean_known(text: str) -> str:
    """The same for what is a key by its name or its issuer's shape alone: random text stays."""
    text = _without_private_keys(text)
    text = KNOWN.sub(REMOVED, text)
    text = IN_ADDRESSES.sub(REMOVED, text)
    return ASSIGNED.sub(lambda found: found["named"] + REMOVED, text)


def without_secrets(value: Any, depth: int = 0) -> Any:
    """A copy of a JSON value with everything that looks like a key replaced by "[removed]".

    By name: text under a name such as api_key, token or password. By shape: known prefixes, web
    tokens, private keys, long random text, in values and in names. Better one harmless hash too
    many than one key. What is nested more than DEEPEST deep is removed as well.
    """
    if isinstance(value, (dict, list, tuple)) and depth >= DEEPEST:
        return REMOVED
    if isinstance(value, dict):
        return {clean(str(n)): _clean(str(n), inner, depth + 1) for n, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(inner, depth + 1) for inner in value]
    return clean(value) if isinstance(value, str) else value


def _clean(name: str, value: Any, depth: int = 0) -> Any:
    secret = SECRET_NAMES.search(name) is not None
    if depth >= DEEPEST and isinstance(value, (dict, list, tuple)):
        return REMOVED
    if isinstance(value, str):
        if name in NODE_TYPES or not value:
            return value
        return REMOVED if secret else clean(value)
    if secret and isinstance(value, (list, tuple)):
        return [_clean(name, inner, depth + 1) for inner in value]
    return without_secrets(value, depth)


def places_of_secrets(value: Any, place: str = "", depth: int = 0) -> Iterator[str]:
    """Where in a JSON value something looks like a key: "prompt.7.inputs.api_key".

    A name that is a key itself stands there as "[removed]".
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            told = clean(str(name))
            below = f"{place}.{told}" if place else told
            if told != str(name) or _clean_here(str(name), inner) != inner:
                yield below
            elif depth < DEEPEST:
                yield from places_of_secrets(inner, below, depth + 1)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            if depth < DEEPEST:
                yield from places_of_secrets(inner, f"{place}[{number}]", depth + 1)
    elif isinstance(value, str) and clean(value) != value:
        yield place


def _clean_here(name: str, value: Any) -> Any:
    """`_clean` of a value, but for what stands in tables below it."""
    if isinstance(value, dict):
        return value
    if isinstance(value, (list, tuple)):
        secret = SECRET_NAMES.search(name) is not None
        return [REMOVED if secret and isinstance(i, str) and i else i for i in value]
    return _clean(name, value)


def _without_private_keys(text: str) -> str:
    """Without keys in PEM form; one that has no end goes to the end of the text."""
    kept, place = [], 0
    while begins := KEY_BEGINS.search(text, place):
        kept += [text[place : begins.start()], REMOVED]
        ends = KEY_ENDS.search(text, begins.end())
        place = ends.end() if ends else len(text)
    return "".join([*kept, text[place:]])


def _without_random(text: str) -> str:
    """Without long text of mixed letters and digits, and without what is as long as a hash."""

    def judged(found: re.Match) -> str:
        before = text[found.start() - 1 : found.start()]
        after = text[found.end() : found.end() + 1]
        run = found[0]
        if before.isalnum() or before == "_":
            return run
        mixed = run != run.lower() and run != run.upper() and any(map(str.isdigit, run))
        return REMOVED if mixed and not (after and after in "_-.") else run

    return RUN.sub(judged, HASH.sub(REMOVED, text))
