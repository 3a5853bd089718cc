"""Hosted Try-On and Routed Try-On: a service makes the picture, or whoever the router chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io

from .requesting import (
    amount_of,
    budget_inputs,
    card_memory,
    carry_out,
    common_inputs,
    desk_for,
    model_names,
    options_of,
    pictures_inputs,
    requests_of,
    result_outputs,
)  # fmt: skip
from .sockets import CATEGORY

if TYPE_CHECKING:
    from ..services.router import Wishes


class HostedTryOn(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = model_names()
        return io.Schema(
            node_id="FittingRoomHostedTryOn",
            display_name="Hosted Try-On",
            category=CATEGORY,
            description=(
                "A hosted service makes the picture: FASHN, fal, Replicate, DashScope, Kling, or "
                "another machine's ComfyUI. The service's key is read from the environment, never "
                "from the workflow. A job is paid once: an interrupted one is resumed, and the "
                "same request again costs nothing."
            ),
            search_aliases=["api", "fashn", "fal", "replicate", "dashscope", "kling", "cloud"],
            inputs=[
                *pictures_inputs(),
                io.Combo.Input(
                    "model", options=names, default=names[0],
                    tooltip="Service and model. `fitting-room doctor` tells whose keys are set, "
                    "`fitting-room costs prices` what they cost.",
                ),
                *common_inputs(),
                io.String.Input(
                    "options", default="", multiline=True, optional=True, advanced=True,
                    tooltip="Options of the model, a NAME=VALUE a line, such as mode=quality.",
                ),
            ],
            outputs=result_outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, image: torch.Tensor, garment: torch.Tensor, model: str, category: str,
        allow_upload: bool, seed: int, limit_seconds: int = 300, project: str = "",
        mask: torch.Tensor | None = None, options: str = "",
    ) -> io.NodeOutput:  # fmt: skip
        from ..services.router import Wishes

        desk = desk_for([model], allow_upload, limit_seconds, project)
        wanted = options_of(options)
        rows = requests_of(image, garment, mask, category, seed, wanted)
        return carry_out(desk, rows, lambda: Wishes(tier=""))


class RoutedTryOn(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomRoutedTryOn",
            display_name="Routed Try-On",
            category=CATEGORY,
            description=(
                "Lets the router choose who makes the picture: models of this machine that are "
                "installed and fit, and services whose keys are set; by tier, price, time and "
                "licence. If one cannot, the next is asked; nobody is paid twice."
            ),
            search_aliases=["router", "budget", "cheapest", "fallback", "api"],
            inputs=[
                *pictures_inputs(),
                io.Combo.Input(
                    "tier", options=["preview", "standard", "best"], default="standard",
                    tooltip="preview: the embedded preview, free. standard: the cheapest that "
                    "reaches it. best: in the order listed. The lists are an order of "
                    "preference, not a measurement; change them in routes.toml.",
                ),
                io.Combo.Input(
                    "use", options=["private", "shop"], default="private",
                    tooltip="shop: only models whose licence lets a shop use them.",
                ),
                *common_inputs(),
                *budget_inputs(),
                io.Boolean.Input(
                    "fall_back_to_preview", default=True, optional=True,
                    tooltip="If nobody else can, the embedded preview makes it, and the plan "
                    "says so.",
                ),
            ],
            outputs=[
                *result_outputs(),
                io.String.Output(
                    "plan", tooltip="Whom the router would ask, in order, and why; and why not "
                    "the others.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, image: torch.Tensor, garment: torch.Tensor, tier: str, use: str, category: str,
        allow_upload: bool, seed: int, limit_seconds: int = 300, project: str = "",
        mask: torch.Tensor | None = None, budget: float = 0.0, month_budget: float = 0.0,
        currency: str = "USD", deadline: float = 0.0, fall_back_to_preview: bool = True,
    ) -> io.NodeOutput:  # fmt: skip
        from ..services.router import Wishes

        desk = desk_for([], allow_upload, limit_seconds, project, local=True)
        rows = requests_of(image, garment, mask, category, seed, {})

        def wishes() -> Wishes:
            return Wishes(
                tier=tier, use=use, budget=amount_of(budget), month_budget=amount_of(month_budget),
                currency=currency.strip().upper() or "USD", deadline=deadline or None,
                free_memory=card_memory(),
            )  # fmt: skip

        plan = "\n".join(desk.plan(rows[0], wishes()).lines())
        return carry_out(desk, rows, wishes, plan, fall_back_to_preview)
