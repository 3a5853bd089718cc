"""Errors that a user can act on: what was wanted, what came, and what to do."""

from __future__ import annotations

import re

UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line break, switches of the writing direction, and halves of
surrogate pairs: no encoding has the last, and a terminal obeys the first."""

LONGEST_MESSAGE = 20_000
"""Characters. A message quotes what came, and what came may be megabytes long."""


def readable(text: str) -> str:
    """The text as every log, terminal and client can take it.

    Characters that cannot be encoded or that a terminal would obey are written as escapes such as
    \\x1b or \\ud800; of a text over LONGEST_MESSAGE the beginning is left, and how long it was.
    """
    if len(text) > LONGEST_MESSAGE:
        text = f"{text[:LONGEST_MESSAGE]} … ({len(text):,} characters in all)"
    return UNREADABLE.sub(lambda found: ascii(found[0])[1:-1], text)


class InputError(ValueError):
    """A picture, mask or setting that cannot be used. The message is shown to the user as it is.

    It quotes what came, names of files above all, so it is made `readable` here: an engine that
    cannot write a message into its log is an engine that stops.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(readable(str(message)))


class NobodyFound(InputError):
    """No person, or not the one that was asked for, in the photo."""


class NoGarmentFound(InputError):
    """No garment can be told from the background of its photo."""


class MissingFiles(InputError):
    """Model files are missing, incomplete or not the published ones; names them all at once."""
