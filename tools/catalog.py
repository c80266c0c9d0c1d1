"""The desk's own tools, and who may call them.

Only the sentiment analyst and the operator read headlines: text from outside cannot reach the roles that
shape an order.
"""

from __future__ import annotations

from typing import Final

from tools import account, market, news, orders
from tools.registry import Action, Registry, Tool

MARKET_ANALYST: Final = "market_analyst"
SENTIMENT_ANALYST: Final = "sentiment_analyst"
RISK_ANALYST: Final = "risk_analyst"
EXECUTION_TRADER: Final = "execution_trader"
OPERATOR: Final = "operator"

_PRICES: Final = frozenset({MARKET_ANALYST, RISK_ANALYST, EXECUTION_TRADER, OPERATOR})
_NEWS: Final = frozenset({SENTIMENT_ANALYST, OPERATOR})
_ACCOUNT: Final = frozenset({RISK_ANALYST, EXECUTION_TRADER, OPERATOR})
_ORDERS: Final = frozenset({EXECUTION_TRADER, OPERATOR})


def standard_tools() -> Registry:
    """The tools that come with the desk."""
    return Registry(
        (
            Tool(
                "candles",
                "The newest closed bars of a symbol, with high, low, change and volume",
                market.CandlesArguments,
                market.candles,
                _PRICES,
            ),
            Tool(
                "indicators",
                "Last close, quote and every warm indicator of a symbol",
                market.SymbolArguments,
                market.indicators,
                _PRICES,
            ),
            Tool(
                "book",
                "Spread, depth and imbalance of a symbol's order book",
                market.BookArguments,
                market.book,
                _PRICES,
            ),
            Tool(
                "headlines",
                "Recent headlines about a symbol with lexicon score and age",
                news.HeadlinesArguments,
                news.headlines,
                _NEWS,
            ),
            Tool(
                "portfolio",
                "Equity, cash, profit and holdings",
                account.NoArguments,
                account.portfolio,
                _ACCOUNT,
            ),
            Tool(
                "limits_left",
                "The halt state and what is left of every risk limit for a symbol",
                market.SymbolArguments,
                account.limits_left,
                _ACCOUNT,
            ),
            Action(
                "submit_intent",
                "Ask the order desk for an order; the risk gate reviews it, and a person confirms it first",
                orders.IntentArguments,
                orders.submit_intent,
                _ORDERS,
            ),
        )
    )
