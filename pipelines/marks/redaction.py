"""Takes keys and passwords out of a workflow before it is written into a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

REMOVED = "[removed]"

SECRET_NAMES = re.compile(
    r"(api|access|secret|private|auth|license)[_\- ]?key|token(?!s|iz)|secret|passw|passphrase|"
    r"credential|authorization|bearer|cookie|^key$",
    re.IGNORECASE,
)
"""Names of inputs and fields whose text never leaves. Numbers stay: "max_tokens" is no secret."""

NODE_TYPES = ("class_type", "type")
"""Names whose text is a class of nodes: long and mixed, and a workflow is nothing without it."""

SECRET_SHAPES = re.compile(
    r"""
      -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----[\s\S]*?(-----END[^-]*-----|$)
    | \b(sk|pk|rk)[-_][A-Za-z0-9_\-]{12,}                   # OpenAI, Anthropic, Stripe
    | \b(hf|r8|fal|glpat|nvapi|xai|gsk|tgp_v1)[-_][A-Za-z0-9_\-]{12,}
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bA(KIA|SIA)[A-Z0-9]{16}\b                             # AWS
    | \bAIza[A-Za-z0-9_\-]{30,}                              # Google
    | \bLTAI[A-Za-z0-9]{12,}                                 # Alibaba Cloud
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(\.[A-Za-z0-9_\-]+)?   # JSON web token
    | \b(Bearer|Basic)[ ][A-Za-z0-9+/_\-.=]{12,}
    | \bcomfyui-[A-Za-z0-9]{24,}
    | (?<=://)[^/\s:@]+:[^/\s:@]+(?=@)                       # user:password in an address
    | (?<=[?&])(key|token|sig|signature|api_key|access_token|X-Amz-[A-Za-z\-]+)=[^&\s"']+
    | \b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:[0-9a-fA-F]{16,}     # fal
    | \b(?=[A-Za-z0-9+/_\-]*[a-z])(?=[A-Za-z0-9+/_\-]*[A-Z])(?=[A-Za-z0-9+/_\-]*[0-9])
      [A-Za-z0-9+/]{32,}={0,2}(?![A-Za-z0-9+/_\-.])          # long and mixed: no word, no name
    | \b[0-9a-f]{32,}\b | \b[0-9A-F]{32,}\b                  # as long as a hash or more
    """,
    re.VERBOSE,
)


def without_secrets(value: Any) -> Any:
    """A copy of a JSON value with everything that looks like a key replaced by "[removed]".

    By name: text under a name such as api_key, token or password. By shape: known prefixes, web
    tokens, private keys, long random text. Better one harmless hash too many than one key.
    """
    if isinstance(value, dict):
        return {name: _clean(str(name), inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return SECRET_SHAPES.sub(REMOVED, value)
    return value


def _clean(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return without_secrets(value)
    if name in NODE_TYPES or not value:
        return value
    return REMOVED if SECRET_NAMES.search(name) else without_secrets(value)


def places_of_secrets(value: Any, place: str = "") -> Iterator[str]:
    """Where in a JSON value something looks like a key: "prompt.7.inputs.api_key"."""
    if isinstance(value, dict):
        for name, inner in value.items():
            below = f"{place}.{name}" if place else str(name)
            if isinstance(inner, str):
                if _clean(str(name), inner) != inner:
                    yield below
            else:
                yield from places_of_secrets(inner, below)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from places_of_secrets(inner, f"{place}[{number}]")
    elif isinstance(value, str) and without_secrets(value) != value:
        yield place
