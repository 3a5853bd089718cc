"""The most memory that a run took: of a card as torch counts it, else of this process."""

from __future__ import annotations

from pathlib import Path

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What Linux is told to begin a peak anew (proc(5), clear_refs)."""


class PeakMemory:
    """what: of which memory `bytes` speaks; "" where this system does not tell."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            self.what = "memory of the card that torch allocated"
        else:
            self.what = "resident memory of the whole process" if STATUS.exists() else ""

    def begin(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        elif self.what:
            try:
                RESET.write_text(RESET_PEAK)
            except OSError:
                self.what = "resident memory of the whole process since it began"

    def bytes(self) -> int | None:
        """Since `begin`."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        if not self.what:
            return None
        lines = STATUS.read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
