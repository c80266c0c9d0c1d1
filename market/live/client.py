"""What the live feed needs of an exchange client: the public half of ccxt's asynchronous interface."""

from __future__ import annotations

from typing import Any, Protocol


class MarketClient(Protocol):
    """A ccxt.async_support exchange, or anything that answers like one. Answers are checked, not trusted."""

    async def fetch_time(self) -> Any:
        """The venue's time in milliseconds since 1970."""
        ...

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str = "1m", since: int | None = None, limit: int | None = None
    ) -> Any:
        """Rows of [open time in ms, open, high, low, close, volume], oldest first, also the running bar."""
        ...

    async def fetch_order_book(self, symbol: str, limit: int | None = None) -> Any:
        """`bids` and `asks` as [price, amount, ...], best first; `timestamp` in ms and `nonce`, or None."""
        ...
