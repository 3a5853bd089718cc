"""FASHN VTON v1.5: runs the pipeline on a case's checkpoint and reads stages off its networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import load_expected, load_inputs, sample_every
from .dwpose import pose_stages

CATEGORIES = {"tops": "upper", "bottoms": "lower", "one-pieces": "dress"}
COVERAGES = {"upper": "upper", "lower": "lower", "full": "dress"}


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    inputs = load_inputs(case_dir)
    with torch.no_grad():
        if case["variant"] == "human parser":
            yield from _parser(case_dir, case["settings"], inputs["image"])
        elif (case_dir / "checkpoint").is_dir():
            given = inputs if "model_input.ca_images" in inputs else load_expected(case_dir)
            prepared = dict(_prepared(case["settings"], inputs)) if "person" in inputs else {}
            yield from prepared.items()
            for name, each in _drawn(case_dir, case, inputs, given, prepared.get("pre.padding")):
                if name in case["stages"]:  # a case may record a part of what a run shows
                    yield name, each
        else:
            yield from _units(case, inputs)


# ------------------------------------------------------------------------------- whole pipeline


def _prepared(settings: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    """Everything before the network."""
    from fitting_room.pipelines.masking.dwpose.drawing import draw_grey
    from fitting_room.pipelines.masking.dwpose.whole_body import of_nobody
    from fitting_room.pipelines.masking.rules_fashn import worn_garment
    from fitting_room.pipelines.models.fashn_vton import pictures

    call = settings["call"]
    height, width = settings["model"]["input_shape"]
    category = CATEGORIES[call["category"]]
    seen = {}
    for name in ("person", "garment"):
        small = pictures.shrunk(inputs[name], width, height)
        yield f"pre.{name}_resized_u8", small
        nobody = name == "garment" and call["garment_photo_type"] == "flat-lay"
        body = of_nobody(*small.shape[1::-1]) if nobody else _body(inputs, name, small)
        stages = pose_stages(body)
        yield from ((f"pose.{name}.{stage}", each) for stage, each in stages if each is not None)
        drawn = draw_grey(body, *small.shape[1::-1])
        yield f"pose.{name}.drawn_u8", drawn
        seen[name] = small, pictures.fitted(drawn, width, height, nearest=True)[0]
    (person, person_pose), (garment, garment_pose) = seen["person"], seen["garment"]
    if not call["segmentation_free"]:
        steps = _mask_stages(inputs["person_labels"], category)
        del steps["garment_kept"]  # of the garment's photo, not of the person's
        yield from ((f"mask.{stage}", mask) for stage, mask in steps.items())
        person = pictures.hidden(person, steps["final"] > 0)
    if call["garment_photo_type"] == "model":
        garment = pictures.hidden(garment, ~worn_garment(inputs["garment_labels"], category))
    yield "pre.ca_image_u8", person
    yield "pre.garment_masked_u8", garment
    person, bars = pictures.fitted(person, width, height)
    garment, _ = pictures.fitted(garment, width, height)
    yield "pre.ca_padded_u8", person
    yield "pre.padding", np.array([bars.left, bars.top, bars.right, bars.bottom])
    yield "pre.garment_padded_u8", garment
    yield "pre.person_pose_padded_u8", person_pose
    yield "pre.garment_pose_padded_u8", garment_pose
    for name, shown, pose in (
        ("ca_image", person, person_pose), ("garment_image", garment, garment_pose),
    ):  # fmt: skip
        whole = pictures.network_input(shown, pose)
        yield f"model_input.{name}s", whole[:, :3]
        poses = {"ca_image": "person_poses", "garment_image": "garment_poses"}[name]
        yield f"model_input.{poses}", whole[:, 3:]
    yield "model_input.garment_categories", np.array([pictures.CATEGORIES[category]])


def _body(inputs: dict, name: str, picture: np.ndarray) -> Any:
    from fitting_room.pipelines.masking.dwpose.whole_body import WholeBody, chosen

    people = [
        WholeBody(points, scores, *picture.shape[1::-1])
        for points, scores in zip(
            inputs[f"{name}_keypoints"], inputs[f"{name}_scores"], strict=True
        )
    ]
    return people[chosen(people)]


class Watch:
    """What the parts of the networks are given and give, call by call."""

    PARTS = ("x_embedder", "garment_embedder", "x_patch_mixer.0", "x_patch_mixer.last",
             "double_blocks.0", "double_blocks.last", "single_blocks.0", "final_layer")  # fmt: skip

    def __init__(self) -> None:
        self.outputs: dict[str, list] = {}
        self.last: list = []  # of the last single block, whole
        self.steps: list = []

    def progress(self, done, total, step) -> None:
        self.steps.append(step)

    @contextmanager
    def attached(self, pipeline):
        network, hooks = pipeline.transformer, []
        for name in self.PARTS:
            part, _, number = name.partition(".")
            module = getattr(network, part)
            module = module[{"0": 0, "last": -1}[number]] if number else module
            hooks.append(module.register_forward_hook(self._keep(name)))
        hooks.append(network.register_forward_hook(self._keep("velocity")))
        hooks.append(pipeline.modulation.t_embedder.register_forward_hook(self._keep("time")))
        hooks.append(pipeline.modulation.y_embedder.register_forward_hook(self._keep("category")))
        last = network.single_blocks[-1]
        hooks.append(last.register_forward_pre_hook(self._whole, with_kwargs=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _keep(self, name):
        return lambda module, given, result: self.outputs.setdefault(name, []).append(result)

    def _whole(self, block, given, options):
        """The last block leaves the garment's tokens out; the cases recorded them."""
        if options["dropped"]:
            self.last.append(block.forward(*given, dropped=0))


