"""How a weight was sized, for `desk explain`: as JSON-ready values and as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from portfolio.sizing import Sized


def sizing_view(sized: Iterable[Sized]) -> list[dict[str, Any]]:
    """Every symbol's weight before and after, and each stage between; weights as decimal text."""
    return [
        {
            "symbol": each.symbol,
            "blended": f"{each.blended:f}",
            "weight": f"{each.weight:f}",
            "stages": [
                {
                    "stage": step.stage,
                    "before": f"{step.before:f}",
                    "after": f"{step.after:f}",
                    "why": step.why,
                    "figures": dict(step.figures),
                }
                for step in each.stages
            ],
        }
        for each in sized
    ]


def sizing_lines(views: Iterable[dict[str, Any]]) -> list[str]:
    """The same as text: one line a stage."""
    return [
        f"{view['symbol']} {step['stage']}: {step['before']} -> {step['after']} ({step['why']})"
        for view in views
        for step in view["stages"]
    ]
