"""Binance's account endpoints: balances, trades, commission, permissions of a key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from domain.money import Currency
from simulator.costs import FeeSchedule
from simulator.exchange.model import Holding, TradeView
from simulator.wire import binance_words as words
from simulator.wire.binance_orders import check_span
from simulator.wire.binance_request import Ask
from simulator.wire.figures import millis

_DAY_MS: Final = 86_400_000
_NONE: Final = words.NOTHING
_CENT: Final = Decimal("0.01")


def account(ask: Ask) -> dict[str, Any]:
    """Balances and rates. `canWithdraw` says whether the key that asks may withdraw."""
    exchange = ask.venue.exchange
    fees = exchange.fees(ask.account)
    known = exchange.key(ask.key)
    without_zero = ask.maybe("omitZeroBalances") == "true"
    return {
        "makerCommission": int(fees.maker * 10_000),
        "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(fees),
        "canTrade": known is not None and known[1].trade,
        "canWithdraw": known is not None and known[1].withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": ask.now,
        "accountType": "SPOT",
        "balances": [
            {"asset": currency, "free": words.figure(held.free), "locked": words.figure(held.locked)}
            for currency, held in sorted(exchange.balances(ask.account).items())
            if held.total or not without_zero
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def _rates(fees: FeeSchedule) -> dict[str, str]:
    return {
        "maker": words.figure(fees.maker),
        "taker": words.figure(fees.taker),
        "buyer": _NONE,
        "seller": _NONE,
    }


def commission(ask: Ask) -> dict[str, Any]:
    ask.symbol()
    nothing = {"maker": _NONE, "taker": _NONE, "buyer": _NONE, "seller": _NONE}
    return {
        "symbol": ask.text("symbol"),
        "standardCommission": _rates(ask.venue.exchange.fees(ask.account)),
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": _NONE,
        },
    }


def trade_fees(ask: Ask) -> list[dict[str, Any]]:
    """The rates of one market or of all."""
    fees = ask.venue.exchange.fees(ask.account)
    named = ask.maybe("symbol")
    if named is not None:
        ask.symbol()
    return [
        {"symbol": name, "makerCommission": f"{fees.maker:f}", "takerCommission": f"{fees.taker:f}"}
        for name in ([named] if named is not None else ask.venue.ids.values())
    ]


def currencies(ask: Ask) -> list[dict[str, Any]]:
    """Every currency that is traded, on a network of its own; there is no path to move any."""
    exchange = ask.venue.exchange
    grids: dict[Currency, Decimal] = {}
    for rules in exchange.markets.values():
        grids[rules.instrument.quote] = _CENT
        grids[rules.instrument.base] = rules.instrument.step_size
    held = exchange.balances(ask.account)
    return [_currency(name, grid, held.get(name, Holding())) for name, grid in sorted(grids.items())]


def _currency(name: Currency, grid: Decimal, held: Holding) -> dict[str, Any]:
    """A currency; its withdrawal fee is a hundred of its smallest parts, and twice that the least amount."""
    fee = grid * 100
    return {
        "coin": name,
        "name": name,
        "free": words.figure(held.free),
        "locked": words.figure(held.locked),
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [
            {
                "network": name,
                "coin": name,
                "name": name,
                "isDefault": True,
                "depositEnable": True,
                "withdrawEnable": True,
                "withdrawFee": f"{fee:f}",
                "withdrawMin": f"{2 * fee:f}",
                "withdrawMax": "9999999999",
                "withdrawIntegerMultiple": f"{grid:f}",
                "minConfirm": 1,
                "unLockConfirm": 1,
            }
        ],
    }


def margin_pairs(_: Ask) -> list[dict[str, Any]]:
    """No market has margin."""
    return []


def restrictions(ask: Ask) -> dict[str, Any]:
    """What the key that asks may do."""
    known = ask.venue.exchange.key(ask.key)
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": True,
        "enableSpotAndMarginTrading": known is not None and known[1].trade,
        "enableWithdrawals": known is not None and known[1].withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
    }


def my_trades(ask: Ask) -> list[dict[str, Any]]:
    """Executions of a market: from an id or a time on the first ones, otherwise the newest."""
    symbol, order_id = ask.symbol(), ask.integer("orderId")
    first, limit = ask.integer("fromId"), ask.limit(500, 1000)
    start, end = ask.integer("startTime"), ask.integer("endTime")
    check_span(start, end, _DAY_MS)

    def wanted(trade: TradeView) -> bool:
        at = millis(trade.at)
        return (
            (first is None or trade.trade_id >= first)
            and (start is None or at >= start)
            and (end is None or at <= end)
        )

    found = [
        trade for trade in ask.venue.exchange.trades(ask.account, symbol, order_id=order_id) if wanted(trade)
    ]
    rows = found[:limit] if first is not None or start is not None else found[-limit:]
    return [words.my_trade(trade, ask.text("symbol")) for trade in rows]


def order_counts(ask: Ask) -> list[dict[str, Any]]:
    short, day = ask.venue.limits.counted(ask.account)
    limits = ask.venue.limits
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": interval,
            "intervalNum": number,
            "limit": limit,
            "count": count,
        }
        for interval, number, limit, count in (
            ("SECOND", 10, limits.orders_10s, short),
            ("DAY", 1, limits.orders_day, day),
        )
    ]
