"""What a book loses in every scenario: days on record, rules, and thousands of days drawn at random."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import numpy as np

from app.risk_book import Book
from app.risk_views import StressLineView, StressView
from app.viewing import fraction
from domain.errors import DataError, NotFound
from domain.money import ZERO, decimal_from
from risk.measures.relations import correlation
from risk.measures.returns import Returns, Table
from risk.stress import conditions
from risk.stress.conditions import Holding
from risk.stress.drawn import FREEDOM, PULL, SCENARIOS, VOLATILITY, draw
from risk.stress.replay import EVENTS, replay
from risk.stress.scenarios import SCENARIOS as NAMED
from risk.stress.scenarios import Scenario

TOGETHER: Final = "correlation-to-one"
OUTAGE: Final = "venue-outage"
DRY: Final = "dry-market"
DRAWN: Final = "drawn-days"
_DRAWN_LEVEL: Final = 0.99
_CENT: Final = Decimal("0.01")


def stress_view(book: Book) -> StressView:
    """Every scenario, worst first. Those that need more than is known say so in `problems`."""
    session = book.seen.session
    problems: list[str] = []
    lines = [*_named(book)]
    if book.values:
        lines += _conditions(book, problems)
    lines.sort(key=lambda line: -line.loss)
    return StressView(
        running=book.seen.live,
        session=session.started.session,
        as_of=session.as_of,
        currency=session.started.currency,
        equity=book.equity,
        invested=book.invested,
        allowed=book.limits.max_stressed_loss_equity_fraction,
        lines=tuple(lines),
        problems=tuple(problems),
    )


def one_line(view: StressView, name: str) -> StressLineView:
    """The scenario of that name. Raises NotFound naming those there are."""
    for line in view.lines:
        if line.name == name:
            return line
    known = ", ".join(sorted(line.name for line in view.lines))
    raise NotFound(f"there is no scenario {name!r} for this book", fix=f"There are: {known}")


def _named(book: Book) -> list[StressLineView]:
    """Shocks by name, the account's own currency included; those of a past day replayed where possible."""
    cash = book.seen.session.portfolio.cash
    events = {event.name: event for event in EVENTS}
    lines = []
    for scenario in NAMED:
        values, note, source = dict(book.values), "", "parametric"
        chosen = scenario
        if event := events.get(scenario.name):
            source = "stand-in"
            try:
                if book.values:
                    chosen, source = replay(event, book.history.closes, book.values), "replayed"
            except DataError as error:
                note = f"not replayed: {error.message}"
        currency = book.seen.session.started.currency
        if currency in scenario.shocks:
            values[currency] = values.get(currency, ZERO) + max(ZERO, cash)
            note = "cash included"
        lines.append(_line(book, chosen, source, values, note))
    return lines


def _line(
    book: Book, scenario: Scenario, source: str, values: Mapping[str, Decimal], note: str
) -> StressLineView:
    by_asset = {asset: -value * scenario.shock(asset) for asset, value in values.items()}
    return _told(book, scenario.name, source, by_asset, scenario.describes, note)


def _told(
    book: Book, name: str, source: str, by_asset: Mapping[str, Decimal], describes: str, note: str = ""
) -> StressLineView:
    lost = sum(by_asset.values(), ZERO)
    return StressLineView.model_validate(
        {
            "name": name,
            "source": source,
            "loss": lost.quantize(_CENT),
            "equity_fraction": fraction(lost, book.equity),
            "by_asset": {asset: each.quantize(_CENT) for asset, each in by_asset.items()},
            "describes": describes,
            "note": note,
        }
    )


def _conditions(book: Book, problems: list[str]) -> list[StressLineView]:
    """The rules that need the assets' volatility, their correlation or their volume."""
    assets = tuple(sorted(book.values))
    try:
        returns = book.prices.returns(assets)
        table = correlation(returns)
    except DataError as error:
        problems.append(f"{TOGETHER}, {OUTAGE}, {DRY}, {DRAWN}: {error.message}")
        return []
    held = _holdings(book, returns)
    lines = [
        _told(
            book,
            TOGETHER,
            "parametric",
            conditions.all_together(held),
            f"Every asset falls by {conditions.SIGMAS:.0f} of its daily standard deviations at once: "
            "the worst that any correlation can do to a book that only holds",
        ),
        _told(
            book,
            OUTAGE,
            "parametric",
            conditions.venue_out(held),
            f"No exit for {conditions.OUTAGE_HOURS:.0f} hours at {conditions.STRESSED:.0f} times the usual "
            f"volatility: exceeded once in {1 / (1 - conditions.LEVEL):.0f} such outages",
        ),
        _drawn(book, returns, table),
    ]
    unknown = [asset for asset in assets if asset not in book.prices.volumes]
    if unknown:
        problems.append(
            f"{DRY}: the volume of {', '.join(unknown)} is not known from {book.prices.source}; "
            "name the session's candles in the settings"
        )
    else:
        lines.append(_dry(book, held))
    return lines


def _holdings(book: Book, returns: Returns) -> dict[str, Holding]:
    a_day = math.sqrt(returns.per_day)
    return {
        asset: Holding(
            value,
            float(np.std(returns.of(asset), ddof=1)) * a_day,
            decimal_from(book.prices.volumes.get(asset, 0.0)),
        )
        for asset, value in book.values.items()
    }


def _dry(book: Book, held: Mapping[str, Holding]) -> StressLineView:
    """The square-root law of the paper venue (simulator.impact), over an hour of a tenth of the volume."""
    coefficient = book.settings.costs.impact

    def cost(share: Decimal, volatility: Decimal) -> Decimal:
        return coefficient * volatility * share.sqrt()

    return _told(
        book,
        DRY,
        "parametric",
        conditions.dry_market(held, cost),
        f"Everything is sold within an hour in which {conditions.DRY:.0%} of the usual volume trades: "
        "the cost of getting out by the square-root law of impact",
    )


def _drawn(book: Book, returns: Returns, table: Table) -> StressLineView:
    values = np.array([float(book.values[asset]) for asset in returns.assets])
    volatility = returns.values.std(axis=0, ddof=1) * math.sqrt(returns.per_day)
    drawn = draw(values, volatility, table)
    _, shortfall = drawn.tail(_DRAWN_LEVEL)
    worst = drawn.worst_moves
    told = ", ".join(f"{asset} {move:+.0%}" for asset, move in zip(returns.assets, worst, strict=True))
    line = _told(
        book,
        DRAWN,
        "drawn",
        {"book": decimal_from(shortfall)},
        f"{SCENARIOS:,} days with {VOLATILITY:.0f} times the volatility, correlations half way to one "
        f"({PULL:.0%}) and tails of a Student t with {FREEDOM:.0f} degrees: the mean of the worst 1 %",
    )
    return line.model_copy(update={"note": f"the worst day drawn loses {drawn.worst:,.2f} ({told})"})
