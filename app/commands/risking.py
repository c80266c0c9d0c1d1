"""`desk risk` and `desk risk stress`: what the book risks, for people and as JSON."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from app.render import amount, percent, print_json, print_pairs, print_table
from app.risk_book import Book, read_book
from app.risk_report import risk_view
from app.risk_views import ExposureView, RiskView, TailView
from app.stress_report import one_line, stress_view

_NOTHING = "Nothing is held: there is no risk to measure."


def show_risk(home: Path | None, config: Path | None, as_json: bool) -> None:
    """The measures of the home's newest session. Raises NotFound without one, ConfigError, DataError."""
    book = read_book(home, config, None)
    view = risk_view(book)
    if as_json:
        print_json(view)
        return
    _head(book, view)
    if view.assets or view.exposure.parts:
        _measures(view)
    else:
        print(_NOTHING)
    print()
    print_table(
        ("limit", "used", "allowed", "of it"),
        [
            (
                use.name,
                _limit(use.name, use.used),
                _limit(use.name, use.allowed),
                f"{float(use.used / use.allowed) if use.allowed else 0.0:.0%}",
            )
            for use in view.limits
        ],
        empty="No limit is set.",
    )
    print_table(
        ("breaker", "state", "size", "since", "cause"),
        [(each.name, each.state, f"{each.size_fraction:.0%}", each.at, each.cause) for each in view.breakers],
        empty="Every breaker is closed.",
    )
    for problem in view.problems:
        print(f"not measured: {problem}")


def _head(book: Book, view: RiskView) -> None:
    print(book.seen.age())
    pairs: dict[str, object] = {
        "equity": f"{amount(view.equity)} {view.currency}",
        "invested": f"{amount(view.invested)} {view.currency} ({float(view.invested / view.equity):.1%})",
    }
    if view.prices is not None:
        pairs["measured on"] = (
            f"{view.prices.observations:,} returns over {_span(view.prices.observation_seconds)}, "
            f"from {view.prices.bars:,} bars of {view.prices.source}"
        )
    if view.beta is not None:
        pairs[f"beta to {view.market}"] = f"{view.beta:.2f} (cash included)"
    print_pairs(pairs)


def _measures(view: RiskView) -> None:
    print()
    print_table(
        ("over one day", "VaR 99 %", "of equity", "CVaR 97.5 %", "of equity", "returns", "backtest of VaR"),
        [
            (
                tail.method,
                "-" if tail.var is None else f"{tail.var:,.2f}",
                _part(tail.var_equity_fraction),
                "-" if tail.cvar is None else f"{tail.cvar:,.2f}",
                _part(tail.cvar_equity_fraction),
                tail.observations or "-",
                _backtest(tail),
            )
            for tail in view.tails
        ],
        empty="",
    )
    print_table(
        (
            "asset",
            "value",
            "weight",
            "volatility a day",
            f"beta to {view.market}",
            "of volatility",
            "of CVaR",
        ),
        [
            (
                each.asset,
                f"{each.value:,.2f}",
                f"{each.weight:.1%}",
                f"{each.volatility:.2%}",
                "-" if each.beta is None else f"{each.beta:.2f}",
                f"{each.volatility_share:.1%}",
                f"{each.cvar_share:.1%}",
            )
            for each in view.assets
        ],
        empty="What each asset contributes is not known.",
    )
    if view.correlation is not None:
        print_table(
            ("correlation", *view.correlation.assets),
            [
                (asset, *(f"{each:+.2f}" for each in row))
                for asset, row in zip(view.correlation.assets, view.correlation.table, strict=True)
            ],
            empty="",
        )
    print_table(("exposure", "value", "of equity"), _branches(view.exposure, 0), empty="")


def _branches(part: ExposureView, depth: int) -> list[tuple[str, str, str]]:
    rows = [(f"{'  ' * depth}{part.name}", f"{part.value:,.2f}", f"{part.share:.1%}")]
    for each in part.parts:
        rows += _branches(each, depth + 1)
    return rows


def _backtest(tail: TailView) -> str:
    """How the forecasts fared, in a sentence."""
    if tail.problem:
        return tail.problem
    told = tail.backtest
    if told is None:
        return tail.backtest_problem
    verdict = "passes" if told.passes else "FAILS"
    return (
        f"{verdict}: {told.exceedances} of {told.observations:,} exceeded, {told.expected:.1f} expected "
        f"(p {told.kupiec_p:.2f} number, {told.independence_p:.2f} spacing, {told.conditional_p:.2f} both)"
    )


def _limit(name: str, value: object) -> str:
    return str(value) if name.endswith("_count") else f"{float(str(value)):.1%}"


def _part(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _span(seconds: int) -> str:
    return "one day" if seconds == 86_400 else str(timedelta(seconds=seconds))


def show_stress(
    home: Path | None, config: Path | None, as_json: bool, *, scenario: str | None, candles: Path | None
) -> None:
    """Every scenario, or one asset by asset. Raises as `show_risk`, and NotFound for an unknown scenario."""
    book = read_book(home, config, candles)
    view = stress_view(book)
    if scenario is not None:
        line = one_line(view, scenario)
        if as_json:
            print_json(line)
            return
        print(book.seen.age())
        print(f"{line.name} ({line.source}): {line.describes}")
        print_table(
            ("asset", "loses"),
            [
                *((asset, f"{each:,.2f}") for asset, each in line.by_asset.items()),
                ("total", f"{line.loss:,.2f}"),
            ],
            empty=_NOTHING,
        )
        print(f"{float(line.equity_fraction):.2%} of equity{'; ' + line.note if line.note else ''}")
        return
    if as_json:
        print_json(view)
        return
    print(book.seen.age())
    if not view.invested:
        print("Nothing is held: only what happens to cash can hurt.")
    print_table(
        ("scenario", "loses", "of equity", "how", "what it is"),
        [
            (
                line.name,
                f"{line.loss:,.2f}",
                f"{float(line.equity_fraction):.2%}",
                line.source,
                f"{line.describes}{'; ' + line.note if line.note else ''}",
            )
            for line in view.lines
        ],
        empty="There is no scenario.",
    )
    if view.allowed is not None:
        print(
            f"The gate lets the worst named shock cost at most {percent(view.allowed).lstrip('+')} of equity."
        )
    for problem in view.problems:
        print(f"not measured: {problem}")
