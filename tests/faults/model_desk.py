"""A whole desk whose roles ask a loopback endpoint, and an endpoint that answers for each of them."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from pydantic import SecretStr

from app.bootstrap import Desk, build_desk
from app.settings import ModelKey, Settings
from graph.context import CycleContext
from graph.engine import CycleRunner
from graph.inline import run_inline
from llm.loopback import Request
from memory.journal import MemoryJournal
from memory.records import MemoryRecords

KEY = "sk-loopback-4711"
STANCE = 0.7
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def model_desk(base_url: str, *, deadline: float = 5.0, seed: int = 5) -> Desk:
    """A desk on the simulated market, in memory, with a model for every role."""
    settings = Settings.model_validate(
        {
            "market": {"seed": seed, "speed": "max"},
            "models": {"base_url": base_url, "deadline_seconds": deadline},
        }
    )

    def inline(context: CycleContext) -> CycleRunner:
        return partial(run_inline, context)

    return build_desk(
        settings,
        session="models",
        journal=MemoryJournal(),
        records=MemoryRecords(),
        cycles=inline,
        key=ModelKey(preset="openai", secret=SecretStr(KEY)),
    )


def answer(request: Request) -> str:
    """What a sensible model would say: told apart by the schema asked for, citing what it was shown."""
    match request["response_format"]["json_schema"]["name"]:
        case "ViewsAnswer":
            shown = str(request["messages"])
            return json.dumps({"summary": "looks well", "views": [_view(name, shown) for name in SYMBOLS]})
        case "RiskAnswer":
            return json.dumps({"summary": "bearable", "adjustments": []})
        case "TacticsAnswer":
            choices = [{"symbol": name, "tactic": "market", "reason": "liquid"} for name in SYMBOLS]
            return json.dumps({"summary": "at once", "choices": choices})
        case other:
            raise ValueError(f"nobody expected a question for {other}")


def _view(symbol: str, shown: str) -> dict[str, Any]:
    """A view that rests on the first number of the first evidence shown for the symbol."""
    seen = re.search(rf"(ev-[0-9a-f]+) \w+ {symbol} (\{{.*?\}})", shown)
    claims = []
    if seen is not None:
        name, value = re.findall(r'"([^"]+)":(-?[0-9.]+)[,}]', seen[2])[0]
        claims = [{"evidence_id": seen[1], "name": name, "value": float(value)}]
    return {
        "symbol": symbol,
        "stance": STANCE,
        "confidence": 0.9,
        "horizon_hours": 24.0,
        "invalidation": None,
        "claims": claims,
        "rationale": "the trend holds",
    }
