"""An exchange with a market in it: the synthetic tape, its makers, and the filters of a large venue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from domain.clock import Clock
from domain.money import Symbol
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.policy import Policy
from simulator.exchange.rules import MarketRules
from simulator.exchange.tape import SyntheticTape
from simulator.weather import FAIR, Weather

DEFAULT_SYMBOLS: Final = (Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT"))
_ONE_SECOND: Final = timedelta(seconds=1)


def synthetic_exchange(
    clock: Clock,
    *,
    seed: int = 7,
    symbols: Iterable[Symbol] = DEFAULT_SYMBOLS,
    policy: Policy | None = None,
    step: timedelta = _ONE_SECOND,
    keep: int = 20_000,
    weather: Weather = FAIR,
) -> SimulatedExchange:
    """An exchange that trades these symbols on the tape of `seed`, from the clock's present on.

    `step` is how far apart the market's points are; a longer one makes simulated days cheaper. `weather` is
    how rough it is.
    """
    tape = SyntheticTape(seed, symbols, clock.now(), step, weather)
    rules = [
        MarketRules(
            instrument,
            max_notional=Decimal(9_000_000),
            max_market_quantity=instrument.max_quantity,
        )
        for instrument in tape.instruments.values()
    ]
    return SimulatedExchange(clock, rules, policy=policy, tape=tape, keep=keep)
