"""FASHN VTON: one file of one transformer."""

from __future__ import annotations

from pathlib import Path

WIDTH, HEAD, PATCH = 64, 32, 12


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    write_checkpoint(root)


def shapes(
    width: int = WIDTH, head: int = HEAD, mixer: int = 2, double: int = 2, single: int = 3
) -> dict[str, tuple[int, ...]]:
    """{published name: shape}."""

    def linear(name: str, inner: int, outer: int) -> dict:
        return {f"{name}.weight": (outer, inner), f"{name}.bias": (outer,)}

    def block(name: str) -> dict:
        return (
            linear(f"{name}.linear1", width, 7 * width)
            | linear(f"{name}.linear2", 5 * width, width)
            | {f"{name}.norm.{part}_norm.scale": (head,) for part in ("query", "key")}
            | linear(f"{name}.modulation.lin", width, 3 * width)
        )

    def stream(name: str) -> dict:
        return (
            linear(f"{name}_attn.qkv", width, 3 * width)
            | linear(f"{name}_attn.proj", width, width)
            | {f"{name}_attn.norm.{part}_norm.scale": (head,) for part in ("query", "key")}
            | linear(f"{name}_mlp.0", width, 4 * width)
            | linear(f"{name}_mlp.2", 4 * width, width)
            | linear(f"{name}_mod.lin", width, 6 * width)
        )

    found = {"patch_mixer_token": (1, 1, 3 * PATCH**2), "y_embedder.weight": (4, width)}
    found |= linear("t_embedder.mlp.in_layer", 256, width)
    found |= linear("t_embedder.mlp.out_layer", width, width)
    for name, channels in (("x_embedder", 7), ("garment_embedder", 4)):
        found[f"{name}.proj.weight"] = (width, channels, PATCH, PATCH)
        found[f"{name}.proj.bias"] = (width,)
    found |= linear("final_layer.adaLN_modulation.1", width, 2 * width)
    found |= linear("final_layer.linear", width, 3 * PATCH**2)
    for index in range(mixer):
        found |= block(f"x_patch_mixer.{index}")
    for index in range(double):
        found |= stream(f"double_blocks.{index}.txt") | stream(f"double_blocks.{index}.img")
    for index in range(single):
        found |= block(f"single_blocks.{index}")
    return found


def weights(seed: int = 0, **sizes: int) -> dict:
    """Random values that keep signals of a usable size, bfloat16 as published."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes(**sizes).items():
        values = torch.randn(shape, generator=generator)
        if name.endswith(".scale"):
            values = 1 + 0.1 * values
        else:
            values *= 0.1 if len(shape) == 1 else values[0].numel() ** -0.5
        state[name] = values.bfloat16()
    return state


def write_checkpoint(folder: Path, seed: int = 0, **sizes: int) -> dict:
    """`folder`/model.safetensors; returns its tensors."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = weights(seed, **sizes)
    save_file(state, folder / "model.safetensors")
    return state
