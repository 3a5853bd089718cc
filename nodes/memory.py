"""Networks that are kept between runs go when the user asks ComfyUI for the memory (/free).

ComfyUI then moves what it manages off the card, but whoever keeps a module keeps its main memory.
A callback of its patcher would not do: one that was evicted in mid-workflow is not told again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from execution import PromptExecutor

_keepers: list[Callable[[], None]] = []


def goes_when_asked(forget: Callable[[], None]) -> None:
    """Registers what lets go of kept networks; it is called while no workflow runs."""
    _keepers.append(forget)


def watch_requests() -> None:
    """Lets this package see requests for memory. To be called once, before the server starts.

    The networks go with ComfyUI's results, on the thread that runs workflows and just after it has
    gone through its list of models: that list shrinks where a network goes, and another thread that
    took one out under way would end ComfyUI's own, and with it every workflow to come.
    """
    clear = PromptExecutor.reset

    @wraps(clear)
    def reset(executor: PromptExecutor) -> None:
        clear(executor)
        for forget in _keepers:
            forget()

    PromptExecutor.reset = reset
