"""Reference tokens that belong to nobody, kept in main memory for as long as a pipeline lives."""

from __future__ import annotations

from collections import OrderedDict

from ..errors import InputError
from .reference import Tokens

MOST_BYTES = 4e9
"""Leffa at 768x1024 in 16 bits takes 69 MB a step: 30 steps are 2.1 GB."""

Size = tuple[int, ...]


class TokenStore:
    """Tokens by the picture's size and the timestep, on the CPU. Where they take too much, those of
    the size that was used least lately go; what does not fit beside its own size is not kept."""

    def __init__(self, most_bytes: float = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[Size, dict[float, Tokens]] = OrderedDict()

    @property
    def nbytes(self) -> int:
        return sum(
            each.nbytes
            for of_size in self._kept.values()
            for tokens in of_size.values()
            for each in tokens.values()
        )

    def get(self, size: Size, timestep: float) -> Tokens | None:
        """None where they are not kept."""
        of_size = self._kept.get(size)
        if of_size is None:
            return None
        self._kept.move_to_end(size)
        return of_size.get(timestep)

    def put(self, size: Size, timestep: float, tokens: Tokens) -> None:
        needed = sum(each.nbytes for each in tokens.values())
        while self.nbytes + needed > self.most_bytes and any(each != size for each in self._kept):
            del self._kept[next(each for each in self._kept if each != size)]
        if self.nbytes + needed > self.most_bytes:
            return
        self._kept.setdefault(size, {})[timestep] = {n: each.cpu() for n, each in tokens.items()}
        self._kept.move_to_end(size)


def check_room(tokens: Tokens, steps: int, most_bytes: float) -> None:
    """Raises InputError where tokens of so many steps, each like these, would take too much."""
    needed = steps * sum(each.nbytes for each in tokens.values())
    if needed > most_bytes:
        raise InputError(
            f"Keeping these garments for {steps} steps takes {needed / 1e9:.1f} GB of memory, "
            f"{most_bytes / 1e9:.1f} GB are allowed. Keep fewer garments at a time, use fewer "
            "steps, or do without."
        )
