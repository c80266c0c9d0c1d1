"""The table of docs/risk.md, made from the code: `python -m tests.risk_table` writes it anew.

One row for every rule of the gate. Default and unit are those of its limits, the source that of its facts,
the message what the gate says in the case of that name in `tests/unit/risk/gate_cases.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from risk.case import Case
from risk.limit_kinds import text_of
from risk.limit_table import LIMITS
from risk.rules import RULES, Rule
from tests.unit.risk.gate_cases import NOW, ONLY_THIS_RULE_REFUSES

PAGE: Final = Path(__file__).parents[1] / "docs" / "risk.md"
BEGIN: Final = "<!-- made by: python -m tests.risk_table -->"
END: Final = "<!-- end of the table -->"

TEST: Final = "test_only_this_rule_refuses"
"""In tests/unit/risk/test_gate_rules.py, by rule: what fails without it. `tests/unit/risk/test_risk_page.py`
takes each rule out and sees just that."""

SOURCES: Final[Mapping[str, str]] = {
    "halt": "the halt on record",
    "account": "the books, marked at every bar",
    "instrument": "the venue's filters",
    "quote": "the feed's quote",
    "open_orders": "the desk's open orders",
    "recent_orders": "the desk's sent orders",
    "market": "order book, candles and headlines",
    "losses": "the journal's executions",
    "book": "candles, holdings and scenarios",
    "recent_intents": "the desk's sent orders",
    "health": "the models' last 20 answers",
    "breakers": "the breaker board",
}

FORMULAS: Final[Mapping[str, str]] = {
    "halt_state": "state = active",
    "known_account": "equity, start of day, peak > 0",
    "fresh_price": "0 <= now - quote <= limit; 0 < bid <= ask",
    "price_agreement": "abs(mid - reference) <= limit x mid",
    "estimated_price": "quote is real, or allowed",
    "allowed_symbol": "symbol in limit; quoted in the account's currency",
    "well_formed": "prices of its type, trigger beyond the market, take-profit > price, end > now",
    "venue_filters": "steps, ticks, least and most of the instrument",
    "balance": "(value + pending) x (1 + reserve) <= cash; quantity + claimed <= holding",
    "order_notional": "quantity x worst price <= limit",
    "position_size": "held + pending + value <= min(limit, fraction x equity)",
    "gross_exposure": "all held + all pending + value <= limit x equity",
    "leverage": "the same with fees <= limit x equity",
    "cluster_exposure": "the same of all with correlation >= threshold <= limit x equity",
    "depth_share": "value <= limit x depth of the side it takes",
    "volume_share": "value <= limit x value traded in 24 h",
    "price_collar": "abs(price - mid) <= limit x mid",
    "order_rate": "orders within the window < limit",
    "duplicate_intent": "no equal symbol, side, quantity within the window",
    "open_orders": "open orders < limit",
    "stop_required": "0 < stop < price; price - stop <= limit x price",
    "reward_to_risk": "take-profit - ask >= limit x (ask - stop)",
    "trade_loss": "quantity x (price - stop) <= limit x equity",
    "daily_loss": "start of day - equity < limit x start of day",
    "weekly_loss": "start of week - equity < limit x start of week",
    "peak_drawdown": "peak - equity < limit x peak",
    "loss_streak": "streak < limit, or the last loss >= the pause ago",
    "loss_cooldown": "last loss of the symbol >= limit ago",
    "stressed_loss": "worst scenario's loss with the order <= limit x equity",
    "value_at_risk": "2.6065 x deviation of a day <= limit x equity",
    "expected_shortfall": "2.7278 x deviation of a day <= limit x equity",
    "trading_hours": "now within a window",
    "blackout": "now within none",
    "news_blackout": "last severe headline >= limit ago",
    "model_health": "abstained <= limit x asked, else the part of order and holding limits",
    "open_breaker": "none is open",
    "breaker_size": "value <= size x order limit; holding <= size x its limit",
    "reduce_only": "quantity <= held - claimed by other sales",
}


def table() -> str:
    """The table as it stands in the page."""
    lines = [
        "| Rule | Meaning; formula | Asked of | Limits: default, unit | Facts from | "
        "What refusing looks like | What breaks without it |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(lines + [_row(rule) for rule in RULES])


def _row(rule: Rule) -> str:
    clips = ", clips" if rule.allows else ""
    limits = "<br>".join(_limit(name) for name in rule.limits) or "none"
    sources = "; ".join(dict.fromkeys(SOURCES[name] for name in rule.needs)) or "the clock"
    meaning = rule.meaning.replace("|", "\\|")
    cells = (
        f"`{rule.name}`",
        f"{meaning}<br>*{FORMULAS[rule.name]}*",
        f"{rule.asked.value}{clips}",
        limits,
        sources,
        message(rule),
        f"`{TEST}[{rule.name}]`",
    )
    return f"| {' | '.join(cells)} |"


def _limit(name: str) -> str:
    limit = LIMITS[name]
    default = "unset" if limit.default is None else text_of(limit.default)
    return f"`{name}`: {default}, {limit.kind.unit}"


def message(rule: Rule) -> str:
    """What the rule says in the case of its own."""
    plan = ONLY_THIS_RULE_REFUSES[rule.name]
    breach = rule.check(Case(plan.intent, plan.facts, plan.limits, NOW))
    if breach is None:
        raise ValueError(f"{rule.name} has nothing against its own case")
    return breach.message


def page(text: str) -> str:
    """The page with the table made anew. ValueError when it has no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the table")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
