"""Cost Report: what was made and spent in a month, as a picture."""

from __future__ import annotations

import json

from comfy_api.latest import io

from .convert import image_of
from .sockets import CATEGORY


class CostReport(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomCostReport",
            display_name="Cost Report",
            category=CATEGORY,
            description=(
                "The month from the ledger as a picture: pictures a day, what was spent a day and "
                "by model. Needs matplotlib (pip install matplotlib)."
            ),
            search_aliases=["costs", "spending", "budget", "ledger"],
            inputs=[
                io.String.Input(
                    "month", default="", tooltip="Such as 2026-11, in UTC; empty for this month."
                ),
                io.String.Input("project", default="", optional=True, tooltip="Only whose."),
                io.String.Input(
                    "currency", default="", optional=True,
                    tooltip="Convert all of it, by the rates of your prices.toml.",
                ),
            ],
            outputs=[
                io.Image.Output("chart", display_name="image", tooltip="The month's charts."),
                io.String.Output("table", tooltip="The month as a table of words and numbers."),
                io.String.Output("json", display_name="JSON", tooltip="The same as JSON."),
            ],
        )  # fmt: skip

    @classmethod
    def fingerprint_inputs(cls, **inputs: str) -> float:
        """The ledger changes by itself: never taken from the engine's cache."""
        return float("nan")

    @classmethod
    def execute(cls, month: str, project: str = "", currency: str = "") -> io.NodeOutput:
        from ..services.costs.charts import month_figure, pixels
        from ..services.costs.prices import read_prices
        from ..services.costs.report import month_report
        from ..services.database import now
        from ..services.ledger import open_ledger

        report = month_report(
            open_ledger(), month.strip() or now().strftime("%Y-%m"), read_prices(),
            project=project.strip(), currency=currency.strip().upper(),
        )  # fmt: skip
        facts = json.dumps(report.facts(), ensure_ascii=False)
        return io.NodeOutput(image_of([pixels(month_figure(report))]), report.table(), facts)
