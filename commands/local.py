"""What of this machine the router may choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..services.desk import Local


def local_backends() -> list[Local]:
    """The embedded preview."""
    from ..services.desk import preview_local

    return [preview_local()]
