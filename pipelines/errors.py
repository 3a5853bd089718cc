"""Errors that a user can act on: what was wanted, what came, and what to do."""

from __future__ import annotations


class InputError(ValueError):
    """A picture, mask or setting that cannot be used. The message is shown to the user as it is."""


class NobodyFound(InputError):
    """No person, or not the one that was asked for, in the photo."""


class NoGarmentFound(InputError):
    """No garment can be told from the background of its photo."""


class MissingFiles(InputError):
    """Model files are missing, incomplete or not the published ones; names them all at once."""