def _drawn(
    case_dir: Path, case: dict, inputs: dict, given: dict, padding: np.ndarray | None
) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.diffusion.noise import RecordedNoise
    from fitting_room.pipelines.models.fashn_vton import pictures
    from fitting_room.pipelines.models.fashn_vton.load import load
    from fitting_room.pipelines.models.fashn_vton.pipeline import (
        GarmentEncoding,
        PersonEncoding,
        schedule,
    )

    call = case["settings"]["call"]
    given = {n: torch.from_numpy(each) for n, each in given.items() if n.startswith("model_in")}
    person = PersonEncoding(
        torch.cat([given["model_input.ca_images"], given["model_input.person_poses"]], dim=1)
    )
    garment = GarmentEncoding(
        torch.cat([given["model_input.garment_images"], given["model_input.garment_poses"]], dim=1),
        given["model_input.garment_categories"],
    )
    pipeline = load(case_dir / "checkpoint")
    noise = torch.from_numpy(inputs["noise.0"])
    count, steps = call["num_samples"], call["num_timesteps"]
    watch = Watch()
    with watch.attached(pipeline):
        made = pipeline(
            person, garment,
            steps=steps,
            guidance=call["guidance_scale"],
            skip_guidance=call["skip_cfg_last_n_steps"],
            pairs=[(0, 0)] * count,
            noise=RecordedNoise([noise]),
            progress=watch.progress,
        )  # fmt: skip
    times = schedule(steps)
    yield "timesteps", np.array(times, dtype=np.float32)
    states = [noise, *(step.latents for step in watch.steps)]
    for number, state in enumerate(states[1:], 1):
        yield f"state.{number}", state
    final = made * 2 - 1
    yield "final", final
    bars = pictures.Bars(*([0] * 4 if padding is None else map(int, padding)))
    yield "image_u8", np.stack([bars.cropped(each) for each in pictures.published_bytes(made)])
    for when, index in (("first", 0), ("last", steps - 1)):
        found = _one_step(pipeline, person, garment, states[index], times[index], count)
        found["v_guided"] = watch.steps[index].prediction
        for name, each in found.items():
            yield f"{name}.{when}", each


def _one_step(pipeline, person, garment, state, time, count) -> dict[str, torch.Tensor]:
    """Everything inside one step, conditional rows first: also what a run leaves out of it."""
    from fitting_room.pipelines.models.fashn_vton.modulation import TIME_SCALE

    watch = Watch()
    height, width = state.shape[-2:]
    by = pipeline.rotation_of(height, width)
    categories = garment.categories.new_tensor([int(garment.categories[0]), 0])
    with watch.attached(pipeline):
        about = pipeline.modulation(torch.full((2,), time) * TIME_SCALE, categories)
        nothing = torch.zeros_like(person.pictures)
        for row, given in enumerate([(person.pictures, garment.pictures), (nothing, nothing)]):
            for sample in range(count):
                noisy = state[sample : sample + 1]
                pipeline.transformer(noisy, *given, about.row(row), by)

    def rows(name, part=None):
        calls = watch.outputs[name]
        return torch.cat([each if part is None else each[part] for each in calls])

    def both(name):
        return watch.outputs[name][0].repeat_interleave(count, dim=0)

    velocity = rows("velocity")
    return {
        "patch_embed.person": rows("x_embedder"),
        "patch_embed.garment": rows("garment_embedder"),
        "time_embed": both("time"),
        "category_embed": both("category"),
        "vec": both("time") + both("category"),
        "mixer.0": rows("x_patch_mixer.0"),
        "mixer.out": rows("x_patch_mixer.last"),
        "double.0.garment": rows("double_blocks.0", 0),
        "double.0.person": rows("double_blocks.0", 1),
        "double.out.garment": rows("double_blocks.last", 0),
        "double.out.person": rows("double_blocks.last", 1),
        "single.0": rows("single_blocks.0"),
        "single.out": torch.cat(watch.last),
        "v_cond": velocity[:count],
        "v_uncond": velocity[count:],
    }


# ----------------------------------------------------------------------------------------- units


