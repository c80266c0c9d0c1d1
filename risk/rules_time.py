"""The rules on when: trading hours, blackouts, news, open breakers, and the pauses after losses."""

from __future__ import annotations

from domain.verdicts import Breach
from risk.breaches import missing, unset
from risk.case import Case
from risk.windows import ALWAYS


def trading_hours(case: Case) -> Breach | None:
    """Entries are made within `trading_hours_utc`."""
    hours = case.limits.trading_hours_utc
    if hours is None:
        return unset("trading_hours", "trading_hours_utc")
    now = case.now
    for each in hours:
        if each is ALWAYS or each.allows(now):
            return None
    told = ", ".join(str(each) for each in hours)
    return Breach("trading_hours", told, f"{now:%a %H:%M}", f"{now:%A %H:%M} UTC is outside of {told}")


def blackout(case: Case) -> Breach | None:
    """No entry is made within one of `blackout_windows_utc`."""
    windows = case.limits.blackout_windows_utc
    if windows is None:
        return unset("blackout", "blackout_windows_utc")
    for each in windows:
        if each.forbids(case.now):
            return Breach(
                "blackout", f"not in {each}", f"{case.now:%Y-%m-%dT%H:%MZ}", f"no entries in {each}"
            )
    return None


def news_blackout(case: Case) -> Breach | None:
    """No entry in a symbol within `news_blackout_seconds` of a severe headline about it."""
    wait, market = case.limits.news_blackout_seconds, case.facts.market
    if wait is None:
        return unset("news_blackout", "news_blackout_seconds")
    if market is None:
        return missing("news_blackout", "the news")
    at = market.severe_news_at
    if at is None or not wait or (case.now - at).total_seconds() >= wait:
        return None
    return Breach(
        "news_blackout",
        f"{wait} s after severe news",
        f"{at:%H:%M:%S}",
        f"severe news about {case.intent.symbol} came at {at:%Y-%m-%d %H:%M:%S}; no entry for {wait} s",
    )


def open_breaker(case: Case) -> Breach | None:
    """No breaker that concerns the order is open."""
    breakers = case.facts.breakers
    if breakers is None:
        return missing("open_breaker", "how the breakers stand")
    if not breakers.open:
        return None
    names = ", ".join(breakers.open)
    return Breach("open_breaker", "no open breaker", names, f"the breaker {names} is open")


def loss_streak(case: Case) -> Breach | None:
    """After `max_loss_streak_count` losing round trips in a row entries wait `loss_streak_pause_seconds`."""
    most, wait, losses = (
        case.limits.max_loss_streak_count,
        case.limits.loss_streak_pause_seconds,
        case.facts.losses,
    )
    if most is None or wait is None:
        return unset("loss_streak", "max_loss_streak_count" if most is None else "loss_streak_pause_seconds")
    if losses is None:
        return missing("loss_streak", "what was lost before")
    if losses.streak < most:
        return None
    at = losses.streak_at
    if at is None:
        return missing("loss_streak", "when the last loss was")
    if (case.now - at).total_seconds() >= wait:
        return None
    return Breach(
        "loss_streak",
        f"{most} in a row, then {wait} s",
        str(losses.streak),
        f"{losses.streak} losing round trips in a row until {at:%Y-%m-%d %H:%M}; entries wait {wait} s",
    )


def loss_cooldown(case: Case) -> Breach | None:
    """No entry in a symbol within `loss_cooldown_seconds` of a losing exit from it."""
    wait, losses = case.limits.loss_cooldown_seconds, case.facts.losses
    if wait is None:
        return unset("loss_cooldown", "loss_cooldown_seconds")
    if losses is None:
        return missing("loss_cooldown", "what was lost before")
    if not wait:
        return None
    at = losses.last_loss_at.get(case.intent.symbol)
    if at is None or (case.now - at).total_seconds() >= wait:
        return None
    return Breach(
        "loss_cooldown",
        f"{wait} s after a loss",
        f"{at:%H:%M:%S}",
        f"{case.intent.symbol} was sold at a loss at {at:%Y-%m-%d %H:%M:%S}; no entry for {wait} s",
    )
