"""The coins that the synthetic market trades: price level, volatility, volume, and the venue's grids.

The figures are of the order seen on a large spot exchange in 2024; they set a scale, not a forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from zlib import crc32

from domain.errors import UnknownSymbol
from domain.instrument import Instrument, split_symbol
from domain.money import Symbol


@dataclass(frozen=True, slots=True)
class Asset:
    """One coin. `price` in quote currency; `volatility` the standard deviation of a day's log return;
    `loading` its correlation with the market factor; `volume` in coins a day; `spread` a fraction of the
    price in quiet times; the digits are decimals of the price and quantity grids.
    """

    base: str
    name: str
    price: float
    volatility: float
    loading: float
    volume: float
    spread: float
    price_digits: int
    quantity_digits: int

    @property
    def stream(self) -> int:
        """The number of this coin's own random stream: it does not depend on which others are traded."""
        return crc32(self.base.encode())

    def instrument(self, symbol: Symbol) -> Instrument:
        """The instrument of this coin under the name `symbol`."""
        base, quote = split_symbol(symbol)
        step = Decimal(1).scaleb(-self.quantity_digits)
        return Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            tick_size=Decimal(1).scaleb(-self.price_digits),
            step_size=step,
            min_quantity=step,
            max_quantity=Decimal(10**9),
            min_notional=Decimal(5),
        )


_TABLE: Final = (
    Asset("BTC", "Bitcoin", 61_500.0, 0.025, 0.93, 26_000.0, 0.00004, 2, 5),
    Asset("ETH", "Ethereum", 3_150.0, 0.032, 0.90, 420_000.0, 0.00006, 2, 4),
    Asset("SOL", "Solana", 148.0, 0.044, 0.82, 4_200_000.0, 0.0001, 2, 3),
    Asset("BNB", "BNB", 575.0, 0.028, 0.80, 620_000.0, 0.0001, 2, 3),
    Asset("XRP", "XRP", 0.58, 0.036, 0.74, 420_000_000.0, 0.0002, 4, 1),
    Asset("ADA", "Cardano", 0.41, 0.040, 0.80, 190_000_000.0, 0.0003, 4, 1),
    Asset("DOGE", "Dogecoin", 0.128, 0.048, 0.76, 1_300_000_000.0, 0.0002, 5, 0),
    Asset("AVAX", "Avalanche", 28.5, 0.046, 0.82, 6_500_000.0, 0.0003, 2, 2),
    Asset("LINK", "Chainlink", 13.6, 0.042, 0.80, 11_000_000.0, 0.0003, 3, 2),
    Asset("DOT", "Polkadot", 5.9, 0.042, 0.82, 18_000_000.0, 0.0004, 3, 2),
    Asset("LTC", "Litecoin", 74.0, 0.034, 0.80, 2_900_000.0, 0.0003, 2, 3),
    Asset("TRX", "Tron", 0.135, 0.022, 0.55, 1_400_000_000.0, 0.0003, 4, 1),
    Asset("UNI", "Uniswap", 7.8, 0.048, 0.76, 9_000_000.0, 0.0004, 3, 2),
    Asset("ATOM", "Cosmos", 6.4, 0.044, 0.80, 9_500_000.0, 0.0004, 3, 2),
    Asset("NEAR", "NEAR Protocol", 5.1, 0.050, 0.80, 30_000_000.0, 0.0004, 3, 1),
)
ASSETS: Final = {asset.base: asset for asset in _TABLE}
QUOTES: Final = ("USDT", "USDC", "USD")


def asset_of(symbol: Symbol) -> Asset:
    """The coin behind a symbol. Raises UnknownSymbol when the synthetic market does not trade it."""
    base, quote = split_symbol(symbol)
    asset = ASSETS.get(base)
    if asset is None or quote not in QUOTES:
        raise UnknownSymbol(
            f"the synthetic market does not trade {symbol}",
            fix=f"Choose one of {', '.join(ASSETS)} against {' or '.join(QUOTES)}",
        )
    return asset
