"""What an account holds beside the desk's currency, and what it is worth there: for `desk doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from domain.errors import DataError, MoneyError
from domain.market import Quote
from domain.money import ZERO, Currency, Price
from execution.exchanges.line import LineFailed
from market.live.checking import checked_book
from portfolio.valuation import Converter, Market

if TYPE_CHECKING:
    from execution.exchanges.venue import CcxtVenue

OLDEST: Final = timedelta(minutes=1)
_LEVELS: Final = 5
_MOST_NAMED: Final = 5


async def beside(venue: CcxtVenue, held: Mapping[Currency, Decimal], currency: Currency) -> str:
    """A sentence on the coins other than `currency`, valued at the bids of the markets the desk trades.

    Empty when there are none. A coin without a market or a fresh price there is named as not valued: it
    never counts as nothing, nor as something.
    """
    others = {coin: amount for coin, amount in sorted(held.items()) if amount > ZERO and coin != currency}
    if not others:
        return ""
    found = await _markets(venue, others)
    now = venue.line.now()
    converter = Converter(found, now=now, max_age=OLDEST)
    total = ZERO
    valued: list[str] = []
    unknown: list[str] = []
    for coin, amount in others.items():
        try:
            value = converter.convert(amount, coin, currency)
        except MoneyError:
            unknown.append(coin)
            continue
        valued.append(f"{amount.normalize():f} {coin}")
        total += value
    said = f"also {_named(valued)}, worth {total:.2f} {currency} at the bid" if valued else ""
    if unknown:
        said += ("; " if said else "also ") + f"{_named(unknown)}, which no market of the desk values"
    return said


def _named(things: list[str]) -> str:
    more = len(things) - _MOST_NAMED
    return ", ".join(things[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


async def _markets(venue: CcxtVenue, coins: Mapping[Currency, Decimal]) -> list[Market]:
    """The touch of the desk's markets in these coins; one that does not answer is left out."""
    found = []
    for symbol, instrument in venue.instruments.items():
        if instrument.base not in coins:
            continue
        asked_at = venue.line.now()
        try:
            answer = await venue.line.call("fetch_order_book", symbol, _LEVELS)
            book = checked_book(answer, instrument, asked_at, venue.line.now()).book
        except (LineFailed, DataError):
            continue
        bid, ask = book.bids[0].price, book.asks[0].price
        quote = Quote(symbol, Price(bid), Price(ask), Price(bid), book.as_of)
        found.append(Market(quote, bid * book.bids[0].quantity))
    return found