def _units(case: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    settings = case["settings"]
    for name in case["stages"]:
        group = name.split(".")[0]
        if group in ("schedule", "time", "time_embedding"):
            yield name, _time(name)
    yield from _letterboxes(settings, inputs)
    yield from _poses(settings, inputs)
    yield from _rotations(case, settings, inputs)
    yield from _quantised(inputs)
    for name, labels in inputs.items():
        if name.startswith("labels."):
            for coverage, category in COVERAGES.items():
                for stage, mask in _mask_stages(labels, category).items():
                    stage = f"mask.{name.removeprefix('labels.')}.{coverage}.{stage}"
                    if stage in case["stages"]:
                        yield stage, mask


def _time(name: str) -> Any:
    from fitting_room.pipelines.models.fashn_vton.modulation import time_embedding
    from fitting_room.pipelines.models.fashn_vton.pipeline import scaled_times, schedule

    steps = int(name.split(".")[-1])
    times = schedule(steps)
    if name.startswith("schedule."):
        return np.array(times)
    rounded = ".bfloat16." in name
    if name.startswith("time."):
        return torch.tensor(times).bfloat16().float()
    embedding = time_embedding(scaled_times(times, rounded))
    return embedding.bfloat16().float() if rounded else embedding


def _letterboxes(settings: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.models.fashn_vton import pictures

    for name in [n for n in inputs if n.startswith("letterbox.")]:
        which = name.split(".")[1]
        published = which == "published_size"
        height, width = settings["full_input_shape" if published else "input_shape"]
        small = pictures.shrunk(inputs[name], width, height)
        whole, bars = pictures.fitted(small, width, height)
        for stage, each in (("resized_u8", small), ("padded_u8", whole)):
            ending = f"{stage}.every4" if published else stage
            yield (
                f"letterbox.{which}.{ending}",
                (sample_every(each, 4, axes=(0, 1)) if published else each),
            )
        sides = [bars.left, bars.top, bars.right, bars.bottom]
        yield f"letterbox.{which}.padding", np.array(sides)
        yield f"letterbox.{which}.result_size", np.array(bars.cropped(whole).shape[1::-1])


def _poses(settings: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.dwpose.drawing import draw_grey
    from fitting_room.pipelines.masking.dwpose.whole_body import WholeBody
    from fitting_room.pipelines.models.fashn_vton import pictures

    for name in [n for n in inputs if n.startswith("pose.") and n.endswith(".keypoints")]:
        before = name.removesuffix(".keypoints")
        height, width = (int(side) for side in inputs[f"{before}.size"])
        points, scores = inputs[name][0], inputs[f"{before}.scores"][0]
        person = WholeBody(points, scores, width, height)
        yield from ((f"{before}.{stage}", each) for stage, each in pose_stages(person))
        drawn = draw_grey(person, width, height)
        yield f"{before}.drawn", drawn
        body = WholeBody(points[:18], scores[:18], width, height)
        yield f"{before}.drawn_body_only", draw_grey(body, width, height)
        rows, columns = settings["input_shape"]
        yield f"{before}.padded", pictures.fitted(drawn, columns, rows, nearest=True)[0]


def _rotations(case: dict, settings: dict, inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.models.fashn_vton.network import rotated, rotation

    if "rope.q" not in inputs:
        return
    query = torch.from_numpy(inputs["rope.q"])
    still, *_ = settings["axes_dim"]
    rows, columns = _grid(case["stages"]["rope"]["what"])
    by = rotation(rows, columns, query.shape[-1])
    angles = torch.stack([by.cosine, -by.sine, by.sine, by.cosine], dim=-1).unflatten(-1, (2, 2))
    unturned = torch.eye(2).expand(len(angles), still // 2, 2, 2)
    yield "rope", torch.cat([unturned, angles], dim=1)[None, None]
    yield "rope.q_rotated", rotated(query, by)


def _grid(words: str) -> tuple[int, int]:
    """Rows and columns, which only the description of the stage tells."""
    import re

    found = re.search(r"grid of \((\d+), (\d+)\)", words)
    assert found
    return int(found[1]), int(found[2])


def _quantised(inputs: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.models.fashn_vton.pictures import published_bytes

    if "quantise.x" in inputs:
        picture = torch.from_numpy(inputs["quantise.x"])[None]
        yield "quantise.u8", published_bytes((picture + 1) / 2)[0]


def _mask_stages(labels: np.ndarray, category: str) -> dict[str, np.ndarray]:
    from fitting_room.pipelines.masking.rules_fashn import fashn_steps, worn_garment

    steps = vars(fashn_steps(labels, category))
    steps = {**steps, "garment_kept": worn_garment(labels, category)}
    return {stage: mask * np.uint8(255) for stage, mask in steps.items()}


def _parser(case_dir: Path, settings: dict, picture: np.ndarray) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.clothes import fashn_input, load_clothes_parser

    parser = load_clothes_parser(case_dir / "checkpoint")
    pixels = fashn_input([picture])
    yield "pixel_values.every4", sample_every(pixels, 4)
    yield "logits", parser.network(pixel_values=pixels).logits
    yield "logits_resized.every4", sample_every(parser.scores(picture, *picture.shape[:2]), 4)
    yield "labels", parser.fashn_labels(picture)
