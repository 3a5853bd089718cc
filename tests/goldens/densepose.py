"""DensePose: features, proposals, people, charts, and what the try-on models are given of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .common import load_expected, load_inputs, sample_every, stats

# Which stages hold charts of one person resampled to their box.
LABEL_STAGES, PLACE_STAGES = "labels.", "uv."


def run(case_dir: Path, case: dict) -> Iterator[tuple[str, Any]]:
    from fitting_room.pipelines.masking.densepose import (
        find_people,
        load_densepose,
        network_input,
        resampled,
        whole_box,
    )

    settings = case["settings"]
    picture = load_inputs(case_dir)["image"]
    thresholds = settings["box"]["score_threshold"]
    network = load_densepose(case_dir / settings["checkpoint"])

    pixels, height, width = network_input(picture)
    yield "net_input_every8", sample_every(pixels[0], 8)
    found = find_people(network, picture, thresholds["leffa"])
    for level, features in enumerate(found.features, start=2):
        yield f"p{level}_channel0_every2", sample_every(features[0, 0], 2)
    yield "feature_mean_std", stats(found.features)
    with torch.inference_mode():
        proposals, scores = network.proposals(found.features, height, width)
        yield "proposal_boxes_top50", proposals[:50]
        yield "proposal_logits_top50", scores[:50]
        heads = network.roi_heads
        inner = {}
        heads.decoder.register_forward_hook(lambda *a: inner.update(decoder=a[2]))
        heads.densepose_head.register_forward_hook(lambda *a: inner.update(head=a[2]))
        # The head by itself on the recorded boxes: a crop enlarges what their last bits differ by.
        boxes = torch.from_numpy(load_expected(case_dir)["boxes_xyxy"])
        rows, columns = picture.shape[:2]
        scale = boxes.new_tensor([width / columns, height / rows] * 2)
        network.charts(found.features, boxes * scale)
        head = inner["head"]
        charts = network.charts(found.features, found.input_boxes)
    yield "boxes_xyxy", found.boxes
    yield "scores", found.scores
    yield "decoder_channel0_every2", sample_every(inner["decoder"][0, 0], 2)
    yield "densepose_head_first", sample_every(head[0], 2)
    yield "coarse_segm_first", charts.coarse[0]
    yield "fine_segm_first_every2", sample_every(charts.fine[0], 2)
    yield "u_first_every4", sample_every(charts.u[0], 4)
    yield "v_first_every4", sample_every(charts.v[0], 4)
    for index, box in enumerate(found.boxes):
        labels, places = resampled(charts, index, *whole_box(box)[2:])
        if f"{LABEL_STAGES}{index}" in case["stages"]:
            yield f"{LABEL_STAGES}{index}", labels
        if f"{PLACE_STAGES}{index}.every2" in case["stages"]:
            yield f"{PLACE_STAGES}{index}.every2", sample_every(places, 2)

    yield from _renderings(network, picture, thresholds)


def _renderings(
    network: Any, picture: np.ndarray, thresholds: dict
) -> Iterator[tuple[str, np.ndarray]]:
    """What each user is given: the best person's, or that of the last one they go through."""
    from fitting_room.pipelines.errors import NobodyFound
    from fitting_room.pipelines.masking.densepose import (
        DensePose,
        coloured,
        place_picture,
        read_densepose,
    )

    def seen_by(user: str, person: str) -> DensePose:
        try:
            threshold = thresholds[user]
            return read_densepose(
                network, picture, threshold=threshold, person=person, with_places=True
            )
        except NobodyFound:  # the recorded programs give a black picture then
            nothing = np.zeros(picture.shape[:2], dtype=np.uint8)
            return DensePose(nothing, np.zeros((2, *nothing.shape)), (0, 0, 1, 1), 0.0, 0)

    yield "leffa_predict_iuv", place_picture(seen_by("leffa", "best"))[:, :, ::-1]
    yield "leffa_predict_seg", coloured(seen_by("leffa", "last"))[:, :, ::-1]
    yield "idm_dp_segm", coloured(seen_by("idm", "last"))[:, :, ::-1]
    yield "catvton_i", seen_by("catvton", "best").labels
