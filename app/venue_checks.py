"""What `desk doctor` asks a venue: is it there, is the clock right, do the keys fit, can they do too much."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from app.settings import Settings, VenueKey
from app.venue_holdings import beside
from app.venue_keys import check_key, may_withdraw, refuse_withdrawal
from app.venue_world import connection
from domain.clock import LiveClock
from domain.errors import ConfigError, DeskError
from domain.money import ZERO, Currency, Symbol

if TYPE_CHECKING:
    from execution.exchanges.venue import CcxtVenue

WRONG_CLOCK: Final = timedelta(seconds=5)
"""Further off than this a clock is not adjusted, it is wrong."""


@asynccontextmanager
async def connected(settings: Settings, key: VenueKey) -> AsyncIterator[CcxtVenue]:
    """The venue without its streams. Raises as `open_venue` does, UnknownSymbol for a symbol included."""
    from execution.exchanges.venue import open_venue

    symbols = tuple(Symbol(symbol) for symbol in settings.session.symbols)
    how = connection(settings.venue, key, settings.speed)
    venue = await open_venue(how, symbols, LiveClock(), stream=False)
    try:
        yield venue
    finally:
        await venue.close()


async def reach(settings: Settings, key: VenueKey) -> str:
    """Connect, and compare the clocks. At a rehearsal with a speed of its own there is nothing to compare."""
    async with connected(settings, key) as venue:
        skew = venue.line.skew
        listed = ", ".join(venue.instruments)
    if settings.speed == 1 and abs(skew) > WRONG_CLOCK:
        which = "behind" if skew > timedelta(0) else "ahead of"
        raise DeskError(
            f"the clock here is {abs(skew).total_seconds():.1f} s {which} that of {settings.venue.name}",
            fix="Set the clock, for example with NTP; the desk corrects its requests until then",
        )
    return f"{settings.venue.name} answers and trades {listed}; clocks {skew.total_seconds():+.2f} s apart"


async def account(settings: Settings, key: VenueKey) -> str:
    """Whether the keys are taken and the capital is there."""
    capital, currency = settings.session.capital, Currency(settings.session.currency)
    async with connected(settings, key) as venue:
        await check_key(venue)
        owned = {coin: balance.total for coin, balance in (await venue.balances()).items()}
        more = await beside(venue, owned, currency)
    total, more = owned.get(currency, ZERO), f"; {more}" if more else ""
    if total < capital:
        raise ConfigError(
            f"the account holds {total:f} {currency}, less than session.capital {capital:f}{more}",
            fix="Set [session] capital to what this desk may use",
        )
    return f"the keys are taken; {total:f} {currency} there, {capital:f} for this desk{more}"


async def permissions(settings: Settings, key: VenueKey) -> str:
    """Whether the key can do more than trade: one that can withdraw is refused."""
    async with connected(settings, key) as venue:
        told = await may_withdraw(venue)
    if told is None:
        return f"{settings.venue.name} does not say whether the key can withdraw: see to it that it cannot"
    if told and settings.mode == "testnet" and not settings.venue.rehearsal:
        return "play money: there is nothing to withdraw"
    refuse_withdrawal(settings.venue.name, told)
    return "the key cannot withdraw"
