"""The account: cash, holdings, equity at marks, its peak and where the day began.

Profit is at average cost. At every moment, exactly:
equity = cash + sum(quantity * mark), and realized + unrealized - fees_paid = equity - capital.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, getcontext, localcontext, setcontext
from types import MappingProxyType
from typing import Final

from domain.clock import require_utc
from domain.errors import LedgerError
from domain.instrument import Instrument
from domain.money import ZERO, Currency, Money, Symbol
from domain.orders import Fill, Posting, Side
from portfolio.ledger import ASSETS, CAPITAL, EXACT, FEES, TRADING, Ledger, Lines
from portfolio.position import Holding, Position, cost_of

_INFINITY: Final = Decimal("Infinity")
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_BUY: Final = Side.BUY  # looking it up on the enum costs about 100 ns in Python 3.11


class Portfolio:
    """A spot account in one quote currency, long only.

    Amounts are Decimals in the capital's currency. A fee in base leaves the holding at the fill's price. A
    fee in a third currency is paid from what the account holds outside the capital: it is in the ledger, as
    paid in and paid away, and in no sum that is told in the capital's currency. Cash may fall below zero
    when a market order fills above the price it was sized at: the money is owed, and the gate buys nothing
    more until it is back.
    """

    def __init__(self, capital: Money, instruments: Mapping[Symbol, Instrument]) -> None:
        """Raises LedgerError unless capital is above zero and all instruments are quoted in its currency."""
        if not ZERO < capital.amount < _INFINITY:
            raise LedgerError(f"a capital of {capital.amount} {capital.currency} is not above zero")
        for instrument in instruments.values():
            if instrument.quote != capital.currency:
                raise LedgerError(
                    f"{instrument.symbol} is quoted in {instrument.quote}, the account in {capital.currency}",
                    fix=f"Trade symbols ending in /{capital.currency}",
                )
        self.ledger = Ledger()
        self.capital = capital
        self._holdings = {
            symbol: Holding(instrument, self.ledger) for symbol, instrument in instruments.items()
        }
        self._cash_account = self.ledger.account(ASSETS, capital.currency)
        self._trading_account = self.ledger.account(TRADING, capital.currency)
        self._fees_account = self.ledger.account(FEES, capital.currency)
        self._cash = self._equity = self._peak = self._day_start = self._week_start = capital.amount
        self._cost = self._realized = self._fees = ZERO
        self._marked_at = self._day_end = self._week_end = _LONG_AGO
        self._fills: list[Fill] = []
        self._positions: Mapping[Symbol, Position] | None = None
        self._version = 0
        self.ledger.post("capital", self._capital_lines())

    @property
    def version(self) -> int:
        """Moves with every fill and every mark: while it stands, nothing in the account has changed."""
        return self._version

    @property
    def cash(self) -> Decimal:
        return self._cash

    @property
    def equity(self) -> Decimal:
        """Cash and holdings at their newest marks; one never marked counts at its first fill's price."""
        return self._equity

    @property
    def peak_equity(self) -> Decimal:
        """The highest equity at any mark so far, at least the capital."""
        return self._peak

    @property
    def day_start_equity(self) -> Decimal:
        """Equity at the last UTC midnight: marked at it, or the newest known before it."""
        return self._day_start

    @property
    def week_start_equity(self) -> Decimal:
        """Equity at the last UTC midnight from Sunday to Monday, like `day_start_equity`."""
        return self._week_start

    def standing(self) -> tuple[Decimal, Decimal, Decimal]:
        """Equity, where it stood when the day began, and its peak: the three properties in one look."""
        return self._equity, self._day_start, self._peak

    @property
    def realized(self) -> Decimal:
        """Profit of everything sold, before fees."""
        return self._realized

    @property
    def unrealized(self) -> Decimal:
        """Profit of what is held, at its marks, before fees."""
        return EXACT.subtract(EXACT.subtract(self._equity, self._cash), self._cost)

    @property
    def fees_paid(self) -> Decimal:
        """All fees; those paid in a base currency at the price of their fill, without `paid_outside`."""
        return self._fees

    def paid_outside(self) -> Mapping[Currency, Decimal]:
        """Fees paid in currencies that are neither the capital's nor that of what was traded."""
        paid = {
            currency: -amount
            for (name, currency), amount in self.ledger.balances.items()
            if name == CAPITAL and currency != self.capital.currency
        }
        return MappingProxyType(paid)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Every symbol this account may trade."""
        return tuple(self._holdings)

    @property
    def marked_at(self) -> datetime | None:
        """When prices were last marked; None before the first time."""
        return None if self._marked_at is _LONG_AGO else self._marked_at

    @property
    def positions(self) -> Mapping[Symbol, Position]:
        """What is held now, without the empty ones: a read-only snapshot that later fills do not change."""
        if self._positions is None:
            self._positions = MappingProxyType(
                {symbol: holding.position() for symbol, holding in self._holdings.items() if holding.quantity}
            )
        return self._positions

    def position(self, symbol: Symbol) -> Position | None:
        """The holding in `symbol`, or None when there is none."""
        holding = self._holdings.get(symbol)
        return holding.position() if holding is not None and holding.quantity else None

    def holds(self, symbol: Symbol) -> bool:
        """Whether there is a holding in `symbol`."""
        holding = self._holdings.get(symbol)
        return holding is not None and bool(holding.quantity)

    def sellable(self, symbol: Symbol, price: Decimal) -> bool:
        """Whether what is held in `symbol` is enough for an order at `price`: not dust that a fee left."""
        holding = self._holdings.get(symbol)
        if holding is None or not holding.quantity:
            return False
        instrument = holding.instrument
        quantity = instrument.quantity(max(holding.quantity, ZERO))
        return quantity >= instrument.min_quantity and quantity * price >= instrument.min_notional

    def held(self) -> list[tuple[Symbol, Decimal, Decimal]]:
        """Symbol, quantity and newest mark of everything held now."""
        return [
            (symbol, holding.quantity, holding.mark)
            for symbol, holding in self._holdings.items()
            if holding.quantity
        ]

    def balances(self) -> Mapping[Currency, Decimal]:
        """What is owned in every currency, from the ledger; currencies at zero are left out, cash is not."""
        owned = {self._cash_account.currency: self._cash_account.balance}
        for holding in self._holdings.values():
            account = holding.base_assets
            if account.balance:
                owned[account.currency] = account.balance
        return owned

    def book(self, fill: Fill) -> None:
        """Book an execution: postings, holding, cash and equity. All of it or, with LedgerError, nothing.

        The holding keeps its newest mark; one never marked takes the fill's price. Not booking a fill twice
        is the caller's duty. Raises LedgerError for a symbol the account does not trade, more sold than
        held, and quantities, prices or fees that make no sense.
        """
        holding = self._holdings.get(fill.symbol)
        if holding is None:
            raise LedgerError(f"fill {fill.fill_id}: {fill.symbol} is not traded by this account")
        ambient = getcontext()
        setcontext(EXACT)
        try:
            self._book(fill, holding)
        except ArithmeticError as error:
            raise LedgerError(f"fill {fill.fill_id} cannot be booked exactly ({error!r})") from error
        finally:
            setcontext(ambient)

    def _book(self, fill: Fill, holding: Holding) -> None:
        traded, price, charged = fill.quantity, fill.price, fill.fee
        fee = charged.amount
        if not (ZERO < traded < _INFINITY and ZERO < price < _INFINITY):
            raise LedgerError(f"fill {fill.fill_id} of {traded} at {price} makes no sense")
        if not ZERO <= fee < _INFINITY:
            raise LedgerError(f"fill {fill.fill_id}: a fee of {charged} makes no sense")
        notional = traded * price
        quantity, cost, realized = holding.quantity, holding.cost, holding.realized
        if fill.side is _BUY:
            quantity, cost, cash = quantity + traded, cost + notional, self._cash - notional
        else:
            if traded > quantity:
                raise LedgerError(f"fill {fill.fill_id} sells {traded} of {quantity} {fill.symbol} held")
            part = cost_of(traded, quantity, cost)
            quantity, cost, cash = quantity - traded, cost - part, self._cash + notional
            realized += notional - part
        if charged.currency == self.capital.currency:
            cash -= fee
        elif fee and charged.currency == holding.instrument.base:
            if fee > quantity:
                raise LedgerError(f"fill {fill.fill_id}: a fee of {charged} is more than is held")
            part = cost_of(fee, quantity, cost)
            fee *= price  # leaves the holding as if sold at this price to pay the fee
            quantity, cost, realized = quantity - charged.amount, cost - part, realized + fee - part
        elif fee:
            fee = ZERO  # paid from outside the capital, in a currency that nobody here values
        mark = holding.mark or price
        value = quantity * mark
        equity = self._equity + (cash - self._cash) + (value - holding.value)
        total_cost = self._cost + (cost - holding.cost)
        total_realized = self._realized
        if realized is not holding.realized:  # a buy leaves it as it was
            total_realized += realized - holding.realized
        fees = self._fees + fee
        self.ledger.post_exact(fill.fill_id, self._lines(fill, holding, notional))

        # Everything that can be refused has been: from here on nothing raises.
        self._equity, self._cash, self._fees = equity, cash, fees
        self._cost, self._realized = total_cost, total_realized
        holding.quantity, holding.cost, holding.realized = quantity, cost, realized
        holding.mark, holding.value = mark, value
        self._positions = None
        self._version += 1
        self._fills.append(fill)

    def _lines(self, fill: Fill, holding: Holding, notional: Decimal) -> Lines:
        """The double entry of a fill worth `notional`; needs the `EXACT` context."""
        quantity: Decimal = fill.quantity
        if fill.side is _BUY:
            given, paid = -quantity, -notional
        else:
            given, paid = quantity, notional
            quantity, notional = -quantity, -notional
        fee = fill.fee.amount
        if fee and fill.fee.currency != self.capital.currency:
            if fill.fee.currency != holding.instrument.base:
                return (
                    (holding.base_assets, quantity),
                    (holding.base_trading, given),
                    (self._cash_account, paid),
                    (self._trading_account, notional),
                    (self.ledger.account(CAPITAL, fill.fee.currency), -fee),
                    (self.ledger.account(FEES, fill.fee.currency), fee),
                )
            return (
                (holding.base_assets, quantity - fee),
                (holding.base_trading, given),
                (holding.base_fees, fee),
                (self._cash_account, paid),
                (self._trading_account, notional),
            )
        return (
            (holding.base_assets, quantity),
            (holding.base_trading, given),
            (self._cash_account, paid - fee),
            (self._trading_account, notional),
            (self._fees_account, fee),
        )

    def _capital_lines(self) -> Lines:
        amount = self.capital.amount
        return ((self._cash_account, amount), (self.ledger.account(CAPITAL, self.capital.currency), -amount))

    def fills(self, start: int = 0) -> list[Fill]:
        """The fills from number `start` on, in the order they were booked."""
        return self._fills[start:]

    def postings(self, start: int = 0) -> Iterator[Posting]:
        """Every posting of the fills from number `start` on, in the order they were booked."""
        for fill in self._fills[start:]:
            with localcontext(EXACT):
                lines = self._lines(fill, self._holdings[fill.symbol], fill.quantity * fill.price)
            for account, amount in lines:
                yield Posting(fill.fill_id, account.name, account.currency, amount, fill.filled_at)

    def mark(self, prices: Mapping[Symbol, Decimal], at: datetime) -> None:
        """Value the account at `prices` as of `at` and move its peak and start of day.

        The day begins at UTC midnight: with the equity marked at that moment or, when nothing was marked
        at it, with the newest equity before, so that a loss over a gap counts against the new day. Symbols
        without a price keep their mark. Raises LedgerError, changing nothing, for a symbol the account does
        not trade, a price that is not finite and above zero, or a time before the last mark.
        """
        if at < self._marked_at:
            raise LedgerError(f"cannot mark at {at}: the account was already marked at {self._marked_at}")
        before = self._equity
        self._revalue(prices)
        if at >= self._day_end:
            self._begin_day(require_utc(at), before)
        self._marked_at = at
        self._peak = max(self._peak, self._equity)

    def _begin_day(self, at: datetime, before: Decimal) -> None:
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        self._day_start = self._equity if at == midnight else before
        self._day_end = midnight + _DAY
        if at >= self._week_end:
            monday = midnight - at.weekday() * _DAY
            self._week_start = self._equity if at == monday else before
            self._week_end = monday + 7 * _DAY

    def _revalue(self, prices: Mapping[Symbol, Decimal]) -> None:
        holdings = self._holdings
        ambient = getcontext()
        setcontext(EXACT)
        try:
            equity = self._equity
            marked: list[tuple[Holding, Decimal, Decimal]] = []
            for symbol, price in prices.items():
                holding = holdings.get(symbol)
                if holding is None:
                    raise LedgerError(f"{symbol} is not traded by this account")
                if not ZERO < price < _INFINITY:
                    raise LedgerError(f"{symbol} cannot be marked at {price}")
                value = holding.quantity * price if holding.quantity else ZERO
                equity += value - holding.value
                marked.append((holding, price, value))
        except ArithmeticError as error:
            raise LedgerError(f"the account cannot be marked exactly ({error!r})") from error
        finally:
            setcontext(ambient)
        for holding, price, value in marked:
            holding.mark, holding.value = price, value
        self._equity = equity
        self._positions = None
        self._version += 1

    def restore_marks(
        self,
        *,
        peak: Decimal,
        day_start: Decimal,
        week_start: Decimal,
        at: datetime,
        prices: Mapping[Symbol, Decimal],
    ) -> None:
        """After the fills were booked again: marks, peak and starts of day and week as last journaled at
        `at`.

        The peak is never below the equity that results. Raises LedgerError, changing nothing, for values a
        journal cannot have held.
        """
        for name, value in (("peak", peak), ("day start", day_start), ("week start", week_start)):
            if not (value.is_finite() and value > ZERO):
                raise LedgerError(f"a {name} of {value} cannot be restored")
        midnight = require_utc(at).replace(hour=0, minute=0, second=0, microsecond=0)
        self._revalue(prices)
        self._peak = max(peak, self._equity)
        self._day_start, self._day_end = day_start, midnight + _DAY
        self._week_start, self._week_end = week_start, midnight + (7 - at.weekday()) * _DAY
        self._marked_at = at

    def check(self) -> None:
        """Compare the books with each other: raises LedgerError naming the first difference.

        The ledger balances, cash and holdings equal its asset accounts, and
        realized + unrealized - fees_paid = equity - capital.
        """
        self.ledger.check()
        if self._cash_account.balance != self._cash:
            raise LedgerError(f"cash is {self._cash} but the ledger has {self._cash_account.balance}")
        for symbol, holding in self._holdings.items():
            owned = holding.base_assets.balance
            if owned != holding.quantity:
                raise LedgerError(f"{symbol}: {holding.quantity} is held but the ledger has {owned}")
        with localcontext(EXACT):
            value = sum((h.quantity * h.mark for h in self._holdings.values()), ZERO)
            profit = self._realized + self.unrealized - self._fees
            if self._cash + value != self._equity:
                raise LedgerError(f"equity is {self._equity} but cash and holdings are {self._cash + value}")
            if profit != self._equity - self.capital.amount:
                raise LedgerError(
                    f"equity is {self._equity} but capital and profit are {self.capital.amount + profit}"
                )
