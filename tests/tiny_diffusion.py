"""What the tests of several models look at."""

import json
from pathlib import Path

import torch

GOLDEN = Path(__file__).resolve().parent / "golden"
PUBLISHED = json.loads((GOLDEN.parent.parent / "benchmarks" / "published_sizes.json").read_text())


def published_keys(model):
    """{component: {parameter name: shape}} of the published size."""
    return json.loads((GOLDEN / model / "full_size_keys.json").read_text(encoding="utf-8"))


def present_names(shapes):
    """Those of a VAE file with the attention names of old times as a VAE has them today."""
    from fitting_room.pipelines.files.weights import present_name

    return {present_name(name): shape for name, shape in shapes.items()}


def shapes_of(network):
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items()}


def random_pictures(count, height, width, seed=0):
    """(count, 3, height, width) in 0..1."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


class Calls:
    """Batch sizes with which networks run."""

    def __init__(self, **networks):
        self.rows = {name: [] for name in networks}
        self.hooks = [
            network.register_forward_pre_hook(
                lambda _, args, name=name: self.rows[name].append(len(args[0]))
            )
            for name, network in networks.items()
        ]

    def __enter__(self):
        return self.rows

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


class Stop(Exception):
    """What a user's interrupt is in these tests."""
