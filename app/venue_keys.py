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

    Binance and MEXC tell with the account as this key sees it (`canWithdraw`), Coinbase by the key
    (`can_transfer`), Gate by the list of main keys, which not every key may read.
    """
    from execution.exchanges.line import LineFailed

    exchange = venue.line.profile.ccxt_id
    asked = _ASKED.get(exchange, "fetch_balance")
    try:
        answer = await venue.line.call(asked)
    except LineFailed:
        return None
    if asked == "fetch_balance":
        return _flag(answer.get("info") if isinstance(answer, Mapping) else None, "canWithdraw")
    if exchange == "coinbase":
        return _flag(answer, "can_transfer")
    keys = answer if isinstance(answer, list) else [answer]
    ours = [each for each in keys if _is_ours(each, venue.line.connection.credentials.key)]
    return any(_withdraws(each) for each in ours) if ours else None


_ASKED: Final = {
    "coinbase": "v3PrivateGetBrokerageKeyPermissions",
    "gate": "privateAccountGetMainKeys",
}


def _flag(answer: object, name: str) -> bool | None:
    value = answer.get(name) if isinstance(answer, Mapping) else None
    return value if isinstance(value, bool) else None


def _is_ours(told: Any, key: str) -> bool:
    """Gate shows how a key begins, and asterisks."""
    shown = told.get("key") if isinstance(told, Mapping) else None
    return isinstance(shown, str) and bool(shown.rstrip("*")) and key.startswith(shown.rstrip("*"))


def _withdraws(told: Mapping[str, Any]) -> bool:
    return any(
        isinstance(each, Mapping)
        and str(each.get("name")).startswith("withdraw")
        and not each.get("read_only")
        for each in told.get("perms") or ()
    )
