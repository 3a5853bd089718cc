"""Networks that read photos, outside ComfyUI: loaded once a file, on the device of the model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...pipelines.masking.installed import InstalledNetworks

if TYPE_CHECKING:
    import torch

AT_ONCE = 4
"""Networks that stay loaded."""


@cache
def networks_beside() -> InstalledNetworks:
    """Those of the models folders on the CPU, for what needs no model of its own."""
    return networks_on("cpu", ())


def networks_on(device: torch.device | str, folders: Sequence[Path]) -> InstalledNetworks:
    kept: OrderedDict[tuple, Any] = OrderedDict()

    def ready(load: Any, *paths: Path) -> Any:
        import torch

        changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
        key = (load, paths, changed)
        if key not in kept:
            network = load(*paths)
            whole = isinstance(network, torch.nn.Module)
            modules = [network] if whole else list(vars(network).values())
            for module in modules:
                if isinstance(module, torch.nn.Module):
                    module.to(device)
            kept[key] = network
            while len(kept) > AT_ONCE:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]

    from ...pipelines.masking.body import embedded_body_model

    return InstalledNetworks(lambda: tuple(folders), ready, embedded_body_model)
