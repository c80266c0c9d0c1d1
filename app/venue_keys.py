"""Whether a venue takes the keys, and whether they can do more than they should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from domain.errors import ConfigError

if TYPE_CHECKING:
    from execution.exchanges.venue import CcxtVenue


async def check_key(venue: CcxtVenue) -> None:
    """Ask for the account. Raises ConfigError for keys that are refused, VenueError for anything else."""
    from execution.exchanges.errors import Outcome
    from execution.exchanges.line import LineFailed

    try:
        await venue.line.call("fetch_balance")
    except LineFailed as failed:
        if failed.outcome is Outcome.REFUSED:
            raise ConfigError(
                f"{venue.name} refuses the keys: {failed.message}",
                fix="Check the pair in the environment, and that it is of this venue",
            ) from failed
        raise failed.as_venue_error() from failed


def refuse_withdrawal(venue: str, told: bool | None) -> None:
    """Raise ConfigError for a key that can take money away."""
    if told:
        raise ConfigError(
            f"the key of {venue} may withdraw, and whoever gets hold of it can take the money",
            fix="Make a key that may read and trade, and nothing else",
        )


async def may_withdraw(venue: CcxtVenue) -> bool | None:
    """Whether the key can withdraw, as the venue itself says; None when it does not say.

    Binance tells with the account as this key sees it (`canWithdraw`), Coinbase by the key (`can_transfer`),
    Gate by the list of main keys, which not every key may read. MEXC tells only what the account could do.
    """
    from execution.exchanges.line import LineFailed

    exchange = venue.line.profile.ccxt_id
    asked = _ASKED.get(exchange)
    if asked is None:
        return None
    try:
        answer = await venue.line.call(asked)
    except LineFailed:
        return None
    if exchange == "binance":
        return _flag(answer.get("info") if isinstance(answer, Mapping) else None, "canWithdraw")
    if exchange == "coinbase":
        return _flag(answer, "can_transfer")
    keys = answer if isinstance(answer, list) else [answer]
    ours = [each for each in keys if _is_ours(each, venue.line.connection.credentials.key)]
    return any(_withdraws(each) for each in ours) if ours else None


_ASKED: Final = {
    "binance": "fetch_balance",
    "coinbase": "v3PrivateGetBrokerageKeyPermissions",
    "gate": "privateAccountGetMainKeys",
}


def _flag(answer: object, name: str) -> bool | None:
    value = answer.get(name) if isinstance(answer, Mapping) else None
    return value if isinstance(value, bool) else None


def _is_ours(told: Any, key: str) -> bool:
    """Gate shows keys with their middle blanked out."""
    shown = told.get("key") if isinstance(told, Mapping) else None
    return isinstance(shown, str) and len(shown) >= 4 and shown[:2] == key[:2] and shown[-2:] == key[-2:]


def _withdraws(told: Mapping[str, Any]) -> bool:
    return any(
        isinstance(each, Mapping) and each.get("name") == "withdraw" and not each.get("read_only")
        for each in told.get("perms") or ()
    )
