"""What each anomaly leads to: a breaker, or word to a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`leads_to` is the name of a breaker, or "notice"."""

    watches: str
    detector: str
    leads_to: str


ANOMALIES: Final = (
    Anomaly("prices: size of moves", "RMS of the latest moves over the median of a week", "volatility_spike"),
    Anomaly("prices: jumps between bars", "open against the last close", "price_gap"),
    Anomaly("prices: bars missing or impossible", "count in a row", "data_quality"),
    Anomaly("prices: a stable coin off its peg", "close against 1", "depeg"),
    Anomaly("spreads", "spread over so many times the median of a week", "spread_blowout"),
    Anomaly("volumes", "mean of the latest bars against the median of a week", "volume_collapse"),
    Anomaly("fills: slippage against expectation", "one-sided CUSUM", "slippage"),
    Anomaly("own order rate", "Hampel: median and MAD of 96 bars", "order_rate"),
    Anomaly("own profit and loss: volatility", "RMS of a day's returns", "equity_volatility"),
    Anomaly("own profit and loss: a step", "Hampel: median and MAD of 96 bars", "notice"),
    Anomaly("a model's answers all the same", "share of the most frequent of the last 50", "notice"),
    Anomaly("model calls without an answer", "share of the calls of 10 cycles", "model_outage"),
)
