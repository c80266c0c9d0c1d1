"""Answering for what the venue's account holds beside the desk's books, such as a deposit."""

from __future__ import annotations

from collections.abc import Mapping

from app.bootstrap import Desk
from app.control import AcceptRequest
from domain.errors import ConfigError
from domain.money import Currency


async def accept(desk: Desk, asked: AcceptRequest) -> Mapping[str, object]:
    """Have the running desk take a surplus for somebody else's money; what is still frozen comes with it.

    Raises ConfigError without a reason, for a currency that is not traded, when nothing is frozen, and when
    the account holds less than the books say: that cannot be talked away.
    """
    if not asked.reason.strip():
        raise ConfigError("this needs a reason", fix="Say whose money it is with --reason; it is journaled")
    currency = Currency(asked.currency.strip().upper())
    traded = {each for one in desk.feed.instruments.values() for each in (one.base, one.quote)}
    if currency not in traded:
        raise ConfigError(
            f"this desk has nothing to do with {currency}", fix=f"Name one of {', '.join(sorted(traded))}"
        )
    if not desk.orders.frozen:
        raise ConfigError("nothing is frozen: there is nothing to answer for", fix="See desk status")
    await desk.orders.accept_outside(currency, f"{asked.reason.strip()} ({asked.by})")
    left = desk.orders.frozen
    message = f"{currency}: what the books do not know is not the desk's"
    if left:
        message += f"; still frozen: {'; '.join(left.values())}"
    return {"running": True, "message": message, "frozen": dict(left)}
