"""The month and the plan as pictures (matplotlib, an extra of this package)."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

from ...pipelines.errors import MissingFiles
from .report import days_of, plain

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from .planner import CostPlan
    from .report import MonthReport

COLOURS = ("#3b6ea5", "#c96f3b", "#5a9367", "#8a5a94", "#b0a040", "#777777")
MOST_BARS = 14


def month_figure(report: MonthReport) -> Figure:
    """Pictures a day, and what was spent a day and by model, each currency by itself."""
    figure = _figure(10, 6.5)
    from matplotlib.ticker import MaxNLocator

    axes = figure.subplot_mosaic([["made", "spent"], ["models", "models"]])
    first, last = days_of(report.month)
    days = [f"{report.month}-{number:02}" for number in range(1, last.day + 1)]
    made, spent, models = axes["made"], axes["spent"], axes["models"]
    made.bar(range(1, len(days) + 1), [report.made.get(day, 0) for day in days], color=COLOURS[2])
    made.set_title(f"Pictures a day, {first:%B %Y}")
    made.yaxis.set_major_locator(MaxNLocator(integer=True))
    width = 0.9 / max(len(report.totals), 1)
    for place, currency in enumerate(sorted(report.totals)):
        spent.bar(
            [number + place * width for number in range(1, len(days) + 1)],
            [float(report.days.get((day, currency), 0)) for day in days],
            width, color=COLOURS[place % len(COLOURS)], label=currency,
        )  # fmt: skip
    spent.set_title("Spent a day, each currency by itself")
    if report.totals:
        spent.legend()
    paid = [line for line in report.lines if line.cost][:MOST_BARS][::-1]
    names = [f"{line.model} ({line.currency})" for line in paid]
    bars = models.barh(names, [float(line.cost) for line in paid], color=COLOURS[0])
    models.bar_label(bars, [plain(line.cost) for line in paid], padding=3)
    models.set_title("Spent by model" if paid else "Nothing was spent")
    models.set_ylim(-0.6, max(len(paid), 4) - 0.4)
    models.margins(x=0.15)
    return figure


def plan_figure(plan: CostPlan) -> Figure:
    """Every option's cost a month, in the plan's currency; those that cannot be used are pale."""
    figure = _figure(10, 5)
    axes = figure.add_subplot()
    shown = [option for option in plan.options if option.compared is not None][:MOST_BARS][::-1]
    names = [f"{option.name}, {option.kind}" for option in shown]
    costs = [float(option.compared or 0) for option in shown]
    bars = axes.barh(
        names, costs, color=[COLOURS[0] if option.usable else "#cccccc" for option in shown]
    )
    axes.bar_label(bars, [f"{cost:,.0f}" for cost in costs], padding=3)
    if costs and min(costs) > 0 and max(costs) > 100 * min(costs):
        axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_title(
        f"{plan.pictures:,} pictures a month at {plan.seconds} s: {plan.currency} a month "
        "(pale: no API, or no try-on)"
    )
    return figure


def png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def pixels(figure: Figure) -> np.ndarray:
    """uint8 (height, width, 3)."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(png(figure))) as image:
        return np.asarray(image.convert("RGB"))


def month_page(report: MonthReport) -> str:
    """A web page of its own, with nothing fetched from anywhere."""
    facts = report.facts()
    columns = list(facts["lines"][0]) if facts["lines"] else []
    return _page(
        f"Costs of {report.month}", png(month_figure(report)), report.table().split("\n\n")[-1],
        columns, [[line[name] for name in columns] for line in facts["lines"]],
    )  # fmt: skip


def plan_page(plan: CostPlan) -> str:
    """As `month_page`."""
    facts = plan.facts()
    columns = list(facts["options"][0])
    words = "\n".join(word for word in (plan.recommendation, plan.impossible) if word)
    return _page(
        f"{plan.pictures:,} pictures a month", png(plan_figure(plan)), words, columns,
        [[option[name] for name in columns] for option in facts["options"]],
    )  # fmt: skip


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingFiles(
            "Charts need matplotlib: pip install matplotlib. The table needs nothing."
        ) from error
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _page(title: str, chart: bytes, words: str, columns: list[str], rows: list[list[Any]]) -> str:
    def cells(values: list[Any], tag: str) -> str:
        shown = ("" if value is None else html.escape(str(value)) for value in values)
        return "<tr>" + "".join(f"<{tag}>{value}</{tag}>" for value in shown) + "</tr>"

    table = cells(columns, "th") + "".join(cells(row, "td") for row in rows)
    paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in words.splitlines())
    picture = base64.b64encode(chart).decode()
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>body{{font:15px sans-serif;margin:2em}}"
        "td,th{padding:.2em .7em;text-align:left;border-bottom:1px solid #ddd}</style>"
        f"<h1>{html.escape(title)}</h1>{paragraphs}"
        f'<img alt="{html.escape(title)}" src="data:image/png;base64,{picture}">'
        f"<table>{table}</table></html>\n"
    )
