"""FashionTex: runs the mapper and the generator of a case and reads the stages off them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import channel_stats, load_inputs, sample_every


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    with torch.no_grad():
        found = _found(case_dir / "checkpoint", case["settings"], load_inputs(case_dir))
        for name in case["stages"]:
            yield name, found.get(name)


def _found(root: Path, settings: dict, inputs: dict) -> dict[str, Any]:
    from fitting_room.pipelines.models.fashiontex.generator import pixel_norm
    from fitting_room.pipelines.models.fashiontex.load import load_generator, load_mapper
    from fitting_room.pipelines.models.fashiontex.mapper import COARSE, MEDIUM
    from fitting_room.pipelines.models.fashiontex.pictures import clip_input
    from fitting_room.pipelines.models.fashiontex.pipeline import Design, FashionTexPipeline

    mapper, (generator, _) = load_mapper(root), load_generator(root)
    # A case starts from a code and CLIP's features: what would make them is no part of it.
    pipeline = FashionTexPipeline(
        mapper,
        generator,
        None,
        torch.zeros(1),
        None,
        None,
        None,  # pyright: ignore
    )
    given = {name: torch.from_numpy(each) for name, each in inputs.items()}
    codes = given["w"]
    design = Design(
        (given["text_emb_up"], given["text_emb_low"]),
        (given["texture_emb_up"], given["texture_emb_low"]),
    )
    strength = settings["edit_strength"]
    watched = {
        "mapper_out": mapper, "mapper_medium_mapping": mapper.medium_mapping,
        "mapper_second_type_mapper": mapper.second_type_mapper,
        "mapper_fine_mapping": mapper.fine_mapping,
        "mapper_second_color_mapper": mapper.second_color_mapper,
        "g_conv1": generator.conv1, "g_convs5": generator.convs[5],
        "g_torgb3": generator.to_rgbs[3], "image": generator,
    }  # fmt: skip
    made: dict[str, list] = {}
    with ExitStack() as stack:
        for name, network in watched.items():
            keep = network.register_forward_hook(
                lambda _, args, out, name=name: made.setdefault(name, []).append(out)
            )
            stack.callback(keep.remove)
        pipeline(codes, design, strength)
    found: dict[str, Any] = {name: torch.cat(each) for name, each in made.items()}
    image = found.pop("image")
    means, spreads = np.asarray(channel_stats(image))
    codes_moved = pipeline.moved(codes, design, strength)
    found |= {
        "medium_pixelnorm": pixel_norm(codes[:, COARSE:MEDIUM]),
        "w_hat": codes_moved,
        "style_of_z": generator.style(given["z"]),
        "image_stride8": sample_every(image, 8),
        "image_crop": image[:, :, 480:560, 200:280],
        "image_mean_std": np.stack([means, spreads]),
        "image_unedited_stride8": sample_every(_as_recorded(generator, codes_moved, codes), 8),
    }
    for part in ("up", "low"):
        patch = (given[f"texture_{part}"] + 1) / 2
        found[f"clip_image_in_{part}_stride7"] = sample_every(clip_input(patch), 7)
    return found


def _as_recorded(generator: Any, edited: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """The picture of the unedited codes as the case holds it.

    It was drawn after the edited one, while the hooks that read the three stages below still gave
    back what they had read first, and torch puts what a hook gives in place of the output. So these
    maps are those of the edited picture, and all that lies between them is of the unedited codes.
    """
    kept: dict[Any, torch.Tensor] = {}
    with ExitStack() as stack:
        for network in (generator.conv1, generator.convs[5], generator.to_rgbs[3]):
            hook = network.register_forward_hook(lambda which, _, out: kept.setdefault(which, out))
            stack.callback(hook.remove)
        generator(edited)
        return generator(codes)
