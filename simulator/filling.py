"""Filling an order where a bar meets it: how much, at which price, and what moves between the balances."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from domain.market import Candle, OrderBook
from domain.money import ONE, ZERO, Money, Quantity
from domain.orders import Fill, OrderType
from simulator.costs import FEE_GRID, FeeSchedule, FillModel
from simulator.fees import FeeLadder, Turnover
from simulator.purse import Purse
from simulator.resting import Resting
from simulator.triggers import AT_OPEN, Hit

_MARKET: Final = OrderType.MARKET


class Till:
    """Takes from and pays into one purse, by a fill model and a fee schedule.

    With a `ladder` the rates follow the turnover of the 30 days before, day by day (UTC).
    """

    def __init__(
        self,
        purse: Purse,
        fees: FeeSchedule,
        fill_model: FillModel,
        ladder: FeeLadder | None = None,
        turnover: Turnover | None = None,
    ) -> None:
        self.purse = purse
        self.fill_model = fill_model
        self.whole = fill_model.whole
        self.ladder = ladder
        self.turnover = turnover or Turnover()
        self._day: date | None = None
        self._balances, self._reserved = purse.balances, purse.reserved
        self.charge(fees)

    def charge(self, fees: FeeSchedule) -> None:
        """Use these rates from now on."""
        self.fees = fees
        self._taker = fees.taker
        self.one_plus_taker = ONE + fees.taker

    def open_day(self, day: date) -> None:
        """Set the rates of a day, once, by the turnover before it."""
        if self.ladder is not None and day != self._day:
            self._day = day
            self.charge(self.ladder.at(self.turnover.of_month(day)))

    def at_open(self, order: Resting, candle: Candle) -> Fill | None:
        """Fill a plain market order whole at the open, and free what it reserved; None: take the long way.

        The short way of `liquidity` and `book` for a model that fills everything whole at its price; a law
        test holds the two equal. The order is not told that it has ended.
        """
        if order.last_matched is not None or candle.open_time < order.submitted_at:
            return None
        intent, instrument, balances = order.intent, order.instrument, self._balances
        price, quantity = candle.open, intent.quantity
        notional = quantity * price
        fee = (notional * self._taker).quantize(FEE_GRID, ROUND_CEILING)
        base, quote = instrument.base, instrument.quote
        if order.buy:
            reserved, cost = self._reserved, notional + fee
            cash, others = balances.get(quote, ZERO), reserved[quote] - order.reserved
            if cost + others > cash:
                return None
            reserved[quote] = others
            balances[quote] = cash - cost
            balances[base] = balances.get(base, ZERO) + quantity
        else:
            held = balances.get(base, ZERO)
            if held < quantity:
                return None
            if order.reserved:
                self._reserved[base] -= order.reserved
            balances[base] = held - quantity
            balances[quote] = balances.get(quote, ZERO) + notional - fee
        order.reserved = order.unit = order.remaining = ZERO
        order.last_matched = candle.close_time
        if self.ladder is not None:
            self.turnover.add(candle.open_time, notional)
        client_id = intent.client_id
        fill = Fill(
            client_id + "-f1",
            client_id,
            intent.symbol,
            intent.side,
            quantity,
            price,
            Money(fee, quote),
            candle.open_time,
        )
        order.fills = (fill,)
        return fill

    def liquidity(
        self,
        order: Resting,
        hit: Hit,
        want: Decimal,
        candle: Candle,
        book: OrderBook | None,
        taken: Decimal,
        *,
        fresh: bool,
    ) -> tuple[Decimal, Decimal, bool]:
        """Quantity, price and whether it was maker, as the fill model has it.

        `fresh` says that the order has only just been sent, so that it arrives as late as orders do.
        """
        model, instrument = self.fill_model, order.instrument
        stage, price, maker = hit
        if not maker:
            limit = order.intent.limit_price
            quantity, paid = model.take(
                buy=order.buy,
                quantity=want,
                price=price,
                limit=limit,
                candle=candle,
                book=book,
                taken=taken,
                instrument=instrument,
                fresh=fresh,
            )
            if quantity or limit is None or order.at_once or stage != AT_OPEN or price == limit:
                return quantity, paid, False
            price = limit  # the open was through it, the spread was not: it rests and is traded through
        served = order.terms.served if order.terms is not None else None
        if served is not None:
            want = min(want, served - served % instrument.step_size)
        return model.rest(quantity=want, candle=candle, taken=taken, instrument=instrument), price, True

    def affordable(self, order: Resting, price: Decimal, maker: bool) -> Decimal:
        """The quantity that the free balance pays for, fee included."""
        free = max(self.purse.within_reach(order), ZERO)
        rate = self.fees.maker if maker else self.fees.taker
        quantity = order.instrument.quantity(free / (price * (ONE + rate)))
        while quantity and quantity * price + self.fees.fee(quantity * price, maker) > free:
            quantity = Quantity(quantity - order.instrument.step_size)  # the fee was rounded up
        return quantity

    def book(
        self,
        order: Resting,
        quantity: Any,
        price: Any,
        notional: Decimal,
        fee: Decimal,
        maker: bool,
        at: datetime,
    ) -> Fill:
        """Move the balances and write the fill. Quantity and price are Decimals; naming them costs a call."""
        intent, instrument = order.intent, order.instrument
        balances, base, quote = self._balances, instrument.base, instrument.quote
        if order.buy:
            balances[base] = balances.get(base, ZERO) + quantity
            balances[quote] = balances.get(quote, ZERO) - notional - fee
        else:
            balances[base] = balances.get(base, ZERO) - quantity
            balances[quote] = balances.get(quote, ZERO) + notional - fee
        left = order.remaining - quantity
        order.remaining = left or ZERO  # an order that is over is kept: without numbers of its own
        if self.ladder is not None:
            self.turnover.add(at, notional)
        fills = order.fills
        fill = Fill(
            f"{intent.client_id}-f{len(fills) + 1}",
            intent.client_id,
            intent.symbol,
            intent.side,
            quantity,
            price,
            Money(fee, quote),
            at,
            maker,
        )
        order.fills = (*fills, fill)
        return fill
