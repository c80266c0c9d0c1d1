"""`desk execution`: how well orders were executed, folded from the journal like every other report."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Final, Literal

from app.commands.reading import Reading, open_journal, read
from app.render import amount, print_json, print_pairs, print_table
from domain.errors import ConfigError, NotFound
from domain.events import SessionStarted
from execution.quality import Measured, QualityFold
from execution.quality_report import Percentiles, Quality, grouped, summary

By = Literal["venue", "symbol", "algorithm"]
COLUMNS: Final = (
    "orders", "filled", "refused", "rejected", "fill rate", "maker", "shortfall", "price", "fees",
    "missed", "expected", "actual", "ack p95",
)  # fmt: skip

_TENTH: Final = Decimal("0.1")


def known_key(by: str) -> By:
    """What rows are made by. Raises ConfigError for anything else."""
    match by:
        case "venue" | "symbol" | "algorithm":
            return by
        case _:
            raise ConfigError(f"{by!r} is nothing to group by", fix="Write venue, symbol or algorithm")


def show_execution(option: Path | None, as_json: bool, *, symbol: str | None, by: By) -> None:
    """Print the figures of the newest session. Raises NotFound for a symbol without any order in it."""
    seen = read(option)
    fold = measured(seen)
    orders = fold.parents() if by == "algorithm" else list(fold.orders.values())
    vetoed = dict(fold.vetoed)
    if symbol is not None:
        orders = [order for order in orders if order.symbol == symbol]
        vetoed = {name: count for name, count in vetoed.items() if name == symbol}
        if not orders and not vetoed:
            raise NotFound(f"no order in {symbol} was ever made", fix="desk orders --all lists them all")
    whole, rows = summary("all", orders), grouped(orders, lambda order: _key(order, by))
    if as_json:
        print_json(
            {
                "running": seen.live,
                "session": seen.session.started.session,
                "as_of": seen.session.as_of,
                "currency": seen.session.started.currency,
                "vetoed": sum(vetoed.values()),
                "by": by,
                "all": whole,
                "rows": rows,
            }
        )
        return
    print(seen.age())
    print_pairs(_pairs(whole, seen.session.started.currency, sum(vetoed.values())))
    print()
    print("Costs in basis points of the value at arrival; above zero is money lost.")
    print_table((by, *COLUMNS), [_row(row) for row in rows], empty="No order was ever made.")


def measured(seen: Reading) -> QualityFold:
    """The measurements of the newest session."""
    fold, mine = QualityFold(), False
    journal = open_journal(seen.home)
    try:
        for _, event in journal.events():
            if isinstance(event, SessionStarted):
                mine = event.session == seen.session.started.session
            elif mine:
                fold.see(event)
    finally:
        journal.close()
    return fold


def _key(order: Measured, by: By) -> str:
    match by:
        case "venue":
            return order.venue or "not sent"
        case "symbol":
            return order.symbol
        case "algorithm":
            return order.algorithm


def _pairs(whole: Quality, currency: str, vetoed: int) -> dict[str, object]:
    pairs: dict[str, object] = {
        "orders": f"{whole.orders} ({whole.filled} filled, {whole.open} open)",
        "refused": f"{whole.refused} at the desk, {vetoed} before it; {whole.rejected} rejected by a venue",
        "traded": f"{amount(whole.value)} {currency}, maker {_share(whole.maker_share)}",
        "fill rate": _share(whole.fill_rate),
        "shortfall": f"{_points(whole.shortfall)} bp = price {_points(whole.execution)}"
        f" + fees {_points(whole.fees)} + missed {_points(whole.opportunity)}",
        "slippage": f"{_points(whole.actual)} bp, expected {_points(whole.expected)}",
        "decision to send": _times(whole.to_send),
        "send to answer": _times(whole.to_acknowledge),
        "answer to fill": _times(whole.to_first_fill),
        "time to fill": _times(whole.to_fill),
    }
    if whole.unmeasured:
        pairs["not measured"] = f"{whole.unmeasured} orders whose price at arrival is not known"
    if whole.strange_fees:
        pairs["other fees"] = f"{whole.strange_fees} fees in a third currency are not counted"
    return pairs


def _row(row: Quality) -> tuple[object, ...]:
    return (
        row.key,
        row.orders,
        row.filled,
        row.refused,
        row.rejected,
        _share(row.fill_rate),
        _share(row.maker_share),
        _points(row.shortfall),
        _points(row.execution),
        _points(row.fees),
        _points(row.opportunity),
        _points(row.expected),
        _points(row.actual),
        _seconds(row.to_acknowledge.p95),
    )


def _points(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: Decimal | None) -> str:
    """A share in per cent. Rounded here: formatting would use whatever context a library left behind."""
    return "-" if value is None else f"{(value * 100).quantize(_TENTH, ROUND_HALF_EVEN)}%"


def _times(seen: Percentiles) -> str:
    if not seen.count:
        return "-"
    return f"{_seconds(seen.p50)} median, {_seconds(seen.p95)} p95, {_seconds(seen.p99)} p99"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:,.1f} s"
